//! SHA-256 digests that know what they are a digest of.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a digest is a digest of. Implemented by the marker types of this module only.
pub trait Kind: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Kind for $name {}
    )*};
}

kinds! {
    /// Bytes as a registry or an OCI layout holds them: a manifest, a config, a compressed layer.
    Blob,
    /// An uncompressed layer tar (OCI image specification, `rootfs.diff_ids`).
    DiffId,
    /// A file in the store, named by its own content: what tree contents point into.
    Object,
    /// The inputs of derived data that the store keeps and that can be made again.
    Segment
}

/// The SHA-256 of something of kind `K`, written `sha256:` and 64 lower-case hex digits.
pub struct Digest<K: Kind>([u8; 32], PhantomData<K>);

/// Why a text is not a digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// An algorithm other than `sha256`.
    #[error("digest `{0}` is not of the only algorithm supported, sha256")]
    Algorithm(String),
    /// Not 64 lower-case hexadecimal digits after the colon.
    #[error("digest `{0}` does not have 64 lower-case hexadecimal digits")]
    Digits(String),
}

impl<K: Kind> Digest<K> {
    /// Wraps the 32 bytes that a SHA-256 function returned.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, without the algorithm.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                write!(text, "{byte:02x}").expect("writing to a String cannot fail");
                text
            })
    }

    /// The same bytes seen as another kind. Say at the call why that is true: an uncompressed
    /// layer tar that lies in the store, for instance, is both a [`DiffId`] and an [`Object`].
    pub fn cast<L: Kind>(self) -> Digest<L> {
        Digest(self.0, PhantomData)
    }
}

impl<K: Kind> Clone for Digest<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Digest<K> {}
impl<K: Kind> PartialEq for Digest<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K: Kind> Eq for Digest<K> {}
impl<K: Kind> PartialOrd for Digest<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Digest<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K: Kind> Hash for Digest<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Digest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl<K: Kind> fmt::Debug for Digest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Digest<K> {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text
            .strip_prefix("sha256:")
            .ok_or_else(|| DigestError::Algorithm(text.to_owned()))?;
        let digits = || DigestError::Digits(text.to_owned());
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() != 64 || !hex.bytes().all(lower_hex) {
            return Err(digits());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| digits())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| digits())?;
        }
        Ok(Self::from_bytes(bytes))
    }
}

impl<K: Kind> Serialize for Digest<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Digest<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_digest_are_each_others_inverse() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let digest: Digest<Blob> = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
    }

    #[test]
    fn malformed_digests_are_refused() {
        for text in [
            "",
            "sha512:00",
            "sha256:",
            "sha256:zz",
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            assert!(text.parse::<Digest<Blob>>().is_err(), "{text}");
        }
    }
}
