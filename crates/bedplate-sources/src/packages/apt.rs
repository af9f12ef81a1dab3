//! `apt-get` with directories of its own: lists, cache, keys, and a machine on which nothing is installed.
//!
//! ```text
//! STORE/work/apt-KEY/     KEY: digest of the sources list and the architecture
//!   apt.conf              read after the build machine's own, so that proxies stay and hooks go
//!   sources.list   status           lists/   cache/   trusted.d/   updated   lock
//! ```

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use bedplate_spec::lock::Dependencies;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_sys::tool::{Tool, ToolError};
use bedplate_types::{Blob, Digest, Progress, Task};
use sha2::{Digest as _, Sha256};

use super::listed::{self, Listed};
use crate::error::{ErrorKind, SourceError};
use crate::options::Options;

/// Keyrings of distributions, beside what the build machine's apt trusts already.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
];
/// How often the growth of a download is reported.
const WATCH: Duration = Duration::from_millis(200);
const TRUSTED: &str = "/etc/apt/trusted.gpg.d";

/// What a base has installed from the beginning: nothing that makes an initramfs belongs in one, but kernel
/// packages ask for it.
pub(crate) const STAND_IN: &str = "\
Package: bedplate-no-initramfs
Status: install ok installed
Priority: optional
Section: misc
Maintainer: nobody <nobody@localhost>
Architecture: all
Version: 1
Provides: linux-initramfs-tool
Description: stands for an initramfs generator, which this host does not need

";

/// The essential packages (apt-patterns(7)); apt counts itself among them, and an image has no use for it.
const ESSENTIAL: &str = "?and(?essential, ?not(?exact-name(apt)))";

/// An `apt-get` for one set of archives. While it lives, no other process uses the same directories.
pub(crate) struct Apt {
    dir: PathBuf,
    _lock: File,
}

impl Apt {
    /// Makes the directories, and waits for others that use them.
    pub(crate) fn prepare(
        store: &Store,
        options: &Options,
        sources_list: &str,
        progress: &dyn Progress,
    ) -> Result<Self, SourceError> {
        let arch = options.arch;
        let key: [u8; 32] = Sha256::digest(format!("{arch}\n{sources_list}")).into();
        let dir = store.work_directory(&format!(
            "apt-{}",
            &Digest::<Blob>::from_bytes(key).hex()[..16]
        ))?;
        let prepare = |e| SourceError::file("prepare", &dir, e);
        let lock = File::create(dir.join("lock")).map_err(prepare)?;
        if lock.try_lock().is_err() {
            progress.warn("waiting for another build that uses the same package lists");
            lock.lock().map_err(prepare)?;
        }
        for name in ["lists/partial", "cache/archives/partial", "trusted.d"] {
            fs::create_dir_all(dir.join(name)).map_err(prepare)?;
        }
        trust(&dir.join("trusted.d")).map_err(prepare)?;
        // A file that changes, even if only in time, makes apt build its cache again.
        let write = |name: &str, text: &str| {
            if fs::read_to_string(dir.join(name)).is_ok_and(|old| old == text) {
                return Ok(());
            }
            let mut file = ReplacedFile::create(&dir.join(name))?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.commit()
        };
        write("status", "").map_err(prepare)?;
        write("status-base", STAND_IN).map_err(prepare)?;
        write("sources.list", sources_list).map_err(prepare)?;
        write("apt.conf", &configuration(&dir, options)).map_err(prepare)?;
        Ok(Self { dir, _lock: lock })
    }

    /// Fetches the package lists if they are older than `age`; says whether it did.
    pub(crate) fn update_if_older(
        &self,
        age: Duration,
        progress: &dyn Progress,
    ) -> Result<bool, SourceError> {
        let stamp = self.dir.join("updated");
        let updated = fs::metadata(&stamp).and_then(|meta| meta.modified());
        let now = SystemTime::now();
        if updated.is_ok_and(|updated| now.duration_since(updated).is_ok_and(|since| since < age)) {
            return Ok(false);
        }
        let _task = progress.begin("package lists", None);
        self.run("update", |apt| {
            apt.args(["-o", "APT::Update::Error-Mode=any"])
        })?;
        fs::write(&stamp, "").map_err(|e| SourceError::file("write", &stamp, e))?;
        Ok(true)
    }

    /// What `names` come to.
    pub(crate) fn resolve(
        &self,
        names: &[String],
        dependencies: Dependencies,
    ) -> Result<Vec<Listed>, SourceError> {
        let recommends = format!(
            "APT::Install-Recommends={}",
            dependencies == Dependencies::Recommended
        );
        let command = if dependencies == Dependencies::None {
            "download"
        } else {
            "install"
        };
        let text = self.run(command, |apt| {
            apt.args(["--print-uris", "--yes", "-o", &recommends, "--"])
                .args(names)
        })?;
        let listed = listed::parse(&String::from_utf8_lossy(&text))?;
        if listed.is_empty() {
            return Err(SourceError::bad(
                "apt-get found nothing to fetch for these packages",
            ));
        }
        Ok(listed)
    }

    /// Downloads packages into `directory`. apt checks their digests.
    pub(crate) fn download(
        &self,
        packages: &[&Listed],
        directory: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let total = packages.iter().map(|deb| deb.size).sum();
        let what = match packages {
            [one] => format!("download of {}", one.name),
            many => format!("download of {} packages", many.len()),
        };
        let task = progress.begin(&what, Some(total));
        let files = packages.iter().flat_map(|deb| {
            let target = directory.join(&deb.file).into_os_string();
            // The method `file` leaves a file where it is.
            let uri = match deb.uri.strip_prefix("file:") {
                Some(path) => format!("copy:{path}"),
                None => deb.uri.clone(),
            };
            [
                OsString::from(uri),
                target,
                format!("SHA256:{}", deb.digest.hex()).into(),
            ]
        });
        let download = || {
            let helper = Tool::new("/usr/lib/apt/apt-helper", "apt");
            let helper = self.configured(helper).arg("download-file");
            helper.args(files).output().map_err(explain)
        };
        watched(directory, &*task, download).map(drop)
    }

