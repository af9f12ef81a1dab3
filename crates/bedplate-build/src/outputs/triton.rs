//! `triton`: the archive that Triton's `sdcadm platform install` takes, named after the stamp of the build.
//!
//! ```text
//! platform/etc/version/platform              the stamp
//! platform/etc/version/os-release            the host's own
//! platform/etc/version/gitstatus             what made it
//! platform/x86_64/vmlinuz
//! platform/x86_64/initrd                     and initrd.hash
//! platform/x86_64/filesystem.squashfs        the root, and filesystem.squashfs.hash
//! platform/x86_64/image.json                 where the root is an image: its description, and image.json.sig
//! platform/x86_64/filesystem.packages        a line a package: name, version
//! platform/x86_64/filesystem.manifest        a line a file: type, mode, owner, length, digest, path
//! ```
//!
//! Hashes are SHA-256, in hexadecimal digits. Source: linux-live, `docs/2-platform-image.md`, "Platform Image
//! Import"; its `build.tgz`, what the image was built in, has no counterpart here.

use std::fmt::Write as _;
use std::io;
use std::num::NonZeroUsize;

use bedplate_formats::content::ReadContent;
use bedplate_formats::squashfs::{self, Loss, Options};
use bedplate_formats::tar;
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::{Content, InodeKind, Tree, Visit};
use bedplate_types::{Arch, Digest, Object, Stamp, TreePath};
use flate2::write::GzEncoder;
use serde_json::json;

use super::Outputs;
use super::contents::Contents;
use super::hashed::{Hashed, hash};
use super::parts::Parts;
use crate::BuildError;
use crate::assembly::Host;
use crate::files::Files;

/// What the root is called there.
pub(super) const ROOT: &str = "filesystem.squashfs";

impl Outputs<'_> {
    /// Writes the archive.
    pub(super) fn triton(&mut self, parts: &mut Parts<'_>, host: &Host) -> Result<(), BuildError> {
        let stamp = Stamp::from(parts.epoch);
        let (name, mut file) = self.create_named(format!("platform-{stamp}.tgz"))?;
        let io = || BuildError::io(format!("write {name}"));
        // Lives until the archive is written.
        let mut made = None;
        let root = match parts.apart {
            Some(apart) => apart.image.content(),
            None => {
                let (file, content) = self.squashfs(parts, host)?;
                made = Some(file);
                content
            }
        };
        let files = self.platform(parts, host, &root)?;
        let tree = files.tree("platform image", parts.epoch)?;
        let mut out = GzEncoder::new(Hashed::new(file.file()), flate2::Compression::fast());
        tar::write(&tree, &parts.contents, parts.epoch, &mut out).map_err(|source| {
            BuildError::Tar {
                what: name.clone(),
                source,
            }
        })?;
        let written = out.finish().and_then(Hashed::finish).map_err(io())?;
        drop(made);
        self.keep("triton", name, file, written);
        Ok(())
    }

    /// The root as an image of its own, which is gone when the file is dropped.
    fn squashfs(
        &self,
        parts: &mut Parts<'_>,
        host: &Host,
    ) -> Result<(ReplacedFile, Content), BuildError> {
        if !self.options.drop_xattrs {
            refuse_losses(&host.tree)?;
        }
        let (name, mut file) = self.create("-root.squashfs")?;
        let options = Options {
            threads: NonZeroUsize::new(self.options.initrd.threads).unwrap_or(NonZeroUsize::MIN),
            ..Options::new(parts.epoch)
        };
        squashfs::write(&host.tree, self.store, &options, file.file()).map_err(|source| {
            BuildError::Format {
                what: name.clone(),
                source: source.into(),
            }
        })?;
        let content = hash(file.file()).and_then(|written| parts.contents.add(&mut file, &written));
        let content = content.map_err(BuildError::io(format!("read {name}")))?;
        Ok((file, content))
    }

    fn platform(
        &self,
        parts: &Parts<'_>,
        host: &Host,
        root: &Content,
    ) -> Result<Files, BuildError> {
        let mut files = Files::default();
        let mut version =
            |name: &str, text: String| files.text(&format!("platform/etc/version/{name}"), text);
        version("platform", format!("{}\n", Stamp::from(parts.epoch)));
        version("os-release", self.os_release(host)?);
        let maker = json!([{
            "repo": "bedplate", "rev": env!("CARGO_PKG_VERSION"), "branch": "", "name": parts.name,
        }]);
        version("gitstatus", format!("{maker}\n"));
        let directory = match parts.arch {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
            Arch::Riscv64 => "riscv64",
        };
        let at = |name: &str| format!("platform/{directory}/{name}");
        files.put(&at("vmlinuz"), parts.kernel.clone());
        for (name, content) in [("initrd", &parts.initrd), (ROOT, root)] {
            files.put(&at(name), content.clone());
            files.text(
                &at(&format!("{name}.hash")),
                format!("{}\n", digest(content, &parts.contents)?),
            );
        }
        if let Some(apart) = parts.apart {
            for (name, bytes) in apart.documents() {
                files.text(&at(name), bytes);
            }
        }
        files.text(&at("filesystem.packages"), packages(host));
        files.text(
            &at("filesystem.manifest"),
            listing(&host.tree, &parts.contents)?,
        );
        Ok(files)
    }
}

fn refuse_losses(tree: &Tree) -> Result<(), BuildError> {
    let lost = squashfs::unrepresentable(tree)
        .into_iter()
        .find_map(|(path, loss)| match loss {
            Loss::Xattr(name) => Some((path, name)),
            Loss::Refused(_) => None,
        });
    let Some((path, name)) = lost else {
        return Ok(());
    };
    Err(BuildError::Unrepresentable {
        format: "a SquashFS image",
        path,
        why: format!("it has the extended attribute `{}`", name.escape_ascii()),
        hint: "pass --drop-xattrs to lose it",
    })
}

/// SHA-256 of a content, in hexadecimal digits.
fn digest(content: &Content, contents: &Contents<'_>) -> Result<String, BuildError> {
    let mut out = Hashed::over(io::sink());
    let written = contents.copy(content, &mut out).and_then(|()| out.finish());
    let written = written.map_err(BuildError::io("hash a file of the host"))?;
    Ok(Digest::<Object>::from_bytes(written.sha256).hex())
}

fn packages(host: &Host) -> String {
    let all = host.packages.values().flatten();
    let mut lines: Vec<String> = all
        .map(|package| format!("{}\t{}\n", package.name, package.version))
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

fn listing(tree: &Tree, contents: &Contents<'_>) -> Result<String, BuildError> {
    let mut text = String::new();
    for Visit { path, inode, .. } in tree.walk() {
        let (kind, len, what) = match &inode.kind {
            InodeKind::Directory(_) => ('d', 0, "-".to_owned()),
            InodeKind::File(content) => ('f', content.len(), digest(content, contents)?),
            InodeKind::Symlink(target) => ('l', 0, target.escape_ascii().to_string()),
            InodeKind::CharDevice { major, minor } => ('c', 0, format!("{major}:{minor}")),
            InodeKind::BlockDevice { major, minor } => ('b', 0, format!("{major}:{minor}")),
            InodeKind::Fifo => ('p', 0, "-".to_owned()),
        };
        let meta = &inode.meta;
        let path: &TreePath = &path;
        writeln!(
            text,
            "{kind} {:04o} {}:{} {len} {what} {path}",
            meta.mode, meta.uid, meta.gid
        )
        .expect("a text grows");
    }
    Ok(text)
}
