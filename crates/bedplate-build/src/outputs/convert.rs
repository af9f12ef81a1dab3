//! `qcow2`, `vmdk`, `vhd`: the disk in the formats of hypervisors.
//!
//! ```text
//! NAME.qcow2   by qemu-img
//! NAME.vmdk    by qemu-img, streamOptimized: what VMware imports; the random content id in it replaced
//! NAME.vhd     the disk as it is, and a footer: what Azure takes (fixed, whole mebibytes)
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bedplate_formats::vhd;
use bedplate_sys::replace::ReplacedFile;
use bedplate_sys::tool::{Tool, ToolError};

use super::hashed::hash;
use super::parts::Parts;
use super::{Outputs, disk};
use crate::BuildError;

/// The text descriptor of a VMDK lies in so many bytes from the beginning (VMware, "Virtual Disk Format 5.0").
const VMDK_HEAD: usize = 64 << 10;

impl Outputs<'_> {
    /// In QEMU's format.
    pub(super) fn qcow2(&mut self, raw: &ReplacedFile) -> Result<(), BuildError> {
        self.convert(raw, "qcow2", &[], |_| Ok(()))
    }

    /// In VMware's format.
    pub(super) fn vmdk(&mut self, raw: &ReplacedFile, parts: &Parts<'_>) -> Result<(), BuildError> {
        let options = ["-o", "subformat=streamOptimized,adapter_type=lsilogic"];
        let id = parts.names().serial();
        self.convert(raw, "vmdk", &options, |file| set_content_id(file, id))
    }

    fn convert(
        &mut self,
        raw: &ReplacedFile,
        format: &str,
        options: &[&str],
        fix: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<(), BuildError> {
        let (name, mut file) = self.create(&format!(".{format}"))?;
        let failed = |source: ToolError| BuildError::Tool {
            doing: format!("write {name}"),
            source,
        };
        Tool::new("qemu-img", "qemu-utils")
            .args(["convert", "-f", "raw", "-O", format])
            .args(options)
            .arg(raw.path())
            .arg(file.path())
            .output()
            .map_err(failed)?;
        fix(file.file()).map_err(BuildError::io(format!("write {name}")))?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep(format, name, file, written);
        Ok(())
    }

    /// In the format of Hyper-V and Azure.
    pub(super) fn vhd(&mut self, parts: &Parts<'_>) -> Result<(), BuildError> {
        let (name, mut file) = self.create(".vhd")?;
        let len = disk::write(parts, file.file()).map_err(BuildError::format(&name))?;
        let footer = vhd::footer(len, parts.names().guid("vhd"), parts.epoch);
        let written = file.file().write_all_at(&footer, len);
        written.map_err(BuildError::io(format!("write {name}")))?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep("vhd", name, file, written);
        Ok(())
    }
}

/// Puts `id` in the place of the random one that tells whether a disk was changed.
fn set_content_id(file: &File, id: u32) -> io::Result<()> {
    const KEY: &[u8] = b"\nCID=";
    let mut head = vec![0; VMDK_HEAD];
    file.read_exact_at(&mut head, 0)?;
    let key = head.windows(KEY.len()).position(|window| window == KEY);
    let Some(key) = key else {
        let message = "the descriptor of the VMDK has no CID";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    // The two highest numbers have a meaning of their own.
    let id = id & 0x7fff_ffff;
    file.write_all_at(format!("{id:08x}").as_bytes(), (key + KEY.len()) as u64)
}
