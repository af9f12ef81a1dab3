//! The root as a tar on standard output.

use std::fs::Metadata;
use std::io::{self, BufWriter};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bedplate_formats::tar;
use bedplate_sys::attributes;
use bedplate_tree::Meta;
use bedplate_types::{Epoch, Silent};

use super::super::job::{Complaint, ComplaintKind};
use crate::directory::Walk;

/// A file capability, and its revisions 2 and 3 (capabilities(7), `struct vfs_cap_data`).
const CAPABILITY: &[u8] = b"security.capability";
const REVISION_2: u8 = 2;
const REVISION_3: u8 = 3;
const LEN_2: usize = 20;

/// Writes the root of this process. No time in it is later than `epoch`.
pub(super) fn write(epoch: u64) -> Result<(), Complaint> {
    let system = |message: String| Complaint {
        kind: ComplaintKind::System,
        message,
        output: String::new(),
    };
    let walk = Walk::of(Path::new("/"), &|host: &Path, meta: &Metadata| {
        metadata(host, meta, epoch)
    });
    let walk = walk.map_err(|e| system(crate::error::flatten(&e)))?;
    let tree = walk.tree(Epoch(epoch)).map_err(|e| system(e.to_string()))?;
    let out = BufWriter::with_capacity(1 << 17, io::stdout().lock());
    tar::write(&tree, &walk.files(&Silent), Epoch(epoch), out)
        .map(drop)
        .map_err(|e| system(crate::error::flatten(&e)))
}

/// Owner and permissions as they are in here. Only the times of files say something: directories and
/// symlinks are as old as the sandbox.
fn metadata(host: &Path, meta: &Metadata, epoch: u64) -> io::Result<Meta> {
    let mut xattrs = attributes::all(host)?;
    xattrs.retain(|name, _| &**name == CAPABILITY || name.starts_with(b"user."));
    if let Some(value) = xattrs.get_mut(CAPABILITY) {
        *value = unbound(value);
    }
    let mtime = match meta.is_file() {
        true => u64::try_from(meta.mtime()).unwrap_or(0).min(epoch),
        false => epoch,
    };
    Ok(Meta {
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        mtime,
        xattrs,
    })
}

/// A capability of revision 3 is bound to the root of a user namespace. On a machine it is of revision 2.
fn unbound(value: &[u8]) -> Box<[u8]> {
    if value.len() <= LEN_2 || value[3] != REVISION_3 {
        return value.into();
    }
    let mut unbound = value[..LEN_2].to_vec();
    unbound[3] = REVISION_2;
    unbound.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_loses_its_namespace() {
        let mut bound = [0; 24];
        (bound[0], bound[3], bound[20]) = (1, REVISION_3, 7);
        let mut plain = [0; LEN_2];
        (plain[0], plain[3]) = (1, REVISION_2);
        assert_eq!(&*unbound(&bound), plain);
        assert_eq!(&*unbound(&plain), plain);
    }
}
