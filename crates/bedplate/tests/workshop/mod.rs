//! Building hosts in tests: as an ordinary user, with the guest programs and a directory of images.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests, not all of them used by each"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};

use bedplate_sys::tool::Tool;
use bedplate_testkit::{Image, Layer, OrdinaryUser};

/// The smallest kernel section: what [`Workshop::images`] has is no kernel, but is taken for one.
pub const KERNEL: &str = "kernel: {image: 'oci:images:kernel', cmdline: console=ttyS0}\n";
/// `struct vfs_cap_data`, revision 2: `cap_net_raw`, effective.
pub const CAP_NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Somebody with the tool, the guest programs and a directory of images.
pub struct Workshop {
    user: OrdinaryUser,
    tool: PathBuf,
}

/// What the tool said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// It went well.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// It ended with `code` and one message, which is given without the progress before it.
    #[track_caller]
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        let lines: Vec<&str> = self.err.lines().collect();
        let begins = |line: &&str| line.starts_with("error: ");
        let begin = lines.iter().position(begins).unwrap();
        let message = lines[begin..].join("\n").trim_end().to_owned();
        assert_eq!(
            lines.iter().filter(|line| begins(line)).count(),
            1,
            "{message}"
        );
        for word in ["panicked", "Error {", "Err(", "Os {", "RUST_BACKTRACE"] {
            assert!(!message.contains(word), "{message}");
        }
        message
    }
}

impl Workshop {
    pub fn new() -> Self {
        Self::of(OrdinaryUser::new())
    }

    pub fn of(user: OrdinaryUser) -> Self {
        // Copies: an ordinary user may not look into the directory where cargo built them.
        let programs = user.directory("programs");
        for name in ["bedplate-init", "bedplate-runtime", "bedplate-tools"] {
            install(
                &bedplate_testkit::guest_programs().join(name),
                &programs.join(name),
            );
        }
        let tool = programs.join("bedplate");
        install(Path::new(env!("CARGO_BIN_EXE_bedplate")), &tool);
        Self { user, tool }
    }

    /// With small images in `images`: `kernel`, `web` (a program, two kinds of link, a device) and `over`.
    pub fn with_images() -> Self {
        let workshop = Self::new();
        write_images(&workshop.directory("images"));
        workshop
    }

    /// Adds the image `oci:images:large`, whose one file of `len` bytes compression hardly makes smaller.
    pub fn write_noise(&self, len: u32) {
        let noise: Vec<u8> = (0..len / 4)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let large = Layer::new().file("noise", 0o644, noise);
        Image::new()
            .layer(&large)
            .write_oci(&self.home().join("images"), "large");
    }

    pub fn home(&self) -> &Path {
        self.user.home()
    }

    /// A directory of the user.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.user.directory(name)
    }

    /// A file of the user.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.home().join(name);
        fs::write(&file, bytes).unwrap();
        self.user.give(&file);
        file
    }

    /// The cache that all tests of this machine share.
    pub fn shared_cache(&self) -> PathBuf {
        self.user.lasting_directory("cache")
    }

    /// Runs the tool in the home, with a cache that all tests of this machine share.
    pub fn bedplate(&self, arguments: &[&str]) -> Output {
        let cache = self.shared_cache();
        self.user
            .run(&self.tool, arguments, &self.environment(&cache))
    }

    /// Runs the tool in the home, with a cache of its own in `cache/bedplate`.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let cache = self.home().join("cache");
        let environment = self.environment(&cache);
        self.user.run(&self.tool, arguments, &environment).into()
    }

    /// Runs a shell script in the home; `bedplate` is in its `PATH`, with a cache as for [`run`](Self::run).
    pub fn sh(&self, script: &str) -> Said {
        let cache = self.home().join("cache");
        let path = format!(
            "{}:/usr/bin:/bin:/usr/sbin:/sbin",
            self.tool.parent().unwrap().display()
        );
        let mut environment = self.environment(&cache).to_vec();
        environment.push(("PATH", &path));
        self.user
            .run(Path::new("/bin/sh"), &["-c", script], &environment)
            .into()
    }

    /// Starts the tool as [`run`](Self::run) does.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let cache = self.home().join("cache");
        self.user
            .start(&self.tool, arguments, &self.environment(&cache))
    }

    fn environment<'a>(&'a self, cache: &'a Path) -> [(&'a str, &'a str); 2] {
        let programs = self.tool.parent().unwrap();
        [
            ("BEDPLATE_GUEST_DIR", programs.to_str().unwrap()),
            ("XDG_CACHE_HOME", cache.to_str().unwrap()),
        ]
    }

    /// Builds `spec` and gives the directory of its outputs.
    pub fn build(&self, name: &str, spec: &str) -> PathBuf {
        let file = self.write(&format!("{name}.yml"), spec);
        let out = self.directory(name);
        let arguments = [
            "build",
            file.to_str().unwrap(),
            "--name",
            name,
            "-o",
            out.to_str().unwrap(),
        ];
        Said::from(self.bedplate(&arguments)).good();
        out
    }
}

/// Names and contents of all files in a directory, those that are hidden too.
pub fn files_in(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Runs a shell script with tools of others, as whoever runs the tests, and gives what it prints.
pub fn judge(script: &str, arguments: &[&Path]) -> String {
    let tool = Tool::new("sh", "dash").args(["-euc", script, "sh"]);
    let out = tool.args(arguments).output();
    String::from_utf8(out.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

/// See [`Workshop::with_images`].
pub fn write_images(images: &Path) {
    let modules = Layer::new()
        .directory("lib", 0o755)
        .file("lib/modules/1/x.ko", 0o644, "module");
    let kernel =
        Layer::new()
            .file("kernel", 0o644, "a kernel")
            .file("kernel.tar", 0o644, modules.tar());
    Image::new().layer(&kernel).write_oci(images, "kernel");
    let web = Layer::new()
        .file("bin/web", 0o755, "#!/bin/web\n")
        .file("bin/ping", 0o755, "ping")
        .xattr("security.capability", CAP_NET_RAW)
        .file("bin/su", 0o4755, "su")
        .owned_by(0, 42)
        .hard_link("bin/sg", "bin/su")
        .symlink("bin/sh", "web")
        .directory("srv", 0o2770)
        .owned_by(1000, 1001)
        .device("dev/null", 0o666, (1, 3))
        .file("etc/hosts", 0o644, "127.0.0.1 localhost\n");
    Image::new()
        .layer(&web)
        .config("Cmd", serde_json::json!(["/bin/web"]))
        .write_oci(images, "web");
    let over = Layer::new().file("etc/hosts", 0o600, "::1 localhost\n");
    Image::new().layer(&over).write_oci(images, "over");
}

/// Copies a program. Another process does: while this one had the copy open for writing, a test in another
/// thread could start a program, which holds it open for a moment too, and then the copy is a busy text file.
fn install(from: &Path, to: &Path) {
    judge("install -m 755 \"$1\" \"$2\"", &[from, to]);
}
