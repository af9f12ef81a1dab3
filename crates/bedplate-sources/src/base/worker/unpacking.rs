//! Packages to files, in this process and two at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedplate_formats::deb822::Paragraph;
use bedplate_formats::{compression, deb, tar};
use bedplate_sys::sandbox;
use bedplate_tree::{Entry, EntryKind, Meta};
use bedplate_types::{Digest, TreePath};

use super::super::job::{Complaint, ComplaintKind, Job, JobPackage};
use super::choosing;
use super::conflicts::{self, Claims, Conflict};
use super::placing::Naming;
use super::{failed, placing};

/// Packages that are unpacked at once.
const AT_ONCE: usize = 2;
/// Where package files lie that dpkg unpacks.
const ARCHIVES: &str = "/tmp";

/// The store's objects, of a machine that is no longer visible.
pub(super) struct Objects<'a>(pub(super) &'a File);

impl Objects<'_> {
    fn open(&self, object: &Path) -> Result<BufReader<File>, Complaint> {
        let file = self.open_raw(object).map_err(failed("open a package"))?;
        Ok(BufReader::with_capacity(1 << 17, file))
    }

    fn open_raw(&self, object: &Path) -> std::io::Result<File> {
        sandbox::open_in(self.0, object)
    }
}

/// A package, and what became of it.
#[derive(Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) fields: Paragraph,
    /// Its control files.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Do dpkg and scripts themselves run on it?
    pub(super) is_first: bool,
    /// All that it ships, in its own order, once it is unpacked.
    pub(super) list: Vec<TreePath>,
    object: PathBuf,
    size: u64,
    directories: Vec<(TreePath, Meta)>,
    /// The time of its newest file.
    newest: u64,
}

impl Package {
    /// Its configuration files, which dpkg puts in their places when it configures the package.
    pub(super) fn conffiles(&self) -> BTreeSet<TreePath> {
        let text = self.files.get("conffiles").map(Vec::as_slice);
        String::from_utf8_lossy(text.unwrap_or_default())
            .lines()
            .filter_map(|line| TreePath::parse(line.trim().strip_prefix('/')?.as_bytes()).ok())
            .collect()
    }

