//! The metadata agent, against imitations of the services on loopback.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A service: for a method and path, the header line that it wants (empty for none) and its answer.
type Pages = &'static [(&'static str, &'static str, &'static str)];

const KEY: &str = "ssh-ed25519 AAAA me";

/// Runs the agent against a service and gives its output and the files that it wrote.
fn ask(provider: &str, pages: Pages, broken: usize) -> (Output, BTreeMap<String, String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the test's process.
    std::thread::spawn(move || {
        let failures = AtomicUsize::new(broken);
        for stream in listener.incoming() {
            answer(stream.unwrap(), pages, &failures);
        }
    });
    run(provider, &base, "20")
}

fn run(provider: &str, base: &str, wait: &str) -> (Output, BTreeMap<String, String>) {
    let into = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bedplate-tools"))
        .args([
            "metadata",
            "--hostname=keep",
            &format!("--provider={provider}"),
        ])
        .arg(format!("--base={base}"))
        .arg(format!("--wait={wait}"))
        .arg(format!("--into={}", into.path().display()))
        .output()
        .unwrap();
    let mut files = BTreeMap::new();
    collect(into.path(), into.path(), &mut files);
    (output, files)
}

fn collect(root: &Path, at: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

fn answer(mut stream: TcpStream, pages: Pages, failures: &AtomicUsize) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let request = request.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let less = |left: usize| left.checked_sub(1);
    if failures
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
    {
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    let page = pages.iter().find(|(known, ..)| *known == request);
    let text = match page {
        Some((_, header, body))
            if header.is_empty() || headers.iter().any(|line| line == header) =>
        {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        Some(_) => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(),
        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    let _ = stream.write_all(text.as_bytes());
}

#[track_caller]
fn good(provider: &str, pages: Pages) {
    let (output, files) = ask(provider, pages, 0);
    assert!(output.status.success(), "{output:?}");
    let expected = [
        ("hostname", "web-1\n".to_owned()),
        ("provider", format!("{provider}\n")),
        ("ssh/authorized_keys", format!("{KEY}\n")),
        ("userdata", "hello".to_owned()),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text));
    assert_eq!(files, BTreeMap::from(expected));
}

const AWS: Pages = &[
    (
        "PUT /latest/api/token",
        "X-aws-ec2-metadata-token-ttl-seconds: 300",
        "TOKEN",
    ),
    (
        "GET /latest/meta-data/local-hostname",
        "X-aws-ec2-metadata-token: TOKEN",
        "web-1",
    ),
    (
        "GET /latest/meta-data/public-keys/",
        "X-aws-ec2-metadata-token: TOKEN",
        "0=mine",
    ),
    (
        "GET /latest/meta-data/public-keys/0/openssh-key",
        "X-aws-ec2-metadata-token: TOKEN",
        KEY,
    ),
    (
        "GET /latest/user-data",
        "X-aws-ec2-metadata-token: TOKEN",
        "hello",
    ),
];

#[test]
fn aws_is_asked_with_a_token() {
    good("aws", AWS);
}

#[test]
fn google_wants_its_header() {
    good(
        "gcp",
        &[
            (
                "GET /computeMetadata/v1/instance/hostname",
                "Metadata-Flavor: Google",
                "web-1",
            ),
            (
                "GET /computeMetadata/v1/instance/attributes/ssh-keys",
                "Metadata-Flavor: Google",
                "me:ssh-ed25519 AAAA me",
            ),
            (
                "GET /computeMetadata/v1/instance/attributes/user-data",
                "Metadata-Flavor: Google",
                "hello",
            ),
        ],
    );
}

#[test]
fn azure_answers_in_json() {
    good(
        "azure",
        &[(
            "GET /metadata/instance?api-version=2021-02-01",
            "Metadata: true",
            r#"{"compute": {"name": "vm", "osProfile": {"computerName": "web-1"}, "publicKeys": [{"keyData": "ssh-ed25519 AAAA me\r\n"}], "userData": "aGVsbG8="}}"#,
        )],
    );
}

#[test]
fn openstack_answers_in_json() {
    good(
        "openstack",
        &[
            (
                "GET /openstack/latest/meta_data.json",
                "",
                r#"{"hostname": "web-1", "public_keys": {"mine": "ssh-ed25519 AAAA me\n"}}"#,
            ),
            ("GET /openstack/latest/user_data", "", "hello"),
        ],
    );
}

#[test]
fn hetzner_answers_page_by_page() {
    good(
        "hetzner",
        &[
            ("GET /hetzner/v1/metadata/hostname", "", "web-1"),
            (
                "GET /hetzner/v1/metadata/public-keys",
                "",
                r#"["ssh-ed25519 AAAA me"]"#,
            ),
            ("GET /hetzner/v1/userdata", "", "hello"),
        ],
    );
}

#[test]
fn digitalocean_answers_in_json() {
    good(
        "digitalocean",
        &[(
            "GET /metadata/v1.json",
            "",
            r#"{"hostname": "web-1", "public_keys": ["ssh-ed25519 AAAA me"], "user_data": "hello"}"#,
        )],
    );
}

#[test]
fn a_service_that_is_not_well_is_asked_again() {
    let (output, files) = ask("aws", AWS, 2);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(files["hostname"], "web-1\n");
}

#[test]
fn user_data_may_be_a_tree_of_files() {
    let pages: Pages = &[
        ("GET /hetzner/v1/metadata/hostname", "", "not a name"),
        (
            "GET /hetzner/v1/userdata",
            "",
            r#"{"app": {"entries": {"port": {"content": "80"}}}}"#,
        ),
    ];
    let (output, files) = ask("hetzner", pages, 0);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(files["app/port"], "80");
    assert!(
        !files.contains_key("hostname") && !files.contains_key("ssh/authorized_keys"),
        "{files:?}"
    );
}

#[test]
fn what_cannot_be_had_is_told_and_nothing_is_written() {
    let refused: Pages = &[("PUT /latest/api/token", "X-no: such", "")];
    let (output, files) = ask("aws", refused, 0);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("/latest/api/token: the answer is 401"),
        "{said}"
    );
    assert!(files.is_empty(), "{files:?}");

    let (output, _) = ask(
        "azure",
        &[(
            "GET /metadata/instance?api-version=2021-02-01",
            "",
            "<html>",
        )],
        0,
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is not as it should be"), "{said}");

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (output, _) = run("aws", &format!("http://{free}"), "1");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Connection refused"), "{said}");

    let (output, _) = run("cloud", "http://127.0.0.1:1", "1");
    assert_eq!(output.status.code(), Some(2));
}
