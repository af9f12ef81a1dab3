//! The modules that an initramfs needs to find its root: drivers of disks and network cards, file systems,
//! dm-verity, and what all of these depend on.
//!
//! They are taken from the modules of the host, decompressed and indexed already; the indexes are cut to
//! what is left. Whatever else the machine has gets its drivers from the root.

use std::collections::{BTreeMap, BTreeSet};

use bedplate_formats::kmod::module_name;
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree};
use bedplate_types::TreePath;

use crate::BuildError;
use crate::packages::read_bytes;

/// Directories and files below `kernel/` whose modules are wanted.
const WANTED: &[&str] = &[
    // Disks.
    "drivers/ata/",
    "drivers/block/loop.ko",
    "drivers/block/virtio_blk.ko",
    "drivers/block/xen-blkfront.ko",
    "drivers/cdrom/",
    "drivers/hv/",
    "drivers/message/fusion/",
    "drivers/mmc/",
    "drivers/nvme/host/",
    "drivers/pci/controller/",
    "drivers/scsi/",
    "drivers/ufs/",
    "drivers/usb/host/",
    "drivers/usb/storage/",
    "drivers/virtio/",
    // Network cards.
    "drivers/net/ethernet/",
    "drivers/net/hyperv/",
    "drivers/net/phy/",
    "drivers/net/virtio_net.ko",
    "drivers/net/vmxnet3/",
    "drivers/net/xen-netfront.ko",
    "net/packet/",
    // Between a disk and its files.
    "drivers/md/dm-mod.ko",
    "drivers/md/dm-verity.ko",
    "fs/erofs/",
    "fs/ext4/",
    "fs/fat/",
    "fs/isofs/",
    "fs/nls/nls_ascii.ko",
    "fs/nls/nls_cp437.ko",
    "fs/nls/nls_iso8859-1.ko",
    "fs/nls/nls_utf8.ko",
    "fs/overlayfs/",
    "fs/squashfs/",
];

/// Aliases that the kernel asks for by itself, and that no module depends on: the hash of dm-verity.
const ASKED_FOR: [&str; 2] = ["crypto-sha256", "crypto-crc32c"];

/// Directories that modules are in, whichever way `/lib` is a link.
const PLACES: [&str; 2] = ["lib/modules", "usr/lib/modules"];

