//! Which devices the processes of a cgroup may use: a small BPF program at the cgroup (cgroup v2 has no
//! other way; Linux `Documentation/admin-guide/cgroup-v2.rst`, "Device controller").
//!
//! ```text
//! context      u32 access << 16 | type     u32 major     u32 minor
//! access       1 mknod, 2 read, 4 write    type  1 block, 2 character
//! instruction  opcode u8 | source register << 4 | target register | offset i16 | immediate i32
//! program      load the context; for each rule, the last first: matches? return its answer; else return 0
//! ```
#![allow(unsafe_code, reason = "bpf(2) has no safe form")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

/// What a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Block devices.
    Block,
    /// Character devices.
    Character,
}

/// A rule. `None` stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRule {
    /// Allow or deny?
    pub allow: bool,
    /// Of which kind.
    pub kind: Option<DeviceKind>,
    /// Major number.
    pub major: Option<u32>,
    /// Minor number.
    pub minor: Option<u32>,
    /// [`READ`], [`WRITE`], [`MAKE`].
    pub access: u32,
}

/// Making the device node.
pub const MAKE: u32 = 1;
/// Opening for reading.
pub const READ: u32 = 2;
/// Opening for writing.
pub const WRITE: u32 = 4;
const EVERYTHING: u32 = MAKE | READ | WRITE;

/// Makes `rules` hold for a cgroup, the last that matches an access deciding it; what no rule matches is denied.
pub fn attach(cgroup: &Path, rules: &[DeviceRule]) -> io::Result<()> {
    const PROGRAM_TYPE_CGROUP_DEVICE: u32 = 15;
    const ATTACH_CGROUP_DEVICE: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    const LOAD: u32 = 5;
    const ATTACH: u32 = 8;
    let directory = File::open(cgroup)?;
    let program = program(rules);
    let count = u32::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut load = Attributes::default();
    load.0[0] = PROGRAM_TYPE_CGROUP_DEVICE;
    load.0[1] = count;
    load.set_pointer(2, program.as_ptr() as u64);
    load.set_pointer(4, c"Apache-2.0".as_ptr() as u64);
    // SAFETY: the attributes point to the program and to a static text, both alive during the call.
    let loaded = unsafe { bpf(LOAD, &mut load)? };
    // SAFETY: BPF_PROG_LOAD returned a new descriptor that nothing else owns.
    let loaded = unsafe { OwnedFd::from_raw_fd(loaded) };
    let mut attach = Attributes::default();
    attach.0[0] = directory.as_raw_fd().cast_unsigned();
    attach.0[1] = loaded.as_raw_fd().cast_unsigned();
    attach.0[2] = ATTACH_CGROUP_DEVICE;
    attach.0[3] = ALLOW_MULTI;
    // SAFETY: these attributes hold no pointers.
    unsafe { bpf(ATTACH, &mut attach) }.map(drop)
}

/// `union bpf_attr`, as large as any part of it that is used here; the rest is zero.
#[derive(Default)]
#[repr(C, align(8))]
struct Attributes([u32; 32]);

impl Attributes {
    fn set_pointer(&mut self, at: usize, pointer: u64) {
        let bytes = pointer.to_ne_bytes();
        let half = |from: usize| {
            u32::from_ne_bytes([
                bytes[from],
                bytes[from + 1],
                bytes[from + 2],
                bytes[from + 3],
            ])
        };
        (self.0[at], self.0[at + 1]) = (half(0), half(4));
    }
}

unsafe fn bpf(command: u32, attributes: &mut Attributes) -> io::Result<RawFd> {
    let size = size_of::<Attributes>();
    // SAFETY: the caller vouches for what the attributes point to.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size) };
    RawFd::try_from(result)
        .ok()
        .filter(|&result| result >= 0)
        .ok_or_else(io::Error::last_os_error)
}

/// Registers: 0 the answer, 1 the context and then scratch, 2 type, 3 access, 4 major, 5 minor.
const LOAD_WORD: u8 = 0x61;
const MOVE_VALUE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const AND_VALUE: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP_IF_NOT_VALUE: u8 = 0x55;
const JUMP_IF_NOT_REGISTER: u8 = 0x5d;
const EXIT: u8 = 0x95;

