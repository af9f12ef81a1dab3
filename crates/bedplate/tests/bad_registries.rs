//! Registries and mirrors that refuse, fail or fall silent: each ends in one message and in a bounded time.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::net::TcpListener;

use bedplate_testkit::faults::{Act, Server};
use insta::assert_snapshot;
use workshop::{KERNEL, Workshop, files_in};

/// As little patience as there is.
const IMPATIENT: [&str; 4] = ["--network-timeout", "1", "--retries", "0"];

/// The message of a build whose image is at `host`, without the port.
#[track_caller]
fn refused(workshop: &Workshop, host: &str, code: i32) -> String {
    let spec =
        format!("{KERNEL}services: [{{name: web, image: '{host}/any:web', command: [/x]}}]\n");
    workshop.write("host.yml", spec);
    let build = [&["build", "host.yml", "-o", "out"][..], &IMPATIENT].concat();
    let message = workshop.run(&build).bad(code);
    assert!(!workshop.home().join("out").exists());
    assert!(files_in(&workshop.home().join("cache/bedplate/tmp")).is_empty());
    message.replace(host, "HOST")
}

#[test]
fn registries_that_do_not_answer_as_they_should_are_one_message() {
    let workshop = Workshop::with_images();
    let saying = |status: u16| {
        let script = move |asked: &bedplate_testkit::faults::Asked, _| match asked
            .path
            .contains("/manifests/")
        {
            true => Act::Say(status, String::new(), "<html>no</html>".into()),
            false => Act::Serve,
        };
        Server::start(&workshop.home().join("images"), script)
    };
    assert_snapshot!(refused(&workshop, &saying(401).host, 4), @r"
    error: cannot get image `HOST/any:web`: HOST does not let us in
    hint: log in (`docker login HOST`), or look whether the name is right
    ");
    assert_snapshot!(refused(&workshop, &saying(403).host, 4), @r"
    error: cannot get image `HOST/any:web`: HOST answers with status 403
    hint: log in (`docker login HOST`), or look whether the name is right
    ");
    assert_snapshot!(refused(&workshop, &saying(404).host, 4), @r"
    error: cannot get image `HOST/any:web`: HOST answers with status 404
    hint: look whether the name and the tag are right
    ");
    assert_snapshot!(refused(&workshop, &saying(500).host, 4), @"error: cannot get image `HOST/any:web`: HOST answers with status 500");

    let nonsense = Server::start(&workshop.home().join("images"), |asked, _| {
        match asked.path.contains("/manifests/") {
            true => Act::Instead(b"<html>welcome to the wireless network</html>".to_vec()),
            false => Act::Serve,
        }
    });
    assert_snapshot!(refused(&workshop, &nonsense.host, 5), @r"
    error: cannot get image `HOST/any:web`: its manifest is malformed
      caused by: expected value at line 1 column 1
    ");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let message = refused(&workshop, &nobody, 4);
    assert!(
        message.starts_with("error: cannot get image `HOST/any:web`: cannot reach HOST"),
        "{message}"
    );
}

#[test]
fn silence_is_given_up() {
    let workshop = Workshop::with_images();
    // From the first word on.
    let server = Server::start(&workshop.home().join("images"), |_, _| Act::StallAfter(0));
    assert_snapshot!(refused(&workshop, &server.host, 4), @"error: cannot get image `HOST/any:web`: HOST sent nothing for 1 s");
    // In the middle of a manifest.
    let server = Server::start(&workshop.home().join("images"), |asked, _| {
        match asked.path.contains("/manifests/") {
            true => Act::StallAfter(10),
            false => Act::Serve,
        }
    });
    assert_snapshot!(refused(&workshop, &server.host, 4), @"error: cannot get image `HOST/any:web`: HOST sent nothing for 1 s");

    // A mirror of packages that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = silent.local_addr().unwrap();
    let spec = format!(
        "{KERNEL}init: [bedplate, {{packages: {{include: [hello], suite: stable, mirror: 'http://{mirror}/debian'}}}}]\n"
    );
    workshop.write("host.yml", spec);
    let build = [&["build", "host.yml", "-o", "out"][..], &IMPATIENT].concat();
    let message = workshop.run(&build).bad(4);
    let said =
        format!("apt-get says: E: Failed to fetch http://{mirror}/debian/dists/stable/InRelease");
    assert!(message.contains(&said), "{message}");
}
