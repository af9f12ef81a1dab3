//! `qcow2`, `vmdk`, `vhd`: the disk in the formats of hypervisors.
//!
//! ```text
//! NAME.qcow2   by qemu-img
//! NAME.vmdk    by qemu-img, streamOptimized: what VMware imports; see `describe`
//! NAME.vhd     the disk as it is, and a footer: what Azure takes (fixed, whole mebibytes)
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bedplate_formats::vhd;
use bedplate_sys::replace::ReplacedFile;
use bedplate_sys::tool::{Tool, ToolError};
use bedplate_tree::Content;

use super::hashed::hash;
use super::parts::Parts;
use super::{Outputs, disk};
use crate::BuildError;

/// A VMDK begins with a header of one sector; its text follows (VMware, "Virtual Disk Format 5.0"):
///
/// ```text
/// 28 where the text is, 36 how long it is: u64, in sectors
/// ```
const VMDK_HEADER_LEN: usize = 512;
/// No text is longer, in sectors.
const VMDK_TEXT_MAX: u64 = 128;

impl Outputs<'_> {
    /// In QEMU's format.
    pub(super) fn qcow2(&mut self, raw: &ReplacedFile) -> Result<(), BuildError> {
        self.convert(raw, "qcow2", &[], |_| Ok(()))
    }

    /// In VMware's format.
    pub(super) fn vmdk(&mut self, raw: &ReplacedFile, parts: &Parts<'_>) -> Result<(), BuildError> {
        let options = ["-o", "subformat=streamOptimized,adapter_type=lsilogic"];
        let id = parts.names().serial();
        let name = format!("{}.vmdk", self.options.name);
        self.convert(raw, "vmdk", &options, |file| describe(file, id, &name))
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
    pub(super) fn vhd(
        &mut self,
        parts: &Parts<'_>,
        loader: Option<Content>,
    ) -> Result<(), BuildError> {
        let (name, mut file) = self.create(".vhd")?;
        let len = disk::write(parts, loader, file.file()).map_err(BuildError::format(&name))?;
        let footer = vhd::footer(len, parts.names().guid("vhd"), parts.epoch);
        let written = file.file().write_all_at(&footer, len);
        written.map_err(BuildError::io(format!("write {name}")))?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep("vhd", name, file, written);
        Ok(())
    }
}

/// Names a VMDK in its text by `name` and `id`: by what qemu-img put there, a random number and the name of a
/// temporary file, each build would be another one.
fn describe(file: &File, id: u32, name: &str) -> io::Result<()> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the VMDK has no description");
    let mut header = [0; VMDK_HEADER_LEN];
    file.read_exact_at(&mut header, 0)?;
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
    let (offset, sectors) = (number(28) * 512, number(36));
    if !header.starts_with(b"KDMV") || !(1..=VMDK_TEXT_MAX).contains(&sectors) {
        return Err(malformed());
    }
    let mut text = vec![0; sectors as usize * 512];
    file.read_exact_at(&mut text, offset)?;
    let end = text
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(text.len());
    let old = std::str::from_utf8(&text[..end]).map_err(|_| malformed())?;
    // The two highest numbers have a meaning of their own.
    let id = id & 0x7fff_ffff;
    let line = |line: &str| match line.split_once(" SPARSE ") {
        Some((extent, _)) => format!("{extent} SPARSE \"{name}\"\n"),
        None if line.starts_with("CID=") => format!("CID={id:08x}\n"),
        None => format!("{line}\n"),
    };
    let mut new: Vec<u8> = old
        .lines()
        .flat_map(|text| line(text).into_bytes())
        .collect();
    if new.len() > text.len() {
        return Err(malformed());
    }
    new.resize(text.len(), 0);
    file.write_all_at(&new, offset)
}