fn program(rules: &[DeviceRule]) -> Vec<u64> {
    let mut program = vec![
        instruction(LOAD_WORD, 2, 1, 0, 0),
        instruction(AND_VALUE, 2, 0, 0, 0xffff),
        instruction(LOAD_WORD, 3, 1, 0, 0),
        instruction(SHIFT_RIGHT, 3, 0, 0, 16),
        instruction(LOAD_WORD, 4, 1, 4, 0),
        instruction(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(rule_program(rule));
        if rule.kind.is_none()
            && rule.major.is_none()
            && rule.minor.is_none()
            && rule.access & EVERYTHING == EVERYTHING
        {
            // It matches everything, and the kernel refuses a program with a part that cannot be reached.
            return program;
        }
    }
    program.extend([
        instruction(MOVE_VALUE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    program
}

fn rule_program(rule: &DeviceRule) -> Vec<u64> {
    let kind = rule.kind.map(|kind| match kind {
        DeviceKind::Block => 1,
        DeviceKind::Character => 2,
    });
    let values = [(2, kind), (4, rule.major), (5, rule.minor)];
    let values: Vec<(u8, u32)> = values
        .into_iter()
        .filter_map(|(register, value)| Some((register, value?)))
        .collect();
    let asks_access = rule.access & EVERYTHING != EVERYTHING;
    let length = values.len() + if asks_access { 3 } else { 0 } + 2;
    let mut program = Vec::with_capacity(length);
    // Jumps lead behind the rule, counted from the instruction after them.
    let behind = |program: &Vec<u64>| {
        i16::try_from(length - program.len() - 1).expect("a rule has eight instructions at most")
    };
    for (register, value) in values {
        program.push(instruction(
            JUMP_IF_NOT_VALUE,
            register,
            0,
            behind(&program),
            value.cast_signed(),
        ));
    }
    if asks_access {
        program.push(instruction(MOVE_REGISTER, 1, 3, 0, 0));
        program.push(instruction(AND_VALUE, 1, 0, 0, rule.access.cast_signed()));
        program.push(instruction(JUMP_IF_NOT_REGISTER, 1, 3, behind(&program), 0));
    }
    program.extend([
        instruction(MOVE_VALUE, 0, 0, 0, i32::from(rule.allow)),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    program
}

fn instruction(opcode: u8, target: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    let [offset_low, offset_high] = offset.to_ne_bytes();
    let [a, b, c, d] = immediate.to_ne_bytes();
    // Which half of the byte is which register follows the byte order of the machine.
    let registers = if cfg!(target_endian = "little") {
        source << 4 | target
    } else {
        target << 4 | source
    };
    u64::from_ne_bytes([opcode, registers, offset_low, offset_high, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would.
    fn allows(rules: &[DeviceRule], kind: u32, access: u32, major: u32, minor: u32) -> bool {
        let program = program(rules);
        let context = [access << 16 | kind, major, minor];
        let mut registers = [0_i64; 6];
        let mut at = 0;
        loop {
            let bytes = program[at].to_ne_bytes();
            let (target, source) = (usize::from(bytes[1] & 15), usize::from(bytes[1] >> 4));
            let offset = i16::from_ne_bytes([bytes[2], bytes[3]]);
            let value = i64::from(i32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
            at += 1;
            match bytes[0] {
                LOAD_WORD => {
                    registers[target] = i64::from(context[usize::try_from(offset).unwrap() / 4])
                }
                MOVE_VALUE => registers[target] = value,
                MOVE_REGISTER => registers[target] = registers[source],
                AND_VALUE => registers[target] &= value,
                SHIFT_RIGHT => registers[target] >>= value,
                JUMP_IF_NOT_VALUE if registers[target] == value => {}
                JUMP_IF_NOT_REGISTER if registers[target] == registers[source] => {}
                JUMP_IF_NOT_VALUE | JUMP_IF_NOT_REGISTER => at += usize::try_from(offset).unwrap(),
                EXIT => return registers[0] != 0,
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    const ALL: DeviceRule = DeviceRule {
        allow: true,
        kind: None,
        major: None,
        minor: None,
        access: EVERYTHING,
    };

    #[test]
    fn the_last_rule_that_matches_decides_and_none_denies() {
        let deny_disk = DeviceRule {
            allow: false,
            kind: Some(DeviceKind::Block),
            major: Some(8),
            ..ALL
        };
        let read_one = DeviceRule {
            minor: Some(1),
            access: READ,
            allow: true,
            ..deny_disk
        };
        let rules = [ALL, deny_disk, read_one];
        assert_eq!(program(&[deny_disk, ALL]).len(), 8);
        assert!(!allows(&[], 2, READ, 1, 3));
        assert!(allows(&rules, 2, READ | WRITE, 8, 0));
        assert!(!allows(&rules, 1, READ, 8, 0));
        assert!(allows(&rules, 1, READ, 8, 1));
        assert!(!allows(&rules, 1, READ | WRITE, 8, 1));
        assert!(allows(&rules, 1, WRITE, 9, 1));
    }

    #[test]
    fn instructions_are_laid_out_as_the_kernel_has_them() {
        if cfg!(target_endian = "little") {
            assert_eq!(
                instruction(LOAD_WORD, 2, 1, 4, -1).to_le_bytes(),
                [0x61, 0x12, 4, 0, 255, 255, 255, 255]
            );
        }
    }
}
