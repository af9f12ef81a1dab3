//! A registry behind TLS, with a certificate that is trusted and one that is not.
//!
//! Which certificates are trusted is for the system to say (here by `SSL_CERT_FILE`), so the test
//! starts itself again with another environment.

#![allow(clippy::unwrap_used)]

#[path = "support/serving.rs"]
mod serving;
mod support;

use std::path::Path;
use std::sync::Mutex;

use bedplate_sources::{ErrorKind, Sources};
use bedplate_sys::tool::Tool;
use bedplate_testkit::registry::{Access, Registry};
use bedplate_types::{Progress, Silent, Task};
use serving::*;
use support::*;

const INSIDE: &str = "BEDPLATE_TEST_TLS_MIRROR";

#[test]
fn certificates_are_checked() {
    let mut options = quick(&Bench::new());
    options.stall = std::time::Duration::from_secs(20);
    options.retries = 0;
    if let Ok(mirror) = std::env::var(INSIDE) {
        if mirror.is_empty() {
            let error = Bench::new().resolve("registry.test/web:v1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ToolMissing, "{}", chain(&error));
            return;
        }
        let bench = Bench::new();
        options.mirrors = vec![("registry.test".into(), mirror)];
        bench
            .resolve_with("registry.test/web:v1", options)
            .unwrap_or_else(|e| panic!("{}", chain(&e)));
        return;
    }
    let bench = Bench::new();
    let layout = web(&bench);
    let registry = Registry::start(Access::Tls);
    registry.push(&format!("oci:{}:v1", layout.dir.display()), "web:v1");
    let port = registry.host().rsplit_once(':').unwrap().1;
    let mirror = format!("https://localhost:{port}");
    again_with(&mirror, &registry.certificate());
    again_with("", "/nonexistent".as_ref());

    options.mirrors = vec![("127.0.0.1:1".into(), mirror)];
    let heard = Heard::default();
    let sources = Sources::new(&bench.store, options, &heard);
    let error = sources.resolve(&request("127.0.0.1:1/web:v1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{}", chain(&error));
    let warnings = heard.0.lock().unwrap().join("; ");
    assert!(warnings.contains("certificate"), "{warnings}");
}

fn again_with(mirror: &str, trusted: &Path) {
    Tool::new("env", "coreutils")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "certificates_are_checked"])
        .env(INSIDE, mirror)
        .env("SSL_CERT_FILE", trusted)
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
}

/// Keeps warnings.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task> {
        Silent.begin(what, total)
    }

    fn warn(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}
