//! Is this a kernel, for which architecture, and what does it say of itself?
//!
//! ```text
//! x86 bzImage (Documentation/arch/x86/boot.rst)        arm64 Image (Documentation/arch/arm64/booting.rst)
//! 0x1fe 55 AA           0x211 loadflags                0x08 load offset      0x10 size in memory
//! 0x202 "HdrS"          0x236 xloadflags               0x38 "ARM\x64"
//! 0x206 protocol        0x238 command line, at most
//! 0x20e version string  0x260 size while it starts     RISC-V Image (Documentation/arch/riscv/boot-image-header.rst)
//!       (offset - 0x200)                               0x10 size in memory   0x38 "RSC\x05"
//! ```

use bedplate_types::Arch;

use crate::compression::{self, Compression};

/// What a kernel image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Architecture that it runs on.
    pub arch: Arch,
    /// Release, such as `6.12.43+deb13-cloud-amd64`, where the image tells it without decompression.
    pub release: Option<String>,
    /// Memory that it needs for itself while it starts, in bytes, its compressed form included.
    pub start_memory: u64,
    /// The file must have at least so many bytes, where the image says so: fewer, and it is cut off.
    pub file_len: Option<u64>,
    /// Longest command line that it takes, in bytes without the NUL, where the image says so.
    pub cmdline_max: Option<u32>,
}

/// Why bytes are not a kernel that can be booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// None of the known forms.
    #[error("this is no kernel: neither an x86 bzImage, nor an arm64 or RISC-V Image")]
    Unknown,
    /// Compressed as a whole (`Image.gz`); the kernel is inside.
    #[error("this is a compressed file ({0:?}), not a kernel")]
    Compressed(Compression),
    /// An x86 kernel of 32 bits, or of a boot protocol before 2.12 (Linux 3.8).
    #[error("this kernel is too old, or of 32 bits")]
    Unsupported,
    /// It ends before its header does.
    #[error("this kernel is cut off in its header")]
    Truncated,
}

/// Looks at a kernel image, of which the first 64 KiB are enough; the release of an uncompressed Image
/// (not x86) is found only if it lies in what is given.
pub fn inspect(image: &[u8]) -> Result<Kernel, KernelError> {
    if image.get(0x202..0x206) == Some(b"HdrS") && image.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) {
        return x86(image);
    }
    if image.get(0x38..0x3c) == Some(b"ARM\x64") {
        return flat(image, Arch::Arm64);
    }
    if image.get(0x38..0x3c) == Some(b"RSC\x05") {
        return flat(image, Arch::Riscv64);
    }
    match compression::detect(image) {
        Compression::None => Err(KernelError::Unknown),
        kind => Err(KernelError::Compressed(kind)),
    }
}

fn x86(image: &[u8]) -> Result<Kernel, KernelError> {
    let kernel_64 = u16_at(image, 0x236)? & 1 != 0;
    if u16_at(image, 0x206)? < 0x020c || !kernel_64 {
        return Err(KernelError::Unsupported);
    }
    // The setup code counts its sectors without the first one; 0 means 4.
    let sectors = match image[0x1f1] {
        0 => 4,
        sectors => u64::from(sectors),
    };
    let protected_mode = u64::from(u32_at(image, 0x1f4)?) * 16;
    let release = match usize::from(u16_at(image, 0x20e)?) {
        0 => None,
        offset => image.get(offset + 0x200..).and_then(first_word),
    };
    Ok(Kernel {
        arch: Arch::Amd64,
        release,
        start_memory: u32_at(image, 0x260)?.into(),
        file_len: Some((sectors + 1) * 512 + protected_mode),
        cmdline_max: Some(u32_at(image, 0x238)?),
    })
}

fn flat(image: &[u8], arch: Arch) -> Result<Kernel, KernelError> {
    let size = image.get(0x10..0x18).ok_or(KernelError::Truncated)?;
    let start_memory = u64::from_le_bytes(size.try_into().expect("eight bytes"));
    let banner = b"Linux version ";
    let found = image
        .windows(banner.len())
        .position(|window| window == banner);
    let release = found.and_then(|at| first_word(&image[at + banner.len()..]));
    Ok(Kernel {
        arch,
        release,
        start_memory,
        file_len: None,
        cmdline_max: None,
    })
}

/// Printable ASCII up to the first blank, within 128 bytes.
fn first_word(bytes: &[u8]) -> Option<String> {
    let end = bytes
        .iter()
        .take(128)
        .position(|byte| !byte.is_ascii_graphic())?;
    (end > 0).then(|| String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn u16_at(image: &[u8], at: usize) -> Result<u16, KernelError> {
    let bytes = image.get(at..at + 2).ok_or(KernelError::Truncated)?;
    Ok(u16::from_le_bytes(bytes.try_into().expect("two bytes")))
}

fn u32_at(image: &[u8], at: usize) -> Result<u32, KernelError> {
    let bytes = image.get(at..at + 4).ok_or(KernelError::Truncated)?;
    Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bzimage() -> Vec<u8> {
        let mut image = vec![0; 0x1000];
        image[0x1f1] = 1;
        image[0x1f4..0x1f8].copy_from_slice(&8_u32.to_le_bytes());
        image[0x1fe..0x206].copy_from_slice(b"\x55\xaa\xeb\x6aHdrS");
        image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x0600_u16.to_le_bytes());
        image[0x236] = 0x3f;
        image[0x238..0x23c].copy_from_slice(&2047_u32.to_le_bytes());
        image[0x260..0x264].copy_from_slice(&(50_u32 << 20).to_le_bytes());
        image[0x800..0x81a].copy_from_slice(b"6.1.0-56-cloud-amd64 (x@y)");
        image
    }

    #[test]
    fn an_x86_kernel_tells_its_release_and_needs() {
        let kernel = inspect(&bzimage()).unwrap();
        assert_eq!(kernel.release.as_deref(), Some("6.1.0-56-cloud-amd64"));
        assert_eq!(
            (kernel.arch, kernel.start_memory, kernel.cmdline_max),
            (Arch::Amd64, 50 << 20, Some(2047))
        );
    }

    #[test]
    fn an_arm_kernel_tells_its_release() {
        let mut image = vec![0; 0x1000];
        image[0x10..0x18].copy_from_slice(&0x20_0000_u64.to_le_bytes());
        image[0x38..0x3c].copy_from_slice(b"ARM\x64");
        image[0x500..0x51c].copy_from_slice(b"Linux version 6.12.0-arm64 (");
        let kernel = inspect(&image).unwrap();
        assert_eq!(
            (kernel.arch, kernel.release.as_deref()),
            (Arch::Arm64, Some("6.12.0-arm64"))
        );
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let image = bzimage();
        assert_eq!(inspect(b""), Err(KernelError::Unknown));
        assert_eq!(
            inspect(b"\x1f\x8b\x08"),
            Err(KernelError::Compressed(Compression::Gzip))
        );
        assert_eq!(inspect(&image[..0x210]), Err(KernelError::Truncated));
        let mut old = image;
        old[0x206] = 0x0b;
        assert_eq!(inspect(&old), Err(KernelError::Unsupported));
    }
}