    fn bad(&self, error: &(dyn std::error::Error + 'static)) -> Complaint {
        Complaint {
            kind: ComplaintKind::Package,
            message: format!(
                "{} cannot be unpacked: {}",
                self.name,
                crate::error::flatten(error)
            ),
            output: String::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(name: &str, control: &str, preinst: &str) -> Self {
        let paragraphs = bedplate_formats::deb822::parse(control).expect("a paragraph");
        Self {
            name: name.to_owned(),
            fields: paragraphs.into_iter().next().unwrap_or_default(),
            files: [("preinst".to_owned(), preinst.as_bytes().to_vec())].into(),
            ..Self::default()
        }
    }
}

/// Does `work` for each item on two threads, the largest first; the results are in the order of the items.
fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    size: impl Fn(&T) -> u64,
    work: impl Fn(T, &mut Vec<u8>) -> Result<R, Complaint> + Sync,
) -> Result<Vec<R>, Complaint> {
    let mut numbered: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    numbered.sort_by_key(|(number, item)| (std::cmp::Reverse(size(item)), *number));
    let slots: Vec<Mutex<Option<(usize, T)>>> = numbered
        .into_iter()
        .map(|item| Mutex::new(Some(item)))
        .collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut buffer = Vec::new();
        let mut done = Vec::new();
        while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (number, item) = slot
                .lock()
                .expect("each slot is taken once")
                .take()
                .expect("each slot is taken once");
            match work(item, &mut buffer) {
                Ok(result) => done.push((number, result)),
                Err(complaint) => {
                    next.store(slots.len(), Ordering::Relaxed);
                    return Err(complaint);
                }
            }
        }
        Ok(done)
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.expect("unpacking does not panic"))
            .collect()
    });
    let mut all = Vec::new();
    for result in results {
        all.extend(result?);
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// Reads what all packages say of themselves.
pub(super) fn read_controls(objects: &Objects<'_>, job: &Job) -> Result<Vec<Package>, Complaint> {
    let read = |package: &JobPackage, _: &mut Vec<u8>| {
        let mut new = Package {
            name: package.name.clone(),
            object: package.object.clone(),
            size: package.size,
            ..Package::default()
        };
        let control = deb::control(objects.open(&package.object)?).map_err(|e| new.bad(&e))?;
        (new.fields, new.files) = (control.fields, control.files);
        Ok(new)
    };
    let mut packages = in_parallel(job.packages.iter().collect(), |package| package.size, read)?;
    let first: BTreeSet<String> = choosing::essential(&packages)
        .into_iter()
        .map(str::to_owned)
        .collect();
    for package in &mut packages {
        package.is_first = first.contains(&package.name);
    }
    Ok(packages)
}

/// Unpacks all packages, and gives the time of the newest file in them.
pub(super) fn unpack(
    objects: &Objects<'_>,
    job: &Job,
    packages: &mut Vec<Package>,
) -> Result<u64, Complaint> {
    let claims = Mutex::new(Claims::default());
    let numbered: Vec<(usize, Package)> =
        std::mem::take(packages).into_iter().enumerate().collect();
    let work = |(number, mut package): (usize, Package), data: &mut Vec<u8>| {
        let entries = read_files(objects, job, &package, data)?;
        let is_ours = |path: &TreePath| {
            let mut claims = claims.lock().expect("no thread panics while it claims");
            claims.claim(path, number)
        };
        place(&package, &entries, data, &is_ours)?;
        note(&mut package, entries);
        Ok(package)
    };
    *packages = in_parallel(numbered, |(_, package)| package.size, work)?;
    // Where two packages have a directory, the first one says whose it is.
    let mut directories: BTreeMap<&TreePath, &Meta> = BTreeMap::new();
    for (path, meta) in packages.iter().flat_map(|package| &package.directories) {
        directories.entry(path).or_insert(meta);
    }
    for (path, meta) in directories {
        placing::finish_directory(path, meta).map_err(failed("set up a directory"))?;
    }
    let claims = claims.into_inner().expect("no thread panicked");
    for conflict in claims.conflicts {
        settle(objects, job, packages, &conflict)?;
    }
    Ok(packages
        .iter()
        .map(|package| package.newest)
        .max()
        .unwrap_or(0))
}

/// The files of a package, whose contents lie in `data`.
fn read_files(
    objects: &Objects<'_>,
    job: &Job,
    package: &Package,
    data: &mut Vec<u8>,
) -> Result<Vec<Entry>, Complaint> {
    let (output, ratio) = job.limits;
    let limits = compression::Limits { output, ratio };
    data.clear();
    deb::unpack(objects.open(&package.object)?, limits, data).map_err(|e| package.bad(&e))?;
    let here = Digest::from_bytes([0; 32]);
    tar::read(Cursor::new(&data[..]), here, &tar::Limits::default()).map_err(|e| package.bad(&e))
}

fn place(
    package: &Package,
    entries: &[Entry],
    data: &[u8],
    is_wanted: &dyn Fn(&TreePath) -> bool,
) -> Result<(), Complaint> {
    let conffiles = package.conffiles();
    for entry in entries {
        if entry.kind != EntryKind::Directory && !is_wanted(&entry.path) {
            continue;
        }
        let how = match (conffiles.contains(&entry.path), package.is_first) {
            (false, _) => Naming::Own,
            (true, false) => Naming::New,
            (true, true) => Naming::Both,
        };
        placing::place(entry, data, how).map_err(|error| Complaint {
            message: format!("{}: cannot unpack /{}: {error}", package.name, entry.path),
            ..failed("unpack a package")(error)
        })?;
    }
    Ok(())
}

fn note(package: &mut Package, entries: Vec<Entry>) {
    for entry in entries {
        package.list.push(entry.path.clone());
        match entry.kind {
            EntryKind::Directory => package.directories.push((entry.path, entry.meta)),
            EntryKind::File(_) => package.newest = package.newest.max(entry.meta.mtime),
            _ => {}
        }
    }
}

/// Gives a path that two packages have to the one that replaces the other's, as dpkg does in any order.
fn settle(
    objects: &Objects<'_>,
    job: &Job,
    packages: &mut [Package],
    conflict: &Conflict,
) -> Result<(), Complaint> {
    let Conflict {
        path,
        first,
        second,
    } = conflict;
    let (holder, other) = (&packages[*first], &packages[*second]);
    let loser = if conflicts::replaces(other, holder) {
        let mut data = Vec::new();
        let entries = read_files(objects, job, other, &mut data)?;
        place(other, &entries, &data, &|wanted| wanted == path)?;
        *first
    } else if conflicts::replaces(holder, other) {
        *second
    } else {
        let mut names = [&holder.name, &other.name];
        names.sort();
        let [one, two] = names;
        return Err(Complaint {
            kind: ComplaintKind::Package,
            message: format!(
                "{one} and {two} both have the file /{path}, and neither replaces the other's"
            ),
            output: String::new(),
        });
    };
    packages[loser].list.retain(|listed| listed != path);
    Ok(())
}

/// Copies package files to where dpkg can read them, and gives their names and paths.
pub(super) fn copy_archives(
    objects: &Objects<'_>,
    packages: &[Package],
) -> Result<Vec<String>, Complaint> {
    let copy = |package: &Package| {
        let path = format!("{ARCHIVES}/{}.deb", package.name);
        let copied = File::create(&path)
            .and_then(|mut file| std::io::copy(&mut objects.open_raw(&package.object)?, &mut file));
        copied.map_err(failed("copy a package"))?;
        Ok(path)
    };
    packages.iter().map(copy).collect()
}
