//! A small signed archive of packages, made of what a small base holds and of packages of a test's own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedplate_testkit::OrdinaryUser;

use crate::workshop::{Workshop, judge};

/// Copies the packages that a lock names from the cache into `pool`.
const COPY: &str = r#"
grep '"name"' "$2" | sed 's/.*"path":"\([^"]*\)".*"sha256":"sha256:\([^"]*\)".*/\1 \2/' |
while read -r path hex; do
  cp "$3/$(echo "$hex" | cut -c1-2)/$(echo "$hex" | cut -c3-)" "$1/pool/$(basename "$path")"
done
"#;
const KEY: &str = r#"
cd "$1"; rm -rf keys; mkdir -m 700 keys
gpg --homedir keys --batch --quiet --passphrase '' --quick-gen-key test@example.org ed25519 sign never
"#;
const INDEX: &str = r#"
cd "$1"; arch=$(dpkg --print-architecture); lists=dists/tiny/main/binary-$arch; mkdir -p "$lists"
apt-ftparchive packages pool >"$lists/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Suite=tiny -o APT::FTPArchive::Release::Codename=tiny \
  -o APT::FTPArchive::Release::Components=main -o APT::FTPArchive::Release::Architectures="$arch" \
  release dists/tiny >Release
"#;
const SIGN: &str = r#"
cd "$1"; rm -f dists/tiny/InRelease
gpg --homedir keys --batch --quiet --output dists/tiny/InRelease --clearsign Release
gpgconf --homedir keys --kill all
"#;

/// The archive, in a directory of its own. Its suite is `tiny`.
pub struct Archive {
    directory: tempfile::TempDir,
}

impl Archive {
    /// With the packages of `base`, where `small.yml` was locked, and with packages of the given names, further
    /// fields of their control files, and postinst scripts.
    pub fn of(base: &Workshop, packages: &[(&str, &str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        judge("chmod 755 \"$1\"; mkdir \"$1/pool\"", &[path]);
        let objects = base.shared_cache().join("bedplate/objects");
        judge(COPY, &[path, &base.home().join("small.lock"), &objects]);
        for (name, fields, postinst) in packages {
            let root = path.join(name);
            fs::create_dir_all(root.join("DEBIAN")).unwrap();
            let fields = if fields.is_empty() {
                String::new()
            } else {
                format!("{fields}\n")
            };
            let control = format!(
                "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\n{fields}Description: a test\n"
            );
            fs::write(root.join("DEBIAN/control"), control).unwrap();
            fs::write(
                root.join("DEBIAN/postinst"),
                format!("#!/bin/sh\n{postinst}\n"),
            )
            .unwrap();
            let script = "chmod 755 \"$1/DEBIAN/postinst\"; dpkg-deb --root-owner-group -b \"$1\" \"$2\"; rm -r \"$1\"";
            judge(
                script,
                &[&root, &path.join(format!("pool/{name}_1_all.deb"))],
            );
        }
        for script in [
            KEY,
            INDEX,
            SIGN,
            "cd \"$1\"; gpg --homedir keys --export >key.gpg",
        ] {
            judge(script, &[path]);
        }
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A spec whose base is from this archive.
    pub fn spec(&self, packages: &str) -> String {
        self.spec_at(packages, &format!("file:{}", self.path().display()))
    }

    fn spec_at(&self, packages: &str, mirror: &str) -> String {
        let packages = packages.trim_matches(['{', '}']);
        let key = self.path().join("key.gpg");
        format!(
            "base: {{debian: {{suite: tiny, mirror: '{mirror}', keyring: '{}', {packages}}}}}\n",
            key.display()
        )
    }

    /// Somebody with that spec as `host.yml`.
    pub fn workshop(&self, packages: &str) -> Workshop {
        with_spec(Workshop::new(), self.spec(packages))
    }

    /// The same for a user without subordinate ids.
    pub fn workshop_of_other(&self, packages: &str) -> Workshop {
        with_spec(Workshop::of(OrdinaryUser::other()), self.spec(packages))
    }

    /// The same with another mirror.
    pub fn workshop_at(&self, packages: &str, mirror: &str) -> Workshop {
        with_spec(Workshop::new(), self.spec_at(packages, mirror))
    }

    /// Changes a byte of the package file whose name begins so.
    pub fn damage(&self, name: &str) {
        let script = format!(
            "printf X | dd of=\"$(ls \"$1\"/pool/{name}*)\" bs=1 seek=2000 conv=notrunc status=none"
        );
        judge(&script, &[self.path()]);
    }

    /// Says that it was valid until long ago.
    pub fn expire(&self) {
        let script = "cd \"$1\"; echo 'Valid-Until: Sat, 01 Jan 2000 00:00:00 UTC' >>Release";
        judge(script, &[self.path()]);
        judge(SIGN, &[self.path()]);
    }

    /// Signs it with a key that nobody knows.
    pub fn sign_with_another_key(&self) {
        for script in [KEY, INDEX, SIGN] {
            judge(script, &[self.path()]);
        }
    }
}

fn with_spec(workshop: Workshop, spec: String) -> Workshop {
    workshop.write("host.yml", spec);
    workshop
}

/// A web server on loopback that cuts its first answers with packages in the middle.
pub struct Server {
    address: String,
    cuts: Arc<AtomicUsize>,
}

impl Server {
    /// Serves `directory`, and cuts so many answers.
    pub fn start(directory: &Path, cuts: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let directory = directory.to_owned();
        // It ends with the test's process: nobody else knows its port.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (directory, counter) = (directory.clone(), Arc::clone(&counter));
                std::thread::spawn(move || answer(stream, &directory, &counter, cuts));
            }
        });
        Self {
            address,
            cuts: done,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// Answers one request; the connection ends with it.
fn answer(mut stream: TcpStream, directory: &Path, counter: &AtomicUsize, cuts: usize) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let mut from = 0;
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
    }
    let path = decoded(first.split(' ').nth(1).unwrap_or("/"));
    let file: PathBuf = directory.join(path.trim_start_matches('/'));
    let Ok(bytes) = fs::read(&file) else {
        let _ = stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let total = bytes.len();
    let rest = &bytes[from.min(total)..];
    let head = match from {
        0 => "HTTP/1.1 200 OK\r\n".to_owned(),
        _ => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}\r\n",
            total - 1
        ),
    };
    let cut = path.ends_with(".deb") && counter.fetch_add(1, Ordering::SeqCst) < cuts;
    let sent = if cut { rest.len() / 2 } else { rest.len() };
    let head = format!(
        "{head}Content-Length: {}\r\nLast-Modified: Sat, 01 Jan 2022 00:00:00 GMT\r\nConnection: close\r\n\r\n",
        rest.len()
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&rest[..sent]));
}

/// Without percent-encoding.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u8::from_str_radix(&part[..2], 16).unwrap();
        text.push(char::from(code));
        text += &part[2..];
    }
    text
}
