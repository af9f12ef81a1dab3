//! The PKCS#7 SignedData of a Secure Boot signature: everything but the arithmetic of the key.
//!
//! ```text
//! ContentInfo: signedData
//!   SignedData: version 1, digest algorithm SHA-256
//!     content:      SpcIndirectDataContent: "a PE image", its Authenticode digest
//!     certificates: the signer's
//!     SignerInfo:   version 1, issuer and serial number of the certificate, SHA-256
//!                   attributes: type of the content, digest of the content    <- what the key signs
//!                   rsaEncryption, signature
//! ```
//!
//! Sources: "Windows Authenticode Portable Executable Signature Format"; RFC 2315 (PKCS#7); RFC 5280, section
//! 4.1; X.690 (DER). There is no time in it: the same image, key and certificate give the same bytes.

use sha2::{Digest as _, Sha256};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
/// `[0]`, `[2]` around something else; `[0]` in the place of a string's own tag.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_2: u8 = 0xa2;
const CONTEXT_0_STRING: u8 = 0x80;

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
/// 1.3.6.1.4.1.311.2.1.4
const SPC_INDIRECT_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// 1.3.6.1.4.1.311.2.1.15
const SPC_PE_IMAGE_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 15];
/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 1.2.840.113549.1.9.3
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
/// 1.2.840.113549.1.9.4
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];

/// The bytes are no X.509 certificate in DER form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no X.509 certificate in DER form")]
pub struct NotACertificate;

/// An X.509 certificate, as far as a signature names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// Issuer and serial number, each with its tag.
    issuer_and_serial: Vec<u8>,
}

impl Certificate {
    /// From DER.
    pub fn from_der(der: Vec<u8>) -> Result<Self, NotACertificate> {
        let issuer_and_serial = issuer_and_serial(&der).ok_or(NotACertificate)?;
        Ok(Self {
            der,
            issuer_and_serial,
        })
    }

    /// Is it about this key, an `RSAPublicKey` in DER form (RFC 8017, A.1.1)?
    pub fn is_about(&self, public_key: &[u8]) -> bool {
        let string = value(BIT_STRING, &[&[0], public_key].concat());
        self.der
            .windows(string.len())
            .any(|window| window == string)
    }
}

fn issuer_and_serial(der: &[u8]) -> Option<Vec<u8>> {
    let (certificate, rest) = take(der, SEQUENCE)?;
    let (mut fields, _) = take(certificate.content, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    // Certificates of version 1 do not say so.
    if let Some((_, after)) = take(fields.content, CONTEXT_0) {
        fields.content = after;
    }
    let (serial, after) = take(fields.content, INTEGER)?;
    let (_, after) = take(after, SEQUENCE)?;
    let (issuer, _) = take(after, SEQUENCE)?;
    Some([issuer.whole, serial.whole].concat())
}

struct Taken<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

/// The first value, if it has this tag, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(Taken<'_>, &[u8])> {
    let (&found, &first) = (bytes.first()?, bytes.get(1)?);
    let (begin, len) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let begin = 2 + usize::from(first & 0x7f);
            let digits = bytes.get(2..begin)?.iter();
            (
                begin,
                digits.fold(0_usize, |len, &digit| len << 8 | usize::from(digit)),
            )
        }
        _ => return None,
    };
    let end = begin.checked_add(len)?;
    let taken = Taken {
        whole: bytes.get(..end)?,
        content: bytes.get(begin..end)?,
    };
    (found == tag).then_some((taken, &bytes[end..]))
}

/// A signature that lacks the key's part.
pub struct Unsigned<'a> {
    certificate: &'a Certificate,
    content: Vec<u8>,
    attributes: Vec<u8>,
}

impl<'a> Unsigned<'a> {
    /// Over an image with this [digest](super::authenticode::digest).
    pub fn new(digest: &[u8; 32], certificate: &'a Certificate) -> Self {
        let obsolete: Vec<u8> = "<<<Obsolete>>>"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let link = value(CONTEXT_2, &value(CONTEXT_0_STRING, &obsolete));
        let image = sequence(&[value(BIT_STRING, &[0]), value(CONTEXT_0, &link)]);
        let image = sequence(&[oid(SPC_PE_IMAGE_DATA), image]);
        let digest = sequence(&[algorithm(SHA256), value(OCTET_STRING, digest)]);
        let content = [image, digest].concat();
        // What is hashed is the content without its tag and length (RFC 2315, section 9.3).
        let hash = Sha256::digest(&content);
        let attribute = |kind, what: Vec<u8>| sequence(&[oid(kind), value(SET, &what)]);
        let attributes = [
            attribute(CONTENT_TYPE, oid(SPC_INDIRECT_DATA)),
            attribute(MESSAGE_DIGEST, value(OCTET_STRING, &hash)),
        ];
        Self {
            certificate,
            content: value(SEQUENCE, &content),
            attributes: attributes.concat(),
        }
    }

    /// What the key signs, with RSA (PKCS#1 v1.5) and SHA-256.
    pub fn message(&self) -> Vec<u8> {
        value(SET, &self.attributes)
    }

    /// The whole, in DER form, for [`attach`](super::authenticode::attach).
    pub fn finish(&self, signature: &[u8]) -> Vec<u8> {
        let signer = sequence(&[
            value(INTEGER, &[1]),
            value(SEQUENCE, &self.certificate.issuer_and_serial),
            algorithm(SHA256),
            value(CONTEXT_0, &self.attributes),
            algorithm(RSA_ENCRYPTION),
            value(OCTET_STRING, signature),
        ]);
        let data = sequence(&[
            value(INTEGER, &[1]),
            value(SET, &algorithm(SHA256)),
            sequence(&[oid(SPC_INDIRECT_DATA), value(CONTEXT_0, &self.content)]),
            value(CONTEXT_0, &self.certificate.der),
            value(SET, &signer),
        ]);
        sequence(&[oid(SIGNED_DATA), value(CONTEXT_0, &data)])
    }
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let digits = content.len().to_be_bytes();
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let digits = &digits[zeros..];
    let mut bytes = vec![tag];
    match content.len() {
        len @ 0..0x80 => bytes.push(len as u8),
        _ => {
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend(digits);
        }
    }
    bytes.extend(content);
    bytes
}

fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &values.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    value(OID, bytes)
}

/// An algorithm without parameters: NULL.
fn algorithm(bytes: &[u8]) -> Vec<u8> {
    sequence(&[oid(bytes), vec![5, 0]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        assert_eq!(value(4, &[7; 3]), [4, 3, 7, 7, 7]);
        assert_eq!(value(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(value(4, &[7; 0x1234])[..4], [4, 0x82, 0x12, 0x34]);
        let bytes = value(4, &[7; 0x1234]);
        let (taken, rest) = take(&bytes, 4).unwrap();
        assert_eq!(
            (taken.content.len(), taken.whole.len(), rest.len()),
            (0x1234, 0x1238, 0)
        );
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let name = sequence(&[]);
        let fields = sequence(&[
            value(INTEGER, &[9]),
            algorithm(SHA256),
            name.clone(),
            name.clone(),
        ]);
        let der = sequence(&[fields, name]);
        let good = Certificate::from_der(der.clone()).unwrap();
        assert_eq!(good.issuer_and_serial, [0x30, 0, 2, 1, 9]);
        for len in 0..der.len() {
            assert_eq!(
                Certificate::from_der(der[..len].to_vec()),
                Err(NotACertificate),
                "{len}"
            );
        }
        assert!(Certificate::from_der(vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