    fn run(&self, command: &str, with: impl FnOnce(Tool) -> Tool) -> Result<Vec<u8>, SourceError> {
        let apt = self.configured(Tool::new("apt-get", "apt"));
        with(apt.args(["-q", command])).output().map_err(explain)
    }

    /// What the essential packages and `names` come to.
    pub(crate) fn resolve_base(&self, names: &[String]) -> Result<Vec<Listed>, SourceError> {
        let status = format!("Dir::State::status={}/status-base", self.dir.display());
        let text = self.run("install", |apt| {
            apt.args([
                "--print-uris",
                "--yes",
                "-o",
                "APT::Install-Recommends=false",
            ])
            .args([
                "-o",
                &status,
                "-o",
                "Dir::Cache::pkgcache=pkgcache-base.bin",
            ])
            .args(["--", ESSENTIAL])
            .args(names)
        })?;
        listed::parse(&String::from_utf8_lossy(&text))
    }

    fn configured(&self, tool: Tool) -> Tool {
        tool.arg("-c")
            .arg(self.dir.join("apt.conf"))
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
    }
}

/// Reports how `directory` grows while `work` goes on.
fn watched<T>(directory: &Path, task: &dyn Task, work: impl FnOnce() -> T) -> T {
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut seen = 0;
            // The channel closes when the work is over; until then, nothing ever comes.
            while wait.recv_timeout(WATCH) == Err(mpsc::RecvTimeoutError::Timeout) {
                let files = fs::read_dir(directory).into_iter().flatten().flatten();
                let size = files
                    .filter_map(|file| file.metadata().ok())
                    .map(|meta| meta.len())
                    .sum();
                task.advance(u64::saturating_sub(size, seen));
                seen = seen.max(size);
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// Sorts what apt says into kinds.
fn explain(error: ToolError) -> SourceError {
    let text = error.to_string();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let ToolError::Failed {
        message, output, ..
    } = &error
    else {
        return error.into();
    };
    if let Some(unmet) = unmet_dependencies(output) {
        let message = "these packages cannot be installed together";
        return SourceError::new(ErrorKind::NotFound, message).because(unmet);
    }
    let kind = if says(&[
        "Unable to locate package",
        "was not found",
        "no installation candidate",
        "Can't find a source",
        "Can't select",
    ]) {
        ErrorKind::NotFound
    } else if says(&[
        "is not signed",
        "NO_PUBKEY",
        "signatures couldn't be verified",
        "Hash Sum mismatch",
        "Hashes of received file",
        "has unexpected size",
        "could not be verified",
        "is expired",
        "is not valid yet",
        "couldn't be verified",
    ]) {
        ErrorKind::Integrity
    } else if says(&["No space left", "enough free space"]) {
        ErrorKind::NoSpace
    } else if says(&[
        "Failed to fetch",
        "Could not connect",
        "Could not resolve",
        "Temporary failure",
        "does not have a Release file",
    ]) {
        ErrorKind::Network
    } else {
        ErrorKind::BadInput
    };
    let error = if says(&["Hashes of received file"]) {
        SourceError::new(kind, "a package file is not what its digest says")
            .because(message.clone())
    } else {
        SourceError::new(kind, format!("apt-get says: {message}"))
    };
    if says(&["does not have a Release file", "404 "]) {
        return error.with_hint("if another mirror has this suite, name it: `mirror: https://…`");
    }
    error
}

/// Which dependencies cannot be met, where apt says that of any.
fn unmet_dependencies(output: &str) -> Option<String> {
    let (_, rest) = output.split_once("have unmet dependencies:\n")?;
    let lines = rest.lines().take_while(|line| line.starts_with(' '));
    Some(lines.map(str::trim).collect::<Vec<_>>().join("; "))
}

/// Links to the keys of the build machine.
fn trust(directory: &Path) -> std::io::Result<()> {
    let mut keys: Vec<PathBuf> = KEYRINGS
        .iter()
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect();
    if let Ok(entries) = fs::read_dir(TRUSTED) {
        keys.extend(entries.flatten().map(|entry| entry.path()));
    }
    for key in keys {
        let link = directory.join(key.file_name().unwrap_or_default());
        if !link.is_symlink() {
            symlink(&key, link)?;
        }
    }
    Ok(())
}

fn configuration(dir: &Path, options: &Options) -> String {
    let dir = dir.display();
    let Options { arch, retries, .. } = options;
    let stall = options.stall.as_secs().max(1);
    format!(
        r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg;
#clear APT::Architectures;
#clear APT::Default-Release;
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
APT::Get::Allow-Downgrades "true";
Acquire::AllowInsecureRepositories "false";
Acquire::ForceHash "SHA256";
Acquire::GzipIndexes "false";
Acquire::http::Timeout "{stall}";
Acquire::https::Timeout "{stall}";
Acquire::Languages "none";
Acquire::Retries "{retries}";
Debug::NoLocking "true";
Dir::Cache "{dir}/cache/";
Dir::Cache::archives "{dir}/cache/archives/";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{dir}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "{dir}/trusted.d/";
Dir::Log "{dir}/log";
Dir::State "{dir}";
Dir::State::lists "{dir}/lists/";
Dir::State::status "{dir}/status";
"#
    )
}
