//! `tar`: the root, with kernel and command line in `/boot`.

use bedplate_formats::tar;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder};
use bedplate_types::Epoch;

use super::Outputs;
use super::hashed::Hashed;
use crate::BuildError;
use crate::assembly::Host;

impl Outputs<'_> {
    pub(super) fn tar(&mut self, host: &Host, epoch: Epoch) -> Result<(), BuildError> {
        let tree = with_boot(host, epoch)?;
        let (name, mut file) = self.create(".tar")?;
        let mut out = Hashed::new(file.file());
        tar::write(&tree, self.store, epoch, &mut out).map_err(|source| BuildError::Tar {
            what: "the host as a tar".to_owned(),
            source,
        })?;
        let written = out
            .finish()
            .map_err(BuildError::io(format!("write {name}")))?;
        self.keep("tar", name, file, written);
        Ok(())
    }
}

/// The root with what boots it in `/boot`, as LinuxKit's `tar` has it.
fn with_boot(host: &Host, epoch: Epoch) -> Result<Tree, BuildError> {
    let merge = |source| BuildError::Merge {
        what: "the kernel in /boot".to_owned(),
        source,
    };
    let mut builder = TreeBuilder::new();
    builder
        .join(&Default::default(), &host.tree)
        .map_err(merge)?;
    let origin = builder.origin("kernel");
    let Some(kernel) = &host.kernel else {
        return Ok(builder.freeze(epoch));
    };
    let cmdline = Content::inline(host.cmdline.as_bytes());
    let files = [
        ("boot/kernel", Some(kernel.binary.clone())),
        ("boot/cmdline", Some(cmdline)),
        ("boot/ucode.cpio", kernel.ucode.clone()),
    ];
    for (path, content) in files {
        let Some(content) = content else { continue };
        let path = path.parse().expect("a plain path");
        let entry = Entry {
            path,
            meta: Meta::with_mode(0o644),
            kind: EntryKind::File(content),
        };
        builder.insert(entry, origin).map_err(merge)?;
    }
    Ok(builder.freeze(epoch))
}
