//! A child does not outlive a parent that is killed. The test starts itself again to have a parent to kill.
#![allow(clippy::print_stderr, reason = "how the inner test tells its child")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bedplate_sys::child::TiedChild;
use bedplate_sys::tool::Tool;

const NAME: &str = "a_child_does_not_outlive_a_killed_parent";
const INNER: &str = "BEDPLATE_TEST_INNER";

#[test]
fn a_child_does_not_outlive_a_killed_parent() {
    if std::env::var_os(INNER).is_some() {
        let child = TiedChild::spawn(Tool::new("sleep", "coreutils").arg("600")).unwrap();
        eprintln!("child {}", child.id());
        child.wait(Duration::from_secs(600));
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap());
    parent
        .args(["--exact", NAME, "--nocapture"])
        .env(INNER, "1");
    let mut parent = parent
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let child = lines
        .find_map(|line| line.strip_prefix("child ").map(str::to_owned))
        .unwrap();
    // Gone also counts for a zombie: it has no program any more.
    let program = Path::new("/proc").join(child).join("exe");
    assert!(program.read_link().is_ok(), "{}", program.display());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while program.read_link().is_ok() {
        assert!(
            Instant::now() < deadline,
            "{} still runs",
            program.display()
        );
        std::thread::yield_now();
    }
}
