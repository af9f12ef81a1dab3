//! Opening a store.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bedplate_sys::replace::ReplacedFile;

use crate::error::{Doing, StoreError};
use crate::locking;

const VERSION: &str = "1";
/// The tag that backup programs look for (bford.info/cachedir).
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of Bedplate; everything in it can be had again.\n";
const DIRECTORIES: [&str; 6] = ["objects", "refs", "segments", "partial", "work", "tmp"];
/// Times of use are kept to this precision, so that a build does not write to every file that it reads.
const USE_PRECISION: Duration = Duration::from_secs(3600);

/// A store that is open. While it lives, nothing in it is collected by others.
#[derive(Debug)]
pub struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) lock: File,
    /// Objects whose contents were read, to be read again without opening.
    pub(crate) opened: Mutex<HashMap<[u8; 32], Arc<File>>>,
}

impl Store {
    /// Opens the store in `dir`, which is made where it does not exist. Waits while another process
    /// collects it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let doing = |action| Doing {
            store: dir,
            action,
            path: dir,
        };
        fs::create_dir_all(dir).map_err(|e| doing("create").failed(e))?;
        let dir = &fs::canonicalize(dir).map_err(|e| doing("find").failed(e))?;
        let lock = locking::open_shared(dir)?;
        check_version(dir)?;
        for name in DIRECTORIES {
            let path = dir.join(name);
            let doing = Doing {
                store: dir,
                action: "create",
                path: &path,
            };
            fs::create_dir_all(&path).map_err(|e| doing.failed(e))?;
        }
        Ok(Self {
            dir: dir.clone(),
            lock,
            opened: Mutex::default(),
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A directory for files of other programs, such as package lists, made where it does not exist.
    /// It may be collected between builds. `name` is a plain file name.
    pub fn work_directory(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.dir.join("work").join(name);
        fs::create_dir_all(&path).map_err(|e| self.doing("create", &path).failed(e))?;
        touch_path(&path);
        Ok(path)
    }

    pub(crate) fn doing<'a>(&'a self, action: &'static str, path: &'a Path) -> Doing<'a> {
        Doing {
            store: &self.dir,
            action,
            path,
        }
    }
}

fn check_version(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("version");
    let doing = |action| Doing {
        store: dir,
        action,
        path: &path,
    };
    match fs::read_to_string(&path) {
        Ok(text) if text.trim() == VERSION => Ok(()),
        Ok(text) => {
            let found = text.trim().chars().take(20).collect();
            Err(StoreError::Version {
                dir: dir.to_owned(),
                found,
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let write = |name: &str, text: &str| {
                let mut file = ReplacedFile::create(&dir.join(name))?;
                io::Write::write_all(&mut file, text.as_bytes())?;
                file.commit()
            };
            write("CACHEDIR.TAG", CACHEDIR_TAG).map_err(|e| doing("write").failed(e))?;
            write("version", &format!("{VERSION}\n")).map_err(|e| doing("write").failed(e))
        }
        Err(error) => Err(doing("read").failed(error)),
    }
}

/// Notes that a file was used now. That it could not be noted only makes it look older.
pub(crate) fn touch(file: &File) {
    let now = SystemTime::now();
    let old = file.metadata().and_then(|meta| meta.modified());
    if old.is_ok_and(|old| now.duration_since(old).is_ok_and(|age| age > USE_PRECISION)) {
        let _ = file.set_modified(now);
    }
}

pub(crate) fn touch_path(path: &Path) {
    if let Ok(file) = File::open(path) {
        touch(&file);
    }
}
