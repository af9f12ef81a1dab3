//! `oci-archive:FILE[:TAG]` and `docker-archive:FILE[:NAME]`: images in a tar.
//!
//! ```text
//! oci-archive     an OCI image layout
//! docker-archive  manifest.json: [{"Config": name, "RepoTags": [..], "Layers": [name, ..]}], and those files
//! ```
//!
//! Members are read in place; an archive that is compressed as a whole is unpacked into the store first.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bedplate_formats::compression::Compression;
use bedplate_formats::tar;
use bedplate_spec::lock::{Layering, ResolvedImage};
use bedplate_tree::{Content, EntryKind};
use bedplate_types::{Digest, TreePath};
use serde::Deserialize;

use crate::documents::{self, ParsedConfig};
use crate::error::{ErrorKind, SourceError};
use crate::layers::{self, Expected};
use crate::layout::{Files, read_small};
use crate::sources::Sources;

/// Links between members may be followed so often.
const LINKS: u32 = 8;

/// The files of a tar, by name.
struct Members {
    file: Arc<File>,
    members: HashMap<TreePath, Member>,
}

#[derive(Clone)]
enum Member {
    Range { offset: u64, len: u64 },
    Link(TreePath),
}

impl Members {
    fn read(file: File) -> Result<Self, SourceError> {
        let nothing = Digest::from_bytes([0; 32]);
        let buffered = BufReader::with_capacity(4096, &file);
        let entries = tar::read(buffered, nothing, &tar::Limits::default())
            .map_err(|e| SourceError::bad("it is not a well-formed tar").because(e))?;
        let mut members = HashMap::new();
        for entry in entries {
            let member = match entry.kind {
                EntryKind::File(Content::Stored { offset, len, .. }) => {
                    Member::Range { offset, len }
                }
                EntryKind::File(Content::Inline(_)) => Member::Range { offset: 0, len: 0 },
                EntryKind::HardLink(target) => Member::Link(target),
                EntryKind::Symlink(target) => match relative(&entry.path, &target) {
                    Some(target) => Member::Link(target),
                    None => continue,
                },
                _ => continue,
            };
            members.insert(entry.path, member);
        }
        Ok(Self {
            file: Arc::new(file),
            members,
        })
    }
}

/// Where a symlink at `path` leads, if that is within the archive.
fn relative(path: &TreePath, target: &[u8]) -> Option<TreePath> {
    let mut components: Vec<&[u8]> = path.components().collect();
    components.pop();
    for component in target.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()?),
            name => components.push(name),
        }
    }
    TreePath::parse(&components.join(&b'/')).ok()
}

impl Files for Members {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let not_found = || io::Error::new(io::ErrorKind::NotFound, "the archive has no such file");
        let mut path = TreePath::parse(name.as_bytes()).map_err(|_| not_found())?;
        for _ in 0..LINKS {
            match self.members.get(&path).ok_or_else(not_found)? {
                Member::Link(target) => path = target.clone(),
                &Member::Range { offset, len } => {
                    let range = Range {
                        file: self.file.clone(),
                        position: offset,
                        end: offset + len,
                    };
                    return Ok(Box::new(range));
                }
            }
        }
        Err(not_found())
    }
}

/// A part of a file, as a reader of its own.
struct Range {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = rest.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..wanted], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// An entry of a Docker archive's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Sources<'_> {
    pub(crate) fn resolve_oci_archive(
        &self,
        path: &Path,
        tag: Option<&str>,
    ) -> Result<ResolvedImage, SourceError> {
        self.resolve_layout_files(&self.members(path)?, tag)
    }

    pub(crate) fn resolve_docker_archive(
        &self,
        path: &Path,
        tag: Option<&str>,
    ) -> Result<ResolvedImage, SourceError> {
        let members = self.members(path)?;
        let bytes = read_small(&members, "manifest.json")?;
        let images: Vec<DockerImage> = serde_json::from_slice(&bytes)
            .map_err(|e| SourceError::bad("`manifest.json` of it is malformed").because(e))?;
        let image = choose(&images, tag)?;
        let config_bytes = read_small(&members, &image.config)?;
        let ParsedConfig {
            arch,
            config,
            diff_ids,
        } = documents::parse_config(&config_bytes, self.options.arch)?;
        if diff_ids.len() != image.layers.len() {
            let (layers, ids) = (image.layers.len(), diff_ids.len());
            return Err(SourceError::bad(format!(
                "its manifest has {layers} layers, its configuration {ids}"
            )));
        }
        for (number, (name, diff_id)) in (1..).zip(image.layers.iter().zip(&diff_ids)) {
            if !self.store.contains(&diff_id.cast()) {
                let expected = Expected {
                    blob: None,
                    diff_id: Some(*diff_id),
                };
                self.docker_layer(&members, name, expected)
                    .map_err(|error| error.within(&format!("layer {number} (`{name}`)")))?;
            }
        }
        Ok(ResolvedImage {
            manifest: None,
            arch,
            config,
            layers: diff_ids,
            layering: Layering::Image,
            packages: Vec::new(),
            archives: None,
            builder: None,
        })
    }

    fn docker_layer(
        &self,
        members: &Members,
        name: &str,
        expected: Expected,
    ) -> Result<(), SourceError> {
        let mut reader = members
            .open(name)
            .map_err(|e| SourceError::new(ErrorKind::NotFound, "cannot read it").because(e))?;
        let task = self.progress.begin(name, None);
        layers::ingest(
            self.store,
            &mut *reader,
            expected,
            self.options.limits,
            &*task,
        )
        .map(drop)
    }

    fn members(&self, path: &Path) -> Result<Members, SourceError> {
        let file = match Self::compression(path)? {
            Compression::None => {
                File::open(path).map_err(|e| SourceError::file("read", path, e))?
            }
            _ => self.store.open_object(&self.keep_tar(path)?.cast())?,
        };
        Members::read(file)
    }
}

fn choose<'a>(
    images: &'a [DockerImage],
    tag: Option<&str>,
) -> Result<&'a DockerImage, SourceError> {
    let tags = || {
        images
            .iter()
            .flat_map(|image| image.repo_tags.iter().flatten())
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let Some(tag) = tag else {
        return match images {
            [] => Err(SourceError::new(ErrorKind::NotFound, "it holds no image")),
            [one] => Ok(one),
            _ => Err(
                SourceError::bad(format!("it holds several images: {}", tags()))
                    .with_hint("add the name of one after a colon"),
            ),
        };
    };
    let is_tag = |name: &String| {
        name == tag || name.ends_with(&format!(":{tag}")) || *name == format!("{tag}:latest")
    };
    let called = |image: &&DockerImage| image.repo_tags.iter().flatten().any(is_tag);
    images.iter().find(called).ok_or_else(|| {
        SourceError::new(
            ErrorKind::NotFound,
            format!("it holds no image called `{tag}`, only {}", tags()),
        )
    })
}
