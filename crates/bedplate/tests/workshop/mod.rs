//! Building hosts in tests: as an ordinary user, with a cache that later tests find again.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests, not all of them used by each"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use bedplate_testkit::OrdinaryUser;

/// Somebody with the tool, the guest programs and a directory of images.
pub struct Workshop {
    user: OrdinaryUser,
    tool: PathBuf,
}

impl Workshop {
    pub fn new() -> Self {
        let user = OrdinaryUser::new();
        // Copies: an ordinary user may not look into the directory where cargo built them.
        let programs = user.directory("programs");
        for name in ["bedplate-init", "bedplate-runtime"] {
            install(
                &bedplate_testkit::guest_programs().join(name),
                &programs.join(name),
            );
        }
        let tool = programs.join("bedplate");
        install(Path::new(env!("CARGO_BIN_EXE_bedplate")), &tool);
        Self { user, tool }
    }

    /// A directory of the user.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.user.directory(name)
    }

    /// The user's home, where the tool runs.
    pub fn home(&self) -> &Path {
        self.user.home()
    }

    /// Writes a file of the user, at a path from the home.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.home().join(path);
        if let Some(parent) = Path::new(path).parent() {
            self.directory(parent.to_str().unwrap());
        }
        fs::write(&file, content).unwrap();
        self.user.give(&file);
        file
    }

    /// Runs the tool.
    pub fn bedplate(&self, arguments: &[&str]) -> Output {
        self.bedplate_with(arguments, &[])
    }

    /// Runs the tool with more in its environment.
    pub fn bedplate_with(&self, arguments: &[&str], extra: &[(&str, &str)]) -> Output {
        self.run(&self.tool, arguments, extra)
    }

    /// Runs a program that runs the tool, whose path is [`tool`](Self::tool).
    pub fn run(&self, program: &Path, arguments: &[&str], extra: &[(&str, &str)]) -> Output {
        let programs = self.user.home().join("programs");
        let cache = self.user.lasting_directory("cache");
        let mut all = vec![
            ("BEDPLATE_GUEST_DIR", programs.to_str().unwrap()),
            ("XDG_CACHE_HOME", cache.to_str().unwrap()),
        ];
        all.extend(extra);
        self.user.run(program, arguments, &all)
    }

    /// Where the tool is.
    pub fn tool(&self) -> &Path {
        &self.tool
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
        let output = self.bedplate(&arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        out
    }
}

fn install(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}