/// What of the modules of kernel `version` an initramfs needs, with its indexes; nothing for a kernel without
/// modules.
pub(crate) fn for_initramfs(
    host: &Tree,
    version: &str,
    store: &Store,
) -> Result<Vec<Entry>, BuildError> {
    let root = PLACES
        .iter()
        .map(|place| -> TreePath { format!("{place}/{version}").parse().expect("a plain path") })
        .find(|root| host.get(&root.child(b"modules.dep")).is_some());
    let Some(root) = root else {
        return Ok(Vec::new());
    };
    let table = |name: &str| {
        let Some(InodeKind::File(content)) = host
            .get(&root.child(name.as_bytes()))
            .map(|inode| &inode.kind)
        else {
            return Ok(String::new());
        };
        let bytes = read_bytes(store, content)
            .map_err(BuildError::io(format!("read {name} of kernel {version}")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let chosen = Chosen::from(
        &table("modules.dep")?,
        &table("modules.alias")?,
        &table("modules.softdep")?,
    );
    let place: TreePath = format!("lib/modules/{version}")
        .parse()
        .expect("a plain path");
    let file = |path: &TreePath, content: Content| Entry {
        path: path.clone(),
        meta: Meta::with_mode(0o644),
        kind: EntryKind::File(content),
    };
    let mut entries = Vec::new();
    for path in &chosen.files {
        let relative: TreePath = path.parse().map_err(|_| BuildError::Input {
            what: format!("modules.dep of kernel {version} names `{path}`, which is no path"),
            hint: None,
        })?;
        // What the index names and packages do not hold is not there to be loaded by anybody.
        if let Some(InodeKind::File(content)) =
            host.get(&root.join(&relative)).map(|inode| &inode.kind)
        {
            entries.push(file(&place.join(&relative), content.clone()));
        }
    }
    for (name, text) in [
        ("modules.dep", chosen.dep),
        ("modules.alias", chosen.alias),
        ("modules.softdep", chosen.softdep),
    ] {
        entries.push(file(&place.child(name.as_bytes()), Content::inline(text)));
    }
    Ok(entries)
}

/// The files to take, and the lines of the indexes that are about them.
struct Chosen {
    files: BTreeSet<String>,
    dep: String,
    alias: String,
    softdep: String,
}

impl Chosen {
    fn from(dep: &str, alias: &str, softdep: &str) -> Self {
        let lines: BTreeMap<String, (&str, &str)> = dep
            .lines()
            .filter_map(|line| Some((module_name(line.split_once(':')?.0)?, line.split_once(':')?)))
            .collect();
        let serves = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let (alias, module) = (words.next()?, words.next()?);
            ASKED_FOR.contains(&alias).then(|| module.to_owned())
        };
        let mut waiting: Vec<String> = lines
            .iter()
            .filter(|(_, (file, _))| is_wanted(file))
            .map(|(name, _)| name.clone())
            .chain(alias.lines().filter_map(serves))
            .collect();
        let mut names = BTreeSet::new();
        let mut files = BTreeSet::new();
        while let Some(name) = waiting.pop() {
            let Some((file, needs)) = lines.get(&name).filter(|_| !names.contains(&name)) else {
                continue;
            };
            files.insert((*file).to_owned());
            waiting.extend(needs.split_whitespace().filter_map(module_name));
            let before = softdep
                .lines()
                .filter(|line| line.split_whitespace().nth(1) == Some(&name));
            waiting.extend(
                before
                    .flat_map(|line| line.split_whitespace().skip(2))
                    .map(|name| name.replace('-', "_")),
            );
            names.insert(name);
        }
        let about = |text: &str, word: usize| -> String {
            let is_about = |line: &&str| {
                line.split_whitespace()
                    .nth(word)
                    .is_some_and(|name| names.contains(&name.replace('-', "_")))
            };
            text.lines()
                .filter(is_about)
                .flat_map(|line| [line, "\n"])
                .collect()
        };
        let kept = |line: &&str| {
            line.split_once(':')
                .is_some_and(|(file, _)| files.contains(file))
        };
        Self {
            dep: dep
                .lines()
                .filter(kept)
                .flat_map(|line| [line, "\n"])
                .collect(),
            alias: about(alias, 2),
            softdep: about(softdep, 1),
            files,
        }
    }
}

fn is_wanted(file: &str) -> bool {
    let Some(below) = file.strip_prefix("kernel/") else {
        return false;
    };
    WANTED
        .iter()
        .any(|wanted| match wanted.strip_suffix(".ko") {
            Some(module) => below
                .strip_prefix(module)
                .is_some_and(|rest| rest.starts_with(".ko")),
            None => below.starts_with(wanted),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_comes_with_what_it_needs() {
        let dep = "kernel/fs/squashfs/squashfs.ko:\n\
            kernel/drivers/md/dm-verity.ko: kernel/drivers/md/dm-bufio.ko kernel/drivers/md/dm-mod.ko\n\
            kernel/drivers/md/dm-bufio.ko: kernel/drivers/md/dm-mod.ko\n\
            kernel/drivers/md/dm-mod.ko:\n\
            kernel/arch/x86/crypto/sha256-ssse3.ko:\n\
            kernel/lib/before.ko:\n\
            kernel/sound/snd.ko:\n";
        let alias =
            "alias crypto-sha256 sha256_ssse3\nalias dm-verity dm_verity\nalias snd-x snd\n";
        let softdep = "softdep squashfs pre: before\nsoftdep snd pre: before\n";
        let chosen = Chosen::from(dep, alias, softdep);
        let files: Vec<&str> = chosen.files.iter().map(String::as_str).collect();
        assert_eq!(
            files,
            [
                "kernel/arch/x86/crypto/sha256-ssse3.ko",
                "kernel/drivers/md/dm-bufio.ko",
                "kernel/drivers/md/dm-mod.ko",
                "kernel/drivers/md/dm-verity.ko",
                "kernel/fs/squashfs/squashfs.ko",
                "kernel/lib/before.ko",
            ]
        );
        assert_eq!(chosen.dep, dep.replace("kernel/sound/snd.ko:\n", ""));
        assert_eq!(
            chosen.alias,
            "alias crypto-sha256 sha256_ssse3\nalias dm-verity dm_verity\n"
        );
        assert_eq!(chosen.softdep, "softdep squashfs pre: before\n");
    }
}
