//! Devices made of other devices (the kernel's device mapper, `linux/dm-ioctl.h`).
//!
//! ```text
//! dm_ioctl        version u32 × 3 | length, start of data, targets u32 | open count i32 | flags, event, pad u32
//!                 | device u64 | name [128] | uuid [129] | data [7]                                  312 bytes
//! dm_target_spec  first sector, sectors u64 | status i32 | next u32 | type [16] | parameters, NUL    40 bytes + text
//! ```
#![allow(unsafe_code, reason = "ioctl(2) has no safe form")]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode, opcode};

const HEADER: usize = 312;
const SPEC: usize = 40;
const DEVICE_AT: usize = 40;
const NAME_AT: usize = 48;
const NAME_LEN: usize = 127;
const FLAGS_AT: usize = 28;
const READ_ONLY: u32 = 1;

const DEV_CREATE: u8 = 3;
const DEV_REMOVE: u8 = 4;
const DEV_SUSPEND: u8 = 6;
const TABLE_LOAD: u8 = 9;
const TABLE_STATUS: u8 = 12;

/// A read-only device of one target.
#[derive(Debug)]
pub struct MappedDevice {
    control: File,
    name: String,
    path: PathBuf,
}

/// What a device does with what is read from it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `verity`, `linear`, …
    pub kind: &'a str,
    /// Length of the device in sectors of 512 bytes.
    pub sectors: u64,
    /// Parameters, as the target documents them.
    pub parameters: &'a str,
}

impl MappedDevice {
    /// Makes a device of this name. If the target is refused, there is no device.
    pub fn create(name: &str, target: Target<'_>) -> io::Result<Self> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/mapper/control")?;
        let answer = call(&control, DEV_CREATE, name, request(name, READ_ONLY, None)?)?;
        let device = u64::from_ne_bytes(field(&answer, DEVICE_AT));
        let made = Self {
            control,
            name: name.to_owned(),
            path: format!("/dev/dm-{}", rustix::fs::minor(device)).into(),
        };
        if let Err(error) = made.replace(target) {
            // There is nothing else to do about a device that cannot be removed either.
            let _ = made.remove();
            return Err(error);
        }
        Ok(made)
    }

    /// Gives the device another target, also while it is in use.
    pub fn replace(&self, target: Target<'_>) -> io::Result<()> {
        let name = &self.name;
        let table = request(name, READ_ONLY, Some(target))?;
        call(&self.control, TABLE_LOAD, name, table)?;
        // Resuming brings the loaded table into use.
        call(
            &self.control,
            DEV_SUSPEND,
            name,
            request(name, READ_ONLY, None)?,
        )
        .map(drop)
    }

    /// What the target says of its state.
    pub fn status(&self) -> io::Result<String> {
        let mut buffer = request(&self.name, 0, None)?;
        buffer.resize(HEADER + 1024, 0);
        set_lengths(&mut buffer, 0);
        let answer = call(&self.control, TABLE_STATUS, &self.name, buffer)?;
        let text = answer.get(HEADER + SPEC..).unwrap_or_default();
        let end = text
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(text.len());
        Ok(String::from_utf8_lossy(&text[..end]).into_owned())
    }

    /// Takes the device away. Fails while it is in use.
    pub fn remove(&self) -> io::Result<()> {
        let request = request(&self.name, 0, None)?;
        call(&self.control, DEV_REMOVE, &self.name, request).map(drop)
    }

    /// `/dev/dm-N`
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

fn request(name: &str, flags: u32, target: Option<Target<'_>>) -> io::Result<Vec<u8>> {
    if name.is_empty() || name.len() > NAME_LEN || name.contains(['\0', '/']) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut buffer = vec![0; HEADER];
    buffer[..4].copy_from_slice(&4_u32.to_ne_bytes());
    buffer[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&flags.to_ne_bytes());
    buffer[NAME_AT..NAME_AT + name.len()].copy_from_slice(name.as_bytes());
    if let Some(target) = &target {
        if target.kind.len() > 15 || target.parameters.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        buffer.extend(0_u64.to_ne_bytes());
        buffer.extend(target.sectors.to_ne_bytes());
        buffer.extend([0; 8]);
        buffer.extend(target.kind.as_bytes());
        buffer.resize(HEADER + SPEC, 0);
        buffer.extend(target.parameters.as_bytes());
        buffer.push(0);
        buffer.resize(buffer.len().next_multiple_of(8), 0);
    }
    set_lengths(&mut buffer, u32::from(target.is_some()));
    Ok(buffer)
}

fn set_lengths(buffer: &mut [u8], targets: u32) {
    let length = u32::try_from(buffer.len()).expect("a table is a few hundred bytes");
    for (at, value) in [(12, length), (16, HEADER as u32), (20, targets)] {
        buffer[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("the header has a fixed length")
}

fn call(control: &File, number: u8, name: &str, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    debug_assert_eq!(&buffer[NAME_AT..NAME_AT + name.len()], name.as_bytes());
    let request = Request {
        number,
        buffer: &mut buffer,
    };
    // SAFETY: the header states the buffer's true length, beyond which the kernel neither reads nor writes.
    unsafe { ioctl::ioctl(control, request) }?;
    Ok(buffer)
}

struct Request<'a> {
    number: u8,
    buffer: &'a mut [u8],
}

// SAFETY: all calls of the device mapper take a pointer to a `dm_ioctl` and change what it leads to.
unsafe impl Ioctl for Request<'_> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<[u8; HEADER]>(0xfd, self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.buffer.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_kernel_reads_it() {
        let target = Target {
            kind: "verity",
            sectors: 16,
            parameters: "1 /dev/vda",
        };
        let bytes = request("root", READ_ONLY, Some(target)).unwrap();
        assert_eq!(bytes.len(), 312 + 40 + 16);
        assert_eq!(bytes[12..16], 368_u32.to_le_bytes());
        assert_eq!(bytes[16..24], [0x38, 1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[28], 1);
        assert_eq!(&bytes[48..53], b"root\0");
        assert_eq!(bytes[320..328], 16_u64.to_le_bytes());
        assert_eq!(&bytes[336..343], b"verity\0");
        assert_eq!(&bytes[352..363], b"1 /dev/vda\0");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in ["", "a/b", "a\0b", &"x".repeat(128)] {
            assert!(request(name, 0, None).is_err(), "{name:?}");
        }
    }
}
