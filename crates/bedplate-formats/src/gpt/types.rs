//! Partition types: those of the Discoverable Partitions Specification that hosts are made of, and
//! GRUB's.

use crate::guid::Guid;

/// EFI system partition: FAT with the boot loader.
pub const ESP: Guid = Guid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b);
/// Extended boot loader partition.
pub const XBOOTLDR: Guid = Guid::from_u128(0xbc13c2ff_59e6_4262_a352_b275fd6f7172);
/// Where GRUB keeps its core image when a BIOS boots a disk with a GPT (GRUB manual, "BIOS installation").
pub const BIOS_BOOT: Guid = Guid::from_u128(0x21686148_6449_6e6f_744e_656564454649);
/// Root file system for x86-64.
pub const ROOT_X86_64: Guid = Guid::from_u128(0x4f68bce3_e8cd_4db1_96e7_fbcaf984b709);
/// dm-verity hashes of [`ROOT_X86_64`].
pub const ROOT_X86_64_VERITY: Guid = Guid::from_u128(0x2c7357ed_ebd2_46d9_aec1_23d437ec2bf5);
/// Signature of the root hash of [`ROOT_X86_64_VERITY`].
pub const ROOT_X86_64_VERITY_SIG: Guid = Guid::from_u128(0x41092b05_9fc8_4523_994f_2def0408b176);
/// Root file system for 64-bit ARM.
pub const ROOT_ARM64: Guid = Guid::from_u128(0xb921b045_1df0_41c3_af44_4c6f280d3fae);
/// dm-verity hashes of [`ROOT_ARM64`].
pub const ROOT_ARM64_VERITY: Guid = Guid::from_u128(0xdf3300ce_d69f_4c92_978c_9bfb0f38d820);
/// Signature of the root hash of [`ROOT_ARM64_VERITY`].
pub const ROOT_ARM64_VERITY_SIG: Guid = Guid::from_u128(0x6db69de6_29f4_4758_a7a5_962190f00ce3);
/// Root file system for 64-bit RISC-V.
pub const ROOT_RISCV64: Guid = Guid::from_u128(0x72ec70a6_cf74_40e6_bd49_4bda08e8f224);
/// dm-verity hashes of [`ROOT_RISCV64`].
pub const ROOT_RISCV64_VERITY: Guid = Guid::from_u128(0xb6ed5582_440b_4209_b8da_5ff7c419ea3d);
/// Any Linux file system: never mounted by itself.
pub const LINUX_GENERIC: Guid = Guid::from_u128(0x0fc63daf_8483_4772_8e79_3d69d8477de4);
/// Variable data, mounted at `/var` if its GUID fits the machine's id.
pub const VAR: Guid = Guid::from_u128(0x4d21b016_b534_45c2_a9fb_5c16e091fd2d);
/// Server data, mounted at `/srv`.
pub const SRV: Guid = Guid::from_u128(0x3b8f8425_20e0_4f3b_907f_1a25a76f98e8);
/// Swap space.
pub const SWAP: Guid = Guid::from_u128(0x0657fd6d_a4ab_43c4_84e5_0933c84b4f4f);
