//! Answers as people read them.

use bedplate_boot::control::{Container, Event, State};

fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Starting => "starting",
        State::Ready => "ready",
        State::Restarting => "restarting",
        State::Stopped => "stopped",
        State::Failed => "failed",
    }
}

/// A table with a line for each container.
pub fn table(containers: &[Container]) -> String {
    let number =
        |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let mut rows = vec![["NAME", "ROLE", "STATE", "PID", "EXIT", "RESTARTS"].map(str::to_owned)];
    rows.extend(containers.iter().map(|container| {
        [
            container.name.clone(),
            container.role.clone(),
            word(container.state).to_owned(),
            number(container.pid.map(i64::from)),
            number(container.exit.map(i64::from)),
            container.restarts.to_string(),
        ]
    }));
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A line for what happened.
pub fn event(event: &Event) -> String {
    match event {
        Event::Hello { version } => format!("bedplate-init {version}\n"),
        Event::Container(container) => format!(
            "{} {} is {}\n",
            container.role,
            container.name,
            word(container.state)
        ),
        Event::Up { uptime_ms } => format!("up after {uptime_ms} ms\n"),
        Event::BootFailed { message } => format!("the boot stopped: {message}\n"),
        Event::Down { how, code } => format!("{how}, exit state {code}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let container = |name: &str, state, pid, exit| Container {
            name: name.into(),
            role: "service".into(),
            state,
            pid,
            exit,
            restarts: 0,
        };
        assert_eq!(
            table(&[
                container("web", State::Ready, Some(412), None),
                container("database", State::Failed, None, Some(139))
            ]),
            "NAME      ROLE     STATE   PID  EXIT  RESTARTS\n\
             web       service  ready   412  -     0\n\
             database  service  failed  -    139   0\n"
        );
    }
}
