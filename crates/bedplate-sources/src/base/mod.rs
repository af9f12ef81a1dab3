//! `base:`: a root with packages of a Debian-like distribution, installed.
//!
//! ```text
//! request --apt: the essential packages and the named ones--> package files, objects of the store
//!         --worker in a sandbox: unpack, maintainer scripts, clean--> one tar, an object too
//! ```
//!
//! Other than with `packages:`, maintainer scripts run: as root of a user namespace, with no network and
//! nothing of the build machine in sight ([`bedplate_sys::sandbox`]). What they leave that would differ
//! from build to build is taken away, so that the same packages make the same bytes; the layer is kept
//! under the digest of what is installed, and the next build that wants the same runs no script.
//!
//! The reasons, and what was measured: `docs/design/0005-debian-bases.md`.

mod job;
mod worker;
pub(crate) mod zfs;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use bedplate_store::RefKind;
use bedplate_sys::sandbox::{self, Sandbox, SandboxError};
use bedplate_sys::scratch::Scratch;
use bedplate_types::{DiffId, Digest, Object, Silent};
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorKind, SourceError};
use crate::packages::apt::{Apt, STAND_IN};
use crate::packages::listed::Listed;
use crate::packages::unpack::Hashing;
use crate::sources::Sources;
use job::{Complaint, ComplaintKind, Job, JobPackage};

/// Changes whenever the layer made from the same packages would.
const VERSION: &str = "base 1";

/// What the program is to do instead of its own work, where it was started to install packages in a sandbox.
/// A program that resolves bases asks this first of all in `main`, while it has one thread.
pub fn worker() -> Option<ExitCode> {
    sandbox::is_worker().then(worker::work)
}

impl Sources<'_> {
    /// The root with exactly these packages.
    pub(crate) fn install(
        &self,
        listed: &[Listed],
        apt: &Apt,
    ) -> Result<Digest<DiffId>, SourceError> {
        let key = self.key(listed);
        if let Some(layer) = self.store.derived(&key)? {
            return Ok(layer.cast());
        }
        self.bring_archives(listed, &key, apt)?;
        let layer = self.run_worker(listed)?;
        self.store.put_derived(&key, layer.cast())?;
        Ok(layer)
    }

    /// Names what is installed, and how.
    fn key(&self, listed: &[Listed]) -> Digest<Object> {
        let mut hash = Sha256::new();
        hash.update(format!("{VERSION}\n{}\n{STAND_IN}", self.options.arch));
        for deb in listed {
            hash.update(format!("{} {}\n", deb.name, deb.digest));
        }
        Digest::from_bytes(hash.finalize().into())
    }

    /// Brings the package files into the store, each under its own digest.
    fn bring_archives(
        &self,
        listed: &[Listed],
        key: &Digest<Object>,
        apt: &Apt,
    ) -> Result<(), SourceError> {
        let is_missing = |deb: &&Listed| !self.store.contains(&deb.digest.cast());
        let missing: Vec<&Listed> = listed.iter().filter(is_missing).collect();
        if !missing.is_empty() {
            let scratch = self.scratch_directory()?;
            self.download(&missing, scratch.path(), apt)?;
            for deb in missing {
                let path = scratch.path().join(&deb.file);
                let read = |e| SourceError::file("read", &path, e);
                let mut file = File::open(&path).map_err(read)?;
                self.store.insert(&mut file, Some(deb.digest.cast()))?;
            }
        }
        let objects: Vec<Digest<Object>> = listed.iter().map(|deb| deb.digest.cast()).collect();
        let name = format!("archives {key}");
        Ok(self.store.put_ref(RefKind::Layer, &name, &objects, &())?)
    }

    fn scratch_directory(&self) -> Result<Scratch, SourceError> {
        Scratch::directory_in(&self.store.dir().join("tmp"))
            .map_err(|e| SourceError::file("make a directory in", self.store.dir(), e))
    }

    /// Installs packages whose files are in the store.
    fn run_worker(&self, listed: &[Listed]) -> Result<Digest<DiffId>, SourceError> {
        let what = format!("installation of {} packages", listed.len());
        let _task = self.progress.begin(&what, None);
        let mount_point = self.scratch_directory()?;
        let objects = self.store.dir().join("objects");
        let package = |deb: &Listed| JobPackage {
            name: deb.name.clone(),
            object: self
                .store
                .object_path(&deb.digest.cast())
                .strip_prefix(&objects)
                .expect("objects lie there")
                .to_owned(),
            size: deb.size,
        };
        let job = Job {
            arch: self.options.arch,
            mount_point: mount_point.path().to_owned(),
            packages: listed.iter().map(package).collect(),
            stand_in: STAND_IN.to_owned(),
            limits: (self.options.limits.output, self.options.limits.ratio),
            objects,
        };
        let mut sandbox = Sandbox::start()?;
        let cut = |e: io::Error| {
            SourceError::new(ErrorKind::Io, "the sandbox cannot be talked to").because(e)
        };
        let json = serde_json::to_vec(&job).expect("a job is plain data");
        let mut input = sandbox.input.take().expect("taken once");
        input.write_all(&json).map_err(cut)?;
        drop(input);
        let mut complaints = sandbox.complaints.take().expect("taken once");
        let listener = std::thread::spawn(move || {
            let mut text = String::new();
            complaints.read_to_string(&mut text).map(|_| text)
        });
        let mut scratch = self.store.scratch_file()?;
        let mut output = sandbox.output.take().expect("taken once");
        let mut data = Hashing {
            inner: BufWriter::with_capacity(1 << 18, scratch.file()),
            hash: Sha256::new(),
            task: &Silent,
        };
        let copied = io::copy(&mut output, &mut data).and_then(|_| data.flush());
        let layer = Digest::<Object>::from_bytes(data.hash.clone().finalize().into());
        drop(data);
        copied.map_err(|e| SourceError::file("write", scratch.path(), e))?;
        let said = listener
            .join()
            .expect("the listener does not panic")
            .map_err(cut)?;
        let status = sandbox.wait();
        if !status.success() {
            return Err(explain(&said, &status.to_string()));
        }
        self.store.insert_hashed(scratch, &layer)?;
        Ok(layer.cast())
    }
}

/// Why the worker failed, by what it said.
fn explain(said: &str, status: &str) -> SourceError {
    let last = said.lines().last().unwrap_or_default();
    let Ok(complaint) = serde_json::from_str::<Complaint>(last) else {
        let message = format!("the sandbox ended early ({status})");
        return SourceError::new(ErrorKind::Io, message).because(said.trim().to_owned());
    };
    let Complaint {
        kind,
        message,
        output,
    } = complaint;
    let error = match kind {
        ComplaintKind::Package => SourceError::bad(message),
        ComplaintKind::System => SourceError::new(ErrorKind::Io, message),
        ComplaintKind::NoMemory => SourceError::new(ErrorKind::NoSpace, message)
            .with_hint("a base is made in memory: free some, add swap, or install fewer packages"),
    };
    if output.is_empty() {
        return error;
    }
    error.because(format!("its output ends with:\n{output}"))
}

impl From<SandboxError> for SourceError {
    fn from(error: SandboxError) -> Self {
        let kind = match &error {
            SandboxError::Tool(bedplate_sys::tool::ToolError::Missing { .. }) => {
                ErrorKind::ToolMissing
            }
            _ => ErrorKind::Io,
        };
        let hint = error.hint();
        let new = Self::new(kind, "packages cannot be installed").because(error);
        match hint {
            Some(hint) => new.with_hint(hint),
            None => new,
        }
    }
}
