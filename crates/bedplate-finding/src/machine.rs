//! What the machine says of itself: its memory, and a name for its disks' owner.

/// The memory of the machine in bytes, from `/proc/iomem`: what the firmware calls usable, of which the kernel
/// keeps some for itself. `None` if the text has no such ranges (addresses are hidden from all but root).
pub fn memory(iomem: &str) -> Option<u64> {
    let ranges = iomem.lines().filter_map(|line| {
        // Ranges in a range are indented.
        let (range, name) = line.split_once(" : ")?;
        let (first, last) = range.split_once('-')?;
        let [first, last] = [first, last].map(|end| u64::from_str_radix(end, 16).ok());
        (name == "System RAM").then_some((first?, last?))
    });
    let lengths = ranges.map(|(first, last)| last.saturating_sub(first).saturating_add(1));
    let sum = lengths.fold(0_u64, u64::saturating_add);
    (sum > 1 << 20).then_some(sum)
}

/// The hostid of a machine by Triton's rule, as `/etc/hostid` has it: the CRC-32 (IEEE 802.3) of the SMBIOS
/// UUID's 36 characters, little-endian. They are as dmidecode(8) prints them since version 3.2, and the kernel: in
/// lower case. `None` if `uuid` is none.
pub fn hostid(uuid: &str) -> Option<[u8; 4]> {
    let is_uuid = uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let unset =
        uuid.trim_matches(['0', '-']).is_empty() || uuid.trim_matches(['f', 'F', '-']).is_empty();
    (is_uuid && !unset).then(|| crc32(uuid.as_bytes()).to_le_bytes())
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0xEDB8_8320,
            _ => crc >> 1,
        })
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_sum_of_what_is_usable() {
        let text = "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n000f0000-000fffff : System ROM\n\
            00100000-1ffdffff : System RAM\n  01000000-01ffffff : Kernel code\n  02000000-02000fff : System RAM\n";
        assert_eq!(memory(text), Some(0x9ec00 + 0x1fee_0000));
    }

    #[test]
    fn hidden_addresses_say_nothing() {
        assert_eq!(memory("00000000-00000000 : System RAM\n"), None);
        assert_eq!(
            memory("ffffffffffffffff-0 : System RAM\nx : System RAM\n"),
            None
        );
        assert_eq!(memory(""), None);
    }

    /// The check value that everybody states for CRC-32, and what zlib's `crc32` gives for the UUID.
    #[test]
    fn the_hostid_is_a_checksum_of_the_uuid() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(
            hostid("564d4042-d0a9-4aab-a2fc-22b2dfd34ce2"),
            Some([0xf7, 0xf5, 0x64, 0x9a])
        );
    }

    #[test]
    fn a_machine_without_a_uuid_has_no_hostid() {
        for text in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "564d4042-d0a9-4aab-a2fc-22b2dfd34ceg",
            "564d4042xd0a9-4aab-a2fc-22b2dfd34ce2",
        ] {
            assert_eq!(hostid(text), None, "{text}");
        }
    }
}
