//! Running a program as somebody who is not root, with a home of their own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use bedplate_sys::tool::Tool;

/// User and group id of `nobody`.
const NOBODY: u32 = 65534;

/// Somebody without rights. Where the tests do not run as root, that is whoever runs them.
pub struct OrdinaryUser {
    home: tempfile::TempDir,
    /// User and group id to take on; none where the tests do not run as root.
    id: Option<u32>,
}

impl Default for OrdinaryUser {
    fn default() -> Self {
        Self::new()
    }
}

impl OrdinaryUser {
    /// With an empty home.
    pub fn new() -> Self {
        Self::with_id(NOBODY)
    }

    /// Another one than [`OrdinaryUser::new`] gives, if the tests run as root.
    pub fn other() -> Self {
        Self::with_id(NOBODY - 1)
    }

    fn with_id(id: u32) -> Self {
        let home = tempfile::tempdir().expect("the temporary directory takes a directory");
        // Root owns what root makes, and `nobody` is 65534 for all.
        let root = fs::metadata(home.path())
            .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
        let user = Self {
            home,
            id: root.then_some(id),
        };
        fs::create_dir(user.home.path().join("tmp")).expect("a new directory takes another");
        user.give(user.home.path());
        user.give(&user.home.path().join("tmp"));
        user
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Makes a directory in the home that the user may write to.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        self.give(&path);
        path
    }

    /// A directory that later users of this machine find again, for caches that are safe to share.
    pub fn lasting_directory(&self, name: &str) -> PathBuf {
        let owner = match self.id {
            Some(NOBODY) => "nobody",
            Some(_) => "other",
            None => "user",
        };
        let path = std::env::temp_dir()
            .join("bedplate-tests")
            .join(owner)
            .join(name);
        fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        self.give(&path);
        path
    }

    /// Hands a file or a directory, not what is in it, to the user.
    pub fn give(&self, path: &Path) {
        if self.id.is_some() {
            chown(path, self.id, self.id)
                .unwrap_or_else(|e| panic!("cannot hand over {}: {e}", path.display()));
        }
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .unwrap_or_else(|e| panic!("cannot open {} up: {e}", path.display()));
    }

    /// Runs `program` to its end, with nothing in its environment but `PATH`, `HOME`, `TMPDIR` and `extra`.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: &[A],
        extra: &[(&str, &str)],
    ) -> Output {
        self.tool(program, arguments, extra)
            .command()
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()))
    }

    /// Starts `program` as [`run`](Self::run) does, with pipes for what it prints.
    pub fn start<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: &[A],
        extra: &[(&str, &str)],
    ) -> Child {
        let mut tool = self.tool(program, arguments, extra);
        tool.command().stdout(Stdio::piped()).stderr(Stdio::piped());
        tool.spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
    }

    fn tool<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: &[A],
        extra: &[(&str, &str)],
    ) -> Tool {
        let mut tool = match self.id {
            Some(id) => Tool::new("setpriv", "util-linux")
                .arg(format!("--reuid={id}"))
                .arg(format!("--regid={id}"))
                .args(["--clear-groups", "--"])
                .arg(program),
            None => Tool::new("env", "coreutils").arg(program),
        };
        let home = self.home.path();
        tool.command()
            .args(arguments)
            .env_clear()
            .current_dir(home)
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .envs(extra.iter().copied());
        tool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_not_root_and_can_write_at_home() {
        let user = OrdinaryUser::new();
        user.directory("out");
        let script = "id -u; echo $HOME; touch out/x tmp/y && echo written; touch /etc/bedplate-x 2>/dev/null || echo refused";
        let output = user.run(Path::new("/bin/sh"), &["-c", script], &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        assert_ne!(lines[0], "0", "{output:?}");
        assert_eq!(
            lines[1..],
            [user.home().to_str().unwrap(), "written", "refused"],
            "{output:?}"
        );
    }
}
