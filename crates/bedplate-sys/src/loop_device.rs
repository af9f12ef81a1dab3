//! Files as block devices (loop(4)).
//!
//! ```text
//! loop_config   fd u32 | block size u32 | loop_info64 | reserved u64 × 8                       304 bytes
//! loop_info64   device, inode, rdevice, offset, size limit u64 | number, 2 × unused, flags u32 | names … 232 bytes
//! ```
#![allow(unsafe_code, reason = "ioctl(2) has no safe form")]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode};

const CTL_GET_FREE: Opcode = 0x4C82;
const CONFIGURE: Opcode = 0x4C0A;
const CONFIG_LEN: usize = 304;
/// Place of `loop_info64.flags` in a `loop_config`.
const FLAGS_AT: usize = 8 + 5 * 8 + 3 * 4;
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;

/// A loop device. The kernel takes it away when it is closed here and nobody else has it open or mounted.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    /// Holds the device until somebody else does.
    _open: File,
}

impl LoopDevice {
    /// Attaches `file` to a free loop device, read-only. The file lives on when its name is removed.
    pub fn attach(file: &File) -> io::Result<Self> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/loop-control")?;
        loop {
            // SAFETY: LOOP_CTL_GET_FREE takes no argument.
            let number = unsafe { ioctl::ioctl(&control, Number) }?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let open = File::open(&path)?;
            // SAFETY: LOOP_CONFIGURE reads a `loop_config`, which the buffer is as long as.
            match unsafe { ioctl::ioctl(&open, Configure::new(file)) } {
                Ok(()) => return Ok(Self { path, _open: open }),
                // Somebody else took it in between.
                Err(Errno::BUSY) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// `/dev/loopN`
    pub fn path(&self) -> &Path {
        &self.path
    }
}

struct Number;

// SAFETY: no argument is passed, and the result is the number that the call returns.
unsafe impl Ioctl for Number {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        CTL_GET_FREE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(out)
    }
}

struct Configure([u8; CONFIG_LEN]);

impl Configure {
    fn new(file: &File) -> Self {
        let mut config = [0; CONFIG_LEN];
        config[..4].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        config[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&(READ_ONLY | AUTOCLEAR).to_ne_bytes());
        Self(config)
    }
}

// SAFETY: the kernel reads CONFIG_LEN bytes, which is what the pointer leads to.
unsafe impl Ioctl for Configure {
    type Output = ();
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        CONFIGURE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_lie_where_the_kernel_reads_them() {
        let file = File::open("/dev/null").unwrap();
        let Configure(config) = Configure::new(&file);
        // linux/loop.h: fd, block size, five u64, lo_number, lo_encrypt_type, lo_encrypt_key_size, lo_flags.
        assert_eq!(FLAGS_AT, 60);
        assert_eq!(config[60], 5);
        assert_eq!(config[0], file.as_raw_fd() as u8);
    }
}
