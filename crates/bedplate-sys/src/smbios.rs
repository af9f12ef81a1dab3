//! What the firmware of this machine says in its SMBIOS tables (DMTF DSP0134).
//!
//! ```text
//! structure  type u8 | length u8 | handle u16 | fields … | strings, each ending in 0 | 0
//! type 11    OEM strings: number of strings u8
//! ```

/// Where the kernel shows the structures.
const TABLE: &str = "/sys/firmware/dmi/tables/DMI";
const OEM_STRINGS: u8 = 11;
const END: u8 = 127;

/// The OEM strings, which a hypervisor can set for its guest; none where there is no table.
pub fn oem_strings() -> Vec<String> {
    std::fs::read(TABLE)
        .map(|table| parse(&table))
        .unwrap_or_default()
}

fn parse(mut table: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let &[kind, length, ..] = table {
        let Some(after) = table.get(usize::from(length.max(4))..) else {
            break;
        };
        let (strings, rest) = strings(after);
        if kind == OEM_STRINGS {
            found.extend(strings);
        }
        if kind == END {
            break;
        }
        table = rest;
    }
    found
}

/// The strings after a structure's fields, and what follows them. No strings are two zeros.
fn strings(bytes: &[u8]) -> (Vec<String>, &[u8]) {
    let mut strings = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|&byte| byte == 0) {
        let (string, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if string.is_empty() {
            if strings.is_empty() {
                rest = rest.strip_prefix(&[0]).unwrap_or(rest);
            }
            return (strings, rest);
        }
        strings.push(String::from_utf8_lossy(string).into_owned());
    }
    (strings, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oem_strings_are_found_among_other_structures() {
        let mut table = vec![1, 6, 0, 0, 7, 7];
        table.extend(b"Maker\0Model\0\0");
        table.extend([32, 5, 1, 0, 9, 0, 0]);
        table.extend([11, 5, 2, 0, 2]);
        table.extend(b"one\0two=a b\0\0");
        table.extend([127, 4, 3, 0, 0, 0]);
        assert_eq!(parse(&table), ["one", "two=a b"]);
        for end in 0..table.len() {
            parse(&table[..end]);
        }
        assert!(parse(&[]).is_empty() && parse(&[11, 0]).is_empty());
    }
}
