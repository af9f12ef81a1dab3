//! Package files to layers.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedplate_formats::{deb, tar};
use bedplate_store::RefKind;
use bedplate_tree::{Content, Entry, EntryKind, Meta, TreeBuilder};
use bedplate_types::{Arch, DiffId, Digest, Epoch, Object, Silent, Task};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::listed::Listed;
use crate::error::{ErrorKind, SourceError};
use crate::sources::Sources;

/// Packages that are unpacked at once.
const AT_ONCE: usize = 2;

/// A package whose files lie in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unpacked {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) arch: String,
    /// Its files.
    pub(crate) layer: Digest<DiffId>,
    /// Its control file, as it stands.
    control: String,
}

impl Sources<'_> {
    /// What is in the store of a package already.
    pub(super) fn known_package(&self, deb: &Listed) -> Option<Unpacked> {
        self.store.get_ref(RefKind::Layer, &ref_name(deb))
    }

    /// Unpacks the files in `directory` of all packages that are not known yet.
    pub(super) fn unpack_packages(
        &self,
        listed: &[Listed],
        unpacked: &mut [Option<Unpacked>],
        directory: &Path,
    ) -> Result<(), SourceError> {
        let work: Vec<(&Listed, Mutex<&mut Option<Unpacked>>)> = listed
            .iter()
            .zip(unpacked)
            .filter(|(_, known)| known.is_none())
            .map(|(deb, slot)| (deb, Mutex::new(slot)))
            .collect();
        let total = work.iter().map(|(deb, _)| deb.size).sum();
        let task = self.progress.begin(
            &format!("unpacking of {} packages", work.len()),
            Some(total),
        );
        let next = AtomicUsize::new(0);
        let worker = || {
            while let Some((deb, slot)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = directory.join(&deb.file);
                let package = self
                    .unpack_package(deb, &path, &*task)
                    .map_err(|error| error.within(&deb.name))?;
                **slot.lock().expect("each slot is used once") = Some(package);
                // The disk would hold everything twice at the end; a file that stays is removed later.
                let _ = std::fs::remove_file(path);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
            let results = threads
                .into_iter()
                .map(|thread| thread.join().expect("unpacking does not panic"));
            results.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn unpack_package(
        &self,
        deb: &Listed,
        path: &Path,
        task: &dyn Task,
    ) -> Result<Unpacked, SourceError> {
        let file = File::open(path).map_err(|e| SourceError::file("read", path, e))?;
        let mut reader = BufReader::with_capacity(
            1 << 17,
            Hashing {
                inner: file,
                hash: Sha256::new(),
                task,
            },
        );
        let mut scratch = self.store.scratch_file()?;
        let (control, object) = {
            let out = BufWriter::with_capacity(1 << 17, scratch.file());
            let mut data = Hashing {
                inner: out,
                hash: Sha256::new(),
                task: &Silent,
            };
            let control = deb::unpack(&mut reader, self.options.limits, &mut data)
                .map_err(|e| SourceError::bad("it cannot be unpacked").because(e))?;
            data.flush()
                .map_err(|e| SourceError::file("unpack", path, e))?;
            (
                control,
                Digest::<Object>::from_bytes(data.hash.clone().finalize().into()),
            )
        };
        io::copy(&mut reader, &mut io::sink()).map_err(|e| SourceError::file("read", path, e))?;
        let actual = Digest::from_bytes(reader.into_inner().hash.finalize().into());
        if actual != deb.digest {
            let message = format!("it has digest {actual} instead of {}", deb.digest);
            return Err(SourceError::new(ErrorKind::Integrity, message));
        }
        self.store.insert_hashed(scratch, &object)?;
        let field = |name| control.fields.get(name).unwrap_or_default().to_owned();
        let text = control
            .files
            .get("control")
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let unpacked = Unpacked {
            name: field("Package"),
            version: field("Version"),
            arch: field("Architecture"),
            // A layer lies in the store uncompressed, so its object digest is its diff id.
            layer: object.cast(),
            control: text.unwrap_or_default(),
        };
        self.store
            .put_ref(RefKind::Layer, &ref_name(deb), &[object], &unpacked)?;
        Ok(unpacked)
    }

    /// A layer with what makes `/usr` merged, below all packages: whatever still ships `/lib` or `/bin`
    /// lands where the others are.
    pub(super) fn merged_usr(&self) -> Result<Digest<DiffId>, SourceError> {
        let mut names = vec!["bin", "lib", "sbin"];
        if self.options.arch == Arch::Amd64 {
            names.push("lib64");
        }
        let mut entries = Vec::new();
        for name in names {
            let kind = EntryKind::Symlink(format!("usr/{name}").into_bytes().into());
            entries.push(entry(name, 0o777, kind));
            entries.push(entry(&format!("usr/{name}"), 0o755, EntryKind::Directory));
        }
        self.small_layer(entries)
    }

    /// A layer with the control files of all packages.
    pub(super) fn status(&self, packages: &[Unpacked]) -> Result<Digest<DiffId>, SourceError> {
        let file = |package: &Unpacked| {
            let content = Content::inline(package.control.clone());
            entry(
                &format!("var/lib/dpkg/status.d/{}", package.name),
                0o644,
                EntryKind::File(content),
            )
        };
        self.small_layer(packages.iter().map(file).collect())
    }

    /// A layer of a few files, whose contents are inline or in the store.
    pub(crate) fn small_layer(&self, entries: Vec<Entry>) -> Result<Digest<DiffId>, SourceError> {
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("packages");
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
            SourceError::bad("cannot make a layer").because(e)
        };
        for entry in entries {
            builder
                .insert(entry, origin)
                .map_err(|e| failed(e.into()))?;
        }
        let bytes = tar::write(&builder.freeze(Epoch(0)), self.store, Epoch(0), Vec::new());
        let bytes = bytes.map_err(|e| failed(e.into()))?;
        Ok(self.store.insert(&mut &*bytes, None)?.0.cast())
    }
}

fn entry(path: &str, mode: u32, kind: EntryKind) -> Entry {
    Entry {
        path: path.parse().expect("a plain path"),
        meta: Meta::with_mode(mode),
        kind,
    }
}

fn ref_name(deb: &Listed) -> String {
    format!("deb {}", deb.digest)
}

/// Hashes what is read from it, or written to it.
pub(crate) struct Hashing<'a, T> {
    pub(crate) inner: T,
    pub(crate) hash: Sha256,
    pub(crate) task: &'a dyn Task,
}

impl<T: Read> Read for Hashing<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.task.advance(count as u64);
        Ok(count)
    }
}

impl<T: Write> Write for Hashing<'_, T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
