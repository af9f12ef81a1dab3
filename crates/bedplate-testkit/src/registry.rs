//! A real registry server (Debian's docker-registry) on loopback, filled by `skopeo`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use bedplate_sys::child::TiedChild;
use bedplate_sys::tool::Tool;

/// How long the server may take to say where it listens.
const START: Duration = Duration::from_secs(30);
/// What a registry with users knows: this user with this password.
const USER: &str = "reader";
const PASSWORD: &str = "open sesame";
/// bcrypt of [`PASSWORD`].
const HTPASSWD: &str = "reader:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n";

/// Who a [`Registry`] serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who has [`Registry::credentials`] (HTTP Basic).
    Users,
    /// Everybody who trusts [`Registry::certificate`]: HTTPS, at `localhost`.
    Tls,
}

/// A running registry. Dropped, it is stopped and all its images are gone.
#[derive(Debug)]
pub struct Registry {
    _child: TiedChild,
    directory: tempfile::TempDir,
    host: String,
    access: Access,
}

impl Registry {
    /// Starts one on a free port, and waits until it listens.
    pub fn start(access: Access) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory takes a directory");
        let path = directory.path();
        let root = path.display();
        let (mut tls, mut auth) = (String::new(), String::new());
        match access {
            Access::Open => {}
            Access::Users => {
                write(&path.join("users"), HTPASSWD);
                auth = format!("auth: {{htpasswd: {{realm: test, path: {root}/users}}}}\n");
            }
            Access::Tls => {
                make_certificate(path);
                tls = format!(", tls: {{certificate: {root}/cert.pem, key: {root}/key.pem}}");
            }
        }
        let text = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {root}/data}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: x{tls}}}\n{auth}"
        );
        write(&path.join("config.yml"), &text);
        let mut tool = Tool::new("docker-registry", "docker-registry")
            .arg("serve")
            .arg(path.join("config.yml"));
        tool.command().stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = TiedChild::spawn(tool).unwrap_or_else(|error| {
            panic!("{error} (run `cargo xtask setup`)");
        });
        let stderr = child.take_stderr().expect("it was given a pipe");
        let (found, listening) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to its end, as a full pipe would stop the server.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let host: String = rest
                        .chars()
                        .take_while(|c| !c.is_whitespace() && *c != '"')
                        .collect();
                    let _ = found.send(host.trim_end_matches(',').to_owned());
                }
            }
        });
        let host = listening
            .recv_timeout(START)
            .expect("docker-registry says where it listens");
        Self {
            _child: child,
            directory,
            host,
            access,
        }
    }

    /// Its host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The user and password that it lets in.
    pub fn credentials(&self) -> Option<(&'static str, &'static str)> {
        (self.access == Access::Users).then_some((USER, PASSWORD))
    }

    /// The certificate of a [`Access::Tls`] registry, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// Pushes the image, or index with all its images, that `source` names in `skopeo`'s words
    /// (`oci:DIR:TAG`), as `name` (`REPOSITORY:TAG`).
    pub fn push(&self, source: &str, name: &str) {
        let mut tool = Tool::new("skopeo", "skopeo").args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ]);
        if let Some((user, password)) = self.credentials() {
            tool = tool.arg(format!("--dest-creds={user}:{password}"));
        }
        let result = tool
            .arg(source)
            .arg(format!("docker://{}/{name}", self.host))
            .output();
        result.unwrap_or_else(|error| panic!("cannot push {source} as {name}: {error}"));
    }
}

/// A certificate for `localhost` that nobody else has signed.
fn make_certificate(directory: &Path) {
    let result = Tool::new("openssl", "openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "extendedKeyUsage=serverAuth",
        ])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("cert.pem"))
        .output();
    result.unwrap_or_else(|error| {
        panic!("cannot make a certificate: {error} (run `cargo xtask setup`)")
    });
}

fn write(path: &Path, text: &str) {
    fs::write(path, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
