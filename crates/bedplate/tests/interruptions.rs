//! Builds that are interrupted, and builds at the same time: nothing half done is left, and the next one goes well.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use bedplate_testkit::Layer;
use workshop::{KERNEL, Said, Workshop, files_in, judge};

/// How long anything here may take before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn signal(child: &Child, name: &str) {
    judge(&format!("kill -{name} {}", child.id()), &[]);
}

/// Waits for a build that gets `name`, and checks its last words.
#[track_caller]
fn interrupted(child: Child, name: &str, code: i32) {
    signal(&child, name);
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(code), "{said:?}");
    assert!(
        said.err
            .ends_with("interrupted: nothing half done is left\n"),
        "{said:?}"
    );
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain {what}");
        std::thread::yield_now();
    }
}

fn temporary_files(directory: &Path) -> usize {
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    names
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"))
        .count()
}

#[test]
fn an_interrupted_build_leaves_nothing_half_done() {
    let workshop = Workshop::with_images();
    workshop.write(
        "host.yml",
        format!("{KERNEL}init: [bedplate, 'tar:root.tar']\n"),
    );
    let root = Layer::new()
        .file("etc/motd", 0o644, "hello ".repeat(1 << 20))
        .tar();
    workshop.write("root.tar", &root);
    let build = ["build", "host.yml", "-o", "out"];
    workshop.run(&build).good();
    let out = workshop.home().join("out");
    let earlier = files_in(&out);
    let scratch = workshop.home().join("cache/bedplate/tmp");

    for (name, code) in [("INT", 130), ("TERM", 143)] {
        // While an image is read: half of the archive comes through a pipe, and no more.
        let pipe = workshop.home().join("root.tar");
        fs::remove_file(&pipe).unwrap();
        judge("mkfifo -m 666 \"$1\"", &[&pipe]);
        let child = workshop.start(&build);
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        writer.write_all(&root[..root.len() / 2]).unwrap();
        assert_eq!(temporary_files(&scratch), 1);
        interrupted(child, name, code);
        drop(writer);
        assert_eq!(temporary_files(&scratch), 0);
        assert!(files_in(&out) == earlier);
        fs::remove_file(&pipe).unwrap();
        workshop.write("root.tar", &root);

        // While the outputs are written, which takes long enough to be seen.
        let slow = [&build[..], &["--compression", "zstd", "--level", "22"]].concat();
        let segments = workshop.home().join("cache/bedplate/segments");
        fs::remove_dir_all(segments).unwrap();
        let mut child = workshop.start(&slow);
        wait_until("for the initrd", || {
            assert!(child.try_wait().unwrap().is_none(), "it has ended already");
            temporary_files(&out) >= 1
        });
        interrupted(child, name, code);
        assert_eq!((temporary_files(&out), temporary_files(&scratch)), (0, 0));
        assert!(files_in(&out) == earlier);
    }
    workshop.run(&build).good();
    assert!(files_in(&out) == earlier);
}

#[test]
fn what_a_build_started_ends_with_it() {
    let workshop = Workshop::with_images();
    // A mirror of packages that takes connections and says nothing, so that apt waits.
    let mirror = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mirror.local_addr().unwrap();
    let packages =
        format!("{{include: [hello], suite: stable, mirror: 'http://{address}/debian'}}");
    workshop.write(
        "host.yml",
        format!("{KERNEL}init: [bedplate, {{packages: {packages}}}]\n"),
    );
    let child = workshop.start(&["build", "host.yml", "-o", "out"]);
    let connection = mirror.accept().unwrap();
    let home = workshop.home().to_str().unwrap();
    assert!(!processes_that_name(home, child.id()).is_empty());
    interrupted(child, "TERM", 143);
    drop(connection);
    wait_until("for the end of apt-get", || {
        processes_that_name(home, 0).is_empty()
    });
    assert!(files_in(&workshop.home().join("cache/bedplate/tmp")).is_empty());
}

/// Other processes than `but` whose command line names `text`.
fn processes_that_name(text: &str, but: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|process| process.file_name().into_string().ok());
    names
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && *id != but.to_string())
        .filter_map(|id| fs::read(format!("/proc/{id}/cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

#[test]
fn two_builds_at_once_share_a_cache() {
    let workshop = Workshop::with_images();
    workshop.write_noise(4 << 20);
    workshop.write(
        "host.yml",
        format!("{KERNEL}init: ['oci:images:over', 'oci:images:large']\n"),
    );
    let builds: Vec<Child> = ["one", "two", "three"]
        .iter()
        .map(|out| workshop.start(&["build", "host.yml", "-o", out]))
        .collect();
    for build in builds {
        Said::from(build.wait_with_output().unwrap()).good();
    }
    let files = |out: &str| files_in(&workshop.home().join(out));
    assert!(files("one") == files("two") && files("two") == files("three"));
    // And into one directory: whoever comes last, the outputs are whole.
    let builds: Vec<Child> = (0..2)
        .map(|_| workshop.start(&["build", "host.yml", "-o", "both", "--compression", "gzip"]))
        .collect();
    for build in builds {
        Said::from(build.wait_with_output().unwrap()).good();
    }
    workshop
        .run(&["build", "host.yml", "-o", "again", "--compression", "gzip"])
        .good();
    assert!(files("both") == files("again"));
}
