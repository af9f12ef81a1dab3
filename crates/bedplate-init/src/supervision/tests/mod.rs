//! The machine driven by scripts: what happens on the left, what it decides below.

mod ending;
mod starting;

use bedplate_boot::{Host, OnFailure, Probe, Ready, Restart, Service, Unit};

use super::*;

fn unit(name: &str) -> Unit {
    Unit {
        name: name.into(),
        bundle: format!("/containers/onboot/000-{name}"),
        on_failure: OnFailure::Stop,
    }
}

fn service(name: &str, after: &[&str]) -> Service {
    Service {
        name: name.into(),
        bundle: format!("/containers/services/{name}"),
        restart: Restart::OnFailure,
        after: after.iter().map(|&name| name.into()).collect(),
        ready: None,
    }
}

fn probed() -> Option<Ready> {
    Some(Ready {
        probe: Probe::Tcp(80),
        interval_ms: 200,
        timeout_ms: 1000,
    })
}

/// Plays a script of lines `TIME WHAT [NAME [NUMBER]]` and gives each line with what was decided.
fn play(host: &Host, script: &str) -> String {
    let mut supervisor = Supervisor::new(host);
    let mut text = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now = words[0].parse().unwrap();
        let id = || supervisor.find(words[2]).unwrap();
        let number = || words.get(3).map_or(0_i32, |number| number.parse().unwrap());
        let happening = match words[1] {
            "begin" => Happening::Begin,
            "created" => Happening::Created(id(), Ok(number().unsigned_abs())),
            "not-created" => Happening::Created(id(), Err("no room".into())),
            "launched" => Happening::Launched(id(), Ok(())),
            "exited" => Happening::Exited(id(), number()),
            "deleted" => Happening::Deleted(id()),
            "passed" => Happening::Probed(id(), supervisor.entry(id()).run, true),
            "not-passed" => Happening::Probed(id(), supervisor.entry(id()).run, false),
            "start" => Happening::Start(id()),
            "stop" => Happening::Stop(id()),
            "restart" => Happening::Restart(id()),
            "down" => Happening::GoDown,
            "tick" => Happening::Tick,
            other => panic!("`{other}` in the script"),
        };
        let actions = supervisor.decide(happening, now);
        text.push_str(line);
        text.push('\n');
        for action in &actions {
            text.push_str(&format!("  {}\n", describe(&supervisor, action)));
        }
    }
    text
}

fn describe(supervisor: &Supervisor, action: &Action) -> String {
    let name = |id: &UnitId| supervisor.entry(*id).name.clone();
    match action {
        Action::Create(id) => format!("create {}", name(id)),
        Action::Launch(id) => format!("launch {}", name(id)),
        Action::Terminate(id) => format!("terminate {}", name(id)),
        Action::Kill(id) => format!("kill {}", name(id)),
        Action::Abandon(id) => format!("abandon {}", name(id)),
        Action::Delete(id) => format!("delete {}", name(id)),
        Action::Probe(id) => format!("probe {}", name(id)),
        Action::Report(container) => format!("{} is {:?}", container.name, container.state),
        Action::Say(text) => format!("say: {text}"),
        Action::Up => "up".into(),
        Action::StopBoot(message) => format!("stop the boot: {message}"),
        Action::End => "end".into(),
    }
}

fn check(host: &Host, expected: &str) {
    let expected: Vec<&str> = expected
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let margin = expected[0].len() - expected[0].trim_start().len();
    let expected: String = expected
        .iter()
        .map(|line| format!("{}\n", &line[margin..]))
        .collect();
    let script: String = expected
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| format!("{line}\n"))
        .collect();
    let played = play(host, &script);
    assert_eq!(played, expected, "\nplayed:\n{played}");
}
