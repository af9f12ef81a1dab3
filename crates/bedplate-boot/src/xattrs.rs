//! Extended attributes beside a cpio archive, which has no place for them.
//!
//! PID 1 sets them again: for a file below a container's root in the overlay that the container
//! runs on, for others by a bind mount of a copy on a tmpfs that holds the attribute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Paths (as [`text_from_bytes`]) to attributes, names and values as [`text_from_bytes`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct XattrTable(pub BTreeMap<String, BTreeMap<String, String>>);

/// Bytes as text, each byte one character from U+0000 to U+00FF: JSON can then hold any bytes, and
/// ASCII reads as it is.
pub fn text_from_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The inverse of [`text_from_bytes`]; `None` if a character is above U+00FF.
pub fn bytes_from_text(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes_from_text(&text_from_bytes(&all)).unwrap(), all);
        assert_eq!(bytes_from_text("€"), None);
    }
}
