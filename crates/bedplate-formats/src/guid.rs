//! GUIDs, which name disks, partitions, their types, and verity hash devices.
//!
//! ```text
//! text       c12a7328-f81f-11d2-ba4b-00a0c93ec93b
//! RFC 9562   c1 2a 73 28  f8 1f  11 d2  ba 4b 00 a0 c9 3e c9 3b      verity superblocks
//! UEFI       28 73 2a c1  1f f8  d2 11  ba 4b 00 a0 c9 3e c9 3b      partition tables
//! ```
//!
//! Sources: RFC 9562, sections 4 and 5.8; UEFI Specification 2.10, appendix A. Nothing here is random
//! and nothing looks at the clock: ids come from the caller.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A 128-bit identifier. Its text is lower case; upper case is read too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// Why a text is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a GUID: 32 hexadecimal digits in groups of 8-4-4-4-12 are expected")]
pub struct GuidError(String);

impl Guid {
    /// All zero: in a partition table, "none".
    pub const NIL: Self = Self([0; 16]);

    /// From the bytes in the order of its text.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From the number that its digits without hyphens make.
    pub const fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// A GUID that follows from `seed` alone: version 8, from the first bytes of the seed's SHA-256
    /// (RFC 9562, section 5.8 and appendix B.2).
    ///
    /// What must differ must differ in the seed: put a digest of what the GUID names first, and the
    /// role (`disk`, `esp`) after it.
    pub fn derived(seed: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(seed).into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The bytes in the order of its text.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The bytes as UEFI has them: the first three groups little-endian.
    pub fn to_uefi_bytes(self) -> [u8; 16] {
        let mut bytes = self.0;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes
    }

    /// The inverse of [`to_uefi_bytes`](Self::to_uefi_bytes).
    pub fn from_uefi_bytes(bytes: [u8; 16]) -> Self {
        Self(Self(bytes).to_uefi_bytes())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if [4, 6, 8, 10].contains(&index) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        let error = || GuidError(text.to_owned());
        let groups: Vec<&str> = text.split('-').collect();
        let digits = groups.concat();
        let lengths = groups.iter().map(|group| group.len());
        if !lengths.eq([8, 4, 4, 4, 12]) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let number = u128::from_str_radix(&digits, 16).map_err(|_| error())?;
        Ok(Self::from_u128(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

    #[test]
    fn text_and_guid_are_each_others_inverse() {
        let guid: Guid = ESP.parse().unwrap();
        assert_eq!(guid.to_string(), ESP);
        assert_eq!(ESP.to_uppercase().parse(), Ok(guid));
    }

    #[test]
    fn malformed_guids_are_refused() {
        for text in [
            "",
            "c12a7328f81f11d2ba4b00a0c93ec93b",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
            "+12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            "c12a7328-f81f-11d2-ba4b00-a0c93ec93b",
            "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(GuidError(text.to_owned())));
        }
    }

    #[test]
    fn derived_guids_are_of_version_8_and_differ_with_the_seed() {
        let disk = Guid::derived(b"digest disk");
        assert_eq!(disk.to_string(), "a8c0b5c6-2f07-8026-9f6a-d94a378a1db5");
        assert_ne!(disk, Guid::derived(b"digest esp"));
        assert_eq!(Guid::derived(b"digest disk"), disk);
    }
}
