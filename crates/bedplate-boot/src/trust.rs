//! Signatures of descriptions, and whether one is to be believed.
//!
//! ```text
//! NAME-image.json.sig   a line a signature:  ed25519 PUBLIC-KEY SIGNATURE     (64 and 128 hexadecimal digits)
//! ```
//!
//! A signature is of the bytes of the description, by RFC 8032 (ed25519, without context).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::root::Trust;

/// How many bytes of signatures are read.
pub const MAX_SIGNATURES: usize = 16 << 10;

/// Nobody who is trusted vouches for a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no signature, or none by a key that is known here.
    #[error("no key that is trusted here signed it")]
    Unsigned,
    /// A known key is named, and the signature is not of these bytes.
    #[error(
        "the signature by the key {0} is wrong: it was changed after it was signed, or not signed by that key"
    )]
    Wrong(String),
    /// A line of the signatures is malformed.
    #[error("line {0} of its signatures is malformed")]
    Malformed(usize),
}

/// Is the description one of those that `trust` means? `signatures` is the text of its signatures, empty if
/// it has none.
pub fn check(trust: &Trust, description: &[u8], signatures: &str) -> Result<(), Distrust> {
    if trust.image.as_deref() == Some(&hex(&Sha256::digest(description))) {
        return Ok(());
    }
    for (number, line) in signatures.lines().enumerate() {
        let malformed = Distrust::Malformed(number + 1);
        let mut words = line.split(' ');
        let (Some(kind), Some(key), Some(signature), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed);
        };
        // Kinds and keys that came later do no harm.
        if kind != "ed25519" || !trust.keys.iter().any(|known| known == key) {
            continue;
        }
        let public = bytes::<32>(key).and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let (Some(public), Some(signature)) = (public, bytes::<64>(signature)) else {
            return Err(malformed);
        };
        return public
            .verify_strict(description, &Signature::from_bytes(&signature))
            .map_err(|_| Distrust::Wrong(key.to_owned()));
    }
    Err(Distrust::Unsigned)
}

/// The line that signs a description with the key of this seed (RFC 8032, 5.1.5).
pub fn sign(seed: &[u8; 32], description: &[u8]) -> String {
    let key = SigningKey::from_bytes(seed);
    let signature = key.sign(description).to_bytes();
    format!(
        "ed25519 {} {}\n",
        hex(key.verifying_key().as_bytes()),
        hex(&signature)
    )
}

/// The public key of a seed, as [`Trust::keys`] has it.
pub fn public_key(seed: &[u8; 32]) -> String {
    hex(SigningKey::from_bytes(seed).verifying_key().as_bytes())
}

/// Is it the text of a public key: 64 lower-case hexadecimal digits that name a point?
pub fn is_public_key(text: &str) -> bool {
    bytes::<32>(text).is_some_and(|key| VerifyingKey::from_bytes(&key).is_ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    fn trust(keys: &[String]) -> Trust {
        Trust {
            image: None,
            keys: keys.to_vec(),
        }
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_rfc() {
        let seed =
            bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        assert_eq!(
            sign(&seed, &[0x72]),
            "ed25519 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c \
             92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00\n"
        );
    }

    #[test]
    fn only_what_a_known_key_signed_is_believed() {
        let trust = trust(&[public_key(&SEED)]);
        let line = sign(&SEED, b"root");
        let other = sign(&[8; 32], b"root");
        assert_eq!(check(&trust, b"root", &line), Ok(()));
        assert_eq!(
            check(&trust, b"root", &format!("{other}newer x y\n{line}")),
            Ok(())
        );
        assert_eq!(check(&trust, b"root", &other), Err(Distrust::Unsigned));
        assert_eq!(check(&trust, b"root", ""), Err(Distrust::Unsigned));
        assert_eq!(
            check(&trust, b"toor", &line),
            Err(Distrust::Wrong(public_key(&SEED)))
        );
        for broken in ["ed25519", "a b c d", &line[..line.len() - 3], "\n"] {
            assert_eq!(
                check(&trust, b"root", broken),
                Err(Distrust::Malformed(1)),
                "{broken}"
            );
        }
    }

    #[test]
    fn the_description_of_the_build_needs_no_signature() {
        let image = hex(&Sha256::digest(b"root"));
        let trust = Trust {
            image: Some(image),
            keys: Vec::new(),
        };
        assert_eq!(check(&trust, b"root", ""), Ok(()));
        assert_eq!(check(&trust, b"toor", ""), Err(Distrust::Unsigned));
        assert_eq!(
            check(&Trust::default(), b"root", ""),
            Err(Distrust::Unsigned)
        );
    }
}
