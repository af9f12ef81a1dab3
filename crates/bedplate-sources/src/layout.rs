//! `oci:DIR[:TAG]`: an OCI image layout in a directory (OCI image specification, "Image Layout").
//!
//! ```text
//! oci-layout   index.json   blobs/sha256/0123…
//! ```
//!
//! The same layout in a tar is read through the same code: [`Files`] is where the files are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bedplate_spec::lock::ResolvedImage;
use bedplate_types::Task;

use crate::documents::{DOCUMENT_MAX, Descriptor, Index};
use crate::error::{ErrorKind, SourceError};
use crate::image::{Blobs, LayerBytes};
use crate::sources::Sources;

/// Files by name: a directory, or a tar.
pub(crate) trait Files: Sync {
    /// Opens one for reading. `name` is of plain components.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;
}

/// A directory of the build machine.
struct Directory(PathBuf);

impl Files for Directory {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }
}

/// A layout's blobs.
struct Layout<'a>(&'a dyn Files);

impl Blobs for Layout<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        read_small(self.0, &blob_name(descriptor))
    }

    fn layer(&self, descriptor: &Descriptor, _task: &dyn Task) -> Result<LayerBytes, SourceError> {
        let name = blob_name(descriptor);
        self.0
            .open(&name)
            .map(LayerBytes::Reader)
            .map_err(|e| missing(&name, e))
    }
}

fn blob_name(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", descriptor.digest.hex())
}

fn missing(name: &str, error: io::Error) -> SourceError {
    let kind = if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::NotFound
    } else {
        ErrorKind::Io
    };
    SourceError::new(kind, format!("cannot read `{name}` of it")).because(error)
}

/// Reads a file whole, if it is not too large for a document.
pub(crate) fn read_small(files: &dyn Files, name: &str) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let reader = files.open(name).map_err(|e| missing(name, e))?;
    reader
        .take(DOCUMENT_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| missing(name, e))?;
    if bytes.len() as u64 > DOCUMENT_MAX {
        return Err(SourceError::bad(format!(
            "`{name}` of it has more than {DOCUMENT_MAX} bytes"
        )));
    }
    Ok(bytes)
}

impl Sources<'_> {
    pub(crate) fn resolve_layout(
        &self,
        dir: &Path,
        tag: Option<&str>,
    ) -> Result<ResolvedImage, SourceError> {
        if !dir.join("index.json").is_file() {
            let message = format!(
                "`{}` is not an OCI image layout: it has no `index.json`",
                dir.display()
            );
            return Err(SourceError::new(ErrorKind::NotFound, message)
                .with_hint("for a directory that is a root file system, write `dir:`"));
        }
        self.resolve_layout_files(&Directory(dir.to_owned()), tag)
    }

    pub(crate) fn resolve_layout_files(
        &self,
        files: &dyn Files,
        tag: Option<&str>,
    ) -> Result<ResolvedImage, SourceError> {
        let bytes = read_small(files, "index.json")?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|e| SourceError::bad("`index.json` of it is malformed").because(e))?;
        let descriptor = choose(&index, tag, self.options.arch)?;
        self.resolve_image(&Layout(files), &descriptor)
    }
}

/// The image called `tag`; without one, the only image, which may stand there once per platform.
fn choose(
    index: &Index,
    tag: Option<&str>,
    arch: bedplate_types::Arch,
) -> Result<Descriptor, SourceError> {
    let is_tag = |name: &str, tag: &str| name == tag || name.ends_with(&format!(":{tag}"));
    let named = |descriptor: &&Descriptor| match tag {
        Some(tag) => descriptor.ref_names().any(|name| is_tag(name, tag)),
        None => true,
    };
    let candidates: Vec<Descriptor> = index.manifests.iter().filter(named).cloned().collect();
    let mut names: Vec<&str> = index
        .manifests
        .iter()
        .flat_map(Descriptor::ref_names)
        .collect();
    names.sort_unstable();
    names.dedup();
    match (&candidates[..], tag) {
        ([], Some(tag)) => {
            let message = format!(
                "it holds no image called `{tag}`, only {}",
                names.join(", ")
            );
            Err(SourceError::new(ErrorKind::NotFound, message))
        }
        ([], None) => Err(SourceError::new(ErrorKind::NotFound, "it holds no image")),
        ([one], _) => Ok(one.clone()),
        (many, _)
            if many.iter().all(|one| one.platform.is_some())
                && (tag.is_some() || names.len() <= 1) =>
        {
            Index {
                manifests: candidates,
            }
            .select(arch)
            .cloned()
        }
        _ => Err(
            SourceError::bad(format!("it holds several images: {}", names.join(", ")))
                .with_hint("add the name of one after a colon"),
        ),
    }
}
