//! Listings of directories (section 6), whose records [`super::super::directories`] draws.

use bedplate_types::{PathError, TreePath};

use super::Room;
use super::error::ReadError;
use super::fields::Fields;
use super::metadata::{Metadata, Place};
use crate::read_at::ReadAt;

const RUN_HEADER: u32 = 12;
const ENTRY_HEADER: u32 = 8;
const MAX_RUN: u32 = 256;

/// One name in a directory.
pub(super) struct Name {
    pub(super) path: TreePath,
    /// Kind of the basic inode.
    pub(super) kind: u16,
    /// Packed reference to the inode.
    pub(super) inode: u64,
}

/// The names in a directory whose listing has `left` bytes at `place`; as many as there is room for.
pub(super) fn read<S: ReadAt>(
    metadata: &mut Metadata<'_, S>,
    (mut place, mut left): (Place, u32),
    directory: &TreePath,
    room: Room,
) -> Result<Vec<Name>, ReadError> {
    let fault = |what| ReadError::Inode {
        path: directory.clone(),
        what,
    };
    let cut = || fault("its listing ends in the middle");
    let mut names: Vec<Name> = Vec::new();
    while left > 0 {
        let head: [u8; RUN_HEADER as usize] = metadata.read(&mut place)?;
        left = left.checked_sub(RUN_HEADER).ok_or_else(cut)?;
        let mut fields = Fields(&head);
        let (count, block) = (fields.u32(), fields.u32());
        if count >= MAX_RUN {
            return Err(fault("its listing has a run that is too long"));
        }
        for _ in 0..=count {
            let head: [u8; ENTRY_HEADER as usize] = metadata.read(&mut place)?;
            let mut fields = Fields(&head);
            let (offset, _number) = (fields.u16(), fields.u16());
            let (kind, len) = (fields.u16(), u32::from(fields.u16()) + 1);
            left = left.checked_sub(ENTRY_HEADER + len).ok_or_else(cut)?;
            let name = metadata.bytes(&mut place, len as usize)?;
            let path = child(directory, &name)?;
            // The kernel searches listings, so names that are out of order would not be found.
            if names
                .last()
                .is_some_and(|last| last.path.name() >= path.name())
            {
                return Err(fault("its names are not in order"));
            }
            metadata.hold(path.as_bytes().len() as u64)?;
            names.push(Name {
                path,
                kind,
                inode: u64::from(block) << 16 | u64::from(offset),
            });
            if names.len() as u64 > room.left {
                return Err(ReadError::Limit {
                    what: "names",
                    limit: room.limit,
                });
            }
        }
    }
    Ok(names)
}

fn child(directory: &TreePath, name: &[u8]) -> Result<TreePath, ReadError> {
    let bad = |source| ReadError::Name {
        directory: directory.clone(),
        source,
    };
    let lossy = || String::from_utf8_lossy(name).into_owned();
    if matches!(name, b"." | b"..") || name.contains(&b'/') {
        return Err(bad(PathError::Leaves(lossy())));
    }
    let path = [directory.as_bytes(), b"/", name].concat();
    TreePath::parse(&path).map_err(bad)
}
