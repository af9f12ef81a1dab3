//! The policy of a run against guests that play a script under the real QEMU.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod scripted;

use std::path::Path;
use std::time::Duration;

use bedplate_boot::control::Event;
use bedplate_run::{ConsoleTo, End, RunError, RunEvent, RunOptions, RunOutcome, run};

const HELLO: &str = "{\"event\":{\"hello\":{\"version\":\"0\"}}}\n";
const UP: &str =
    "{\"event\":{\"hello\":{\"version\":\"0\"}}}\n{\"event\":{\"up\":{\"uptime_ms\":7}}}\n";
const DOWN: &str =
    "{\"id\":2,\"reply\":\"done\"}\n{\"event\":{\"down\":{\"how\":\"poweroff\",\"code\":0}}}\n";

fn options(directory: &Path) -> RunOptions {
    let mut options = RunOptions::new(directory);
    options.console = ConsoleTo::None;
    options.accelerator = "tcg".parse().unwrap();
    options.timeout = Some(Duration::from_secs(60));
    options
}

fn play(options: &RunOptions) -> (Result<RunOutcome, RunError>, Vec<RunEvent>) {
    let mut events = Vec::new();
    let result = run(options, &mut |event| events.push(event));
    (result, events)
}

#[test]
fn vm_a_command_is_run_and_the_host_powered_off() {
    let dir = tempfile::tempdir().unwrap();
    let answer = "noise\n{\"id\":1,\"reply\":{\"output\":{\"stream\":\"out\",\"bytes\":\"hi\\n\"}}}\n{\"id\":1,\"reply\":{\"exit\":{\"code\":0}}}\n";
    scripted::write_host(dir.path(), "booting\r\n", UP, &[answer, DOWN]);
    let mut options = options(dir.path());
    options.exec.push("@web echo hi".parse().unwrap());
    let (result, events) = play(&options);
    let outcome = result.unwrap();
    assert_eq!(
        outcome.end,
        End::Down {
            how: "poweroff".into(),
            code: 0
        }
    );
    assert_eq!((outcome.exec, outcome.exit_code()), (Some(0), 0));
    assert!(
        events.contains(&RunEvent::Host(Event::Up { uptime_ms: 7 })),
        "{events:?}"
    );
    let written =
        |event: &RunEvent| matches!(event, RunEvent::ExecOutput { bytes, .. } if bytes == b"hi\n");
    assert!(events.iter().any(written), "{events:?}");
}

#[test]
fn vm_the_first_command_that_fails_is_the_last() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(
        dir.path(),
        "",
        UP,
        &["{\"id\":1,\"reply\":{\"exit\":{\"code\":7}}}\n", DOWN],
    );
    let mut options = options(dir.path());
    options.exec = vec!["false".parse().unwrap(), "never".parse().unwrap()];
    let outcome = play(&options).0.unwrap();
    assert_eq!((outcome.exec, outcome.exit_code()), (Some(7), 7));
}

#[test]
fn vm_a_host_that_stops_booting_fails_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let control = "{\"event\":{\"boot-failed\":{\"message\":\"onboot `x` failed\"}}}\n{\"event\":{\"down\":{\"how\":\"poweroff\",\"code\":1}}}\n";
    scripted::write_host(dir.path(), "", &format!("{HELLO}{control}"), &[]);
    let mut options = options(dir.path());
    options.exec.push("never".parse().unwrap());
    let outcome = play(&options).0.unwrap();
    assert_eq!(outcome.boot_failure.as_deref(), Some("onboot `x` failed"));
    assert_eq!((outcome.exec, outcome.exit_code()), (None, 1));
}

#[test]
fn vm_a_panic_is_seen_on_the_console() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(dir.path(), "Kernel panic - not syncing: x\r\n", "", &[]);
    let outcome = play(&options(dir.path())).0.unwrap();
    assert_eq!(
        (outcome.end.clone(), outcome.exit_code()),
        (End::Silent, 141),
        "{outcome:?}"
    );
}

#[test]
fn vm_what_is_not_up_in_time_is_an_error_with_the_console() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(dir.path(), "stuck here\r\n", "", &["never asked"]);
    let mut options = options(dir.path());
    options.timeout = Some(Duration::from_secs(6));
    options.publish.push("80".parse().unwrap());
    options.wait_for = Some("http://guest/".parse().unwrap());
    let (result, events) = play(&options);
    let error = result.unwrap_err();
    assert!(
        error.to_string().ends_with("did not answer within 6 s"),
        "{error}"
    );
    assert!(error.console().unwrap().contains("stuck here"), "{error:?}");
    let port = |event: &RunEvent| matches!(event, RunEvent::Started { forwards, .. } if forwards[0].guest == 80);
    assert!(events.iter().any(port), "{events:?}");
}

#[test]
fn vm_a_host_that_ends_too_early_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(dir.path(), "short life\r\n", "", &[]);
    let mut options = options(dir.path());
    options.exec.push("never".parse().unwrap());
    let error = play(&options).0.unwrap_err();
    assert!(
        error.to_string().contains("ended before it was up"),
        "{error}"
    );
}

#[test]
fn vm_an_interrupt_powers_off_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let down = DOWN.replace("\"id\":2", "\"id\":1");
    scripted::write_host(dir.path(), "", UP, &[&down]);
    let mut options = options(dir.path());
    let console = dir.path().join("console.log");
    options.console = ConsoleTo::File(console.clone());
    let interrupts = options.interrupts.clone();
    let mut events = Vec::new();
    let outcome = run(&options, &mut |event| {
        if event == RunEvent::Host(Event::Up { uptime_ms: 7 }) {
            interrupts.interrupt();
        }
        events.push(event);
    });
    let outcome = outcome.unwrap();
    assert_eq!(
        (outcome.end.clone(), outcome.exit_code()),
        (
            End::Down {
                how: "poweroff".into(),
                code: 0
            },
            130
        )
    );
    assert!(events.contains(&RunEvent::PoweringOff), "{events:?}");
    assert!(console.exists());
}

#[test]
fn vm_a_second_interrupt_kills() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(dir.path(), "", UP, &["ignored\n", "never sent"]);
    let options = options(dir.path());
    let interrupts = options.interrupts.clone();
    let outcome = run(&options, &mut |event| match event {
        RunEvent::Host(Event::Up { .. }) | RunEvent::PoweringOff => interrupts.interrupt(),
        _ => {}
    });
    let outcome = outcome.unwrap();
    assert_eq!(
        (outcome.end.clone(), outcome.exit_code()),
        (End::Killed, 137)
    );
}

#[test]
fn vm_a_taken_port_is_told() {
    let dir = tempfile::tempdir().unwrap();
    scripted::write_host(dir.path(), "", "", &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut options = options(dir.path());
    options.publish.push(format!("{port}:80").parse().unwrap());
    let error = play(&options).0.unwrap_err();
    assert!(
        error.to_string().contains("a port to publish is taken"),
        "{error}"
    );
}
