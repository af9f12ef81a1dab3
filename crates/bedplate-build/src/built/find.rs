//! From what the user names to the file that is looked into.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::ImageError;
use crate::manifest::Manifest;

/// The kinds of artefacts that can be looked into, the best first: a tar has everything in one place, and
/// reading the others takes more and more.
const KINDS: [&str; 5] = ["tar", "root", "initrd", "uki", "raw"];
/// No manifest is longer, in bytes.
const MAX_MANIFEST: u64 = 64 << 20;
const ENDING: &str = "-manifest.json";

/// A file to be looked into.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The manifest that led to it.
    pub(super) manifest: Option<Manifest>,
    /// The kernel command line, where it is a file of its own.
    pub(super) cmdline: Option<String>,
}

/// Follows a directory to its manifest, and a manifest to its best artefact.
pub(super) fn find(path: &Path) -> Result<Found, ImageError> {
    if path.is_dir() {
        return by_manifest(&only_manifest(path)?);
    }
    if path.to_string_lossy().ends_with(ENDING) {
        return by_manifest(path);
    }
    Ok(Found {
        path: path.to_owned(),
        manifest: None,
        cmdline: None,
    })
}

fn only_manifest(directory: &Path) -> Result<PathBuf, ImageError> {
    let list = || ImageError::io(format!("list {}", directory.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(list())? {
        let path = entry.map_err(list())?.path();
        if path.to_string_lossy().ends_with(ENDING) {
            found.push(path);
        }
    }
    match found.len() {
        0 => Err(ImageError::NoManifest {
            path: directory.to_owned(),
        }),
        1 => Ok(found.remove(0)),
        count => Err(ImageError::SeveralManifests {
            path: directory.to_owned(),
            count,
        }),
    }
}

fn by_manifest(path: &Path) -> Result<Found, ImageError> {
    let manifest: Manifest = serde_json::from_str(&text(path)?)
        .map_err(ImageError::malformed(path, "a manifest of a host"))?;
    let beside = |file: &str| path.with_file_name(file);
    let best = KINDS.iter().find_map(|kind| {
        let mut of_kind = manifest.artefacts.iter();
        of_kind.find(|artefact| artefact.kind == *kind && beside(&artefact.file).is_file())
    });
    let best = best.ok_or_else(|| ImageError::NoArtefact {
        path: path.to_owned(),
    })?;
    let file = beside(&best.file);
    let len = fs::metadata(&file)
        .map_err(ImageError::io(format!("look at {}", file.display())))?
        .len();
    if len != best.size {
        return Err(ImageError::Length {
            path: file,
            len,
            expected: best.size,
        });
    }
    let mut artefacts = manifest.artefacts.iter();
    let cmdline = artefacts.find(|artefact| artefact.kind == "cmdline");
    let cmdline = cmdline.map(|artefact| beside(&artefact.file));
    let cmdline = cmdline.filter(|file| file.is_file());
    Ok(Found {
        path: file,
        cmdline: cmdline.map(|file| text(&file)).transpose()?,
        manifest: Some(manifest),
    })
}

fn text(path: &Path) -> Result<String, ImageError> {
    let read = || ImageError::io(format!("read {}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(read())?;
    file.take(MAX_MANIFEST)
        .read_to_string(&mut text)
        .map_err(read())?;
    Ok(text)
}
