//! What a Secure Boot signature covers, and where it is put.
//!
//! ```text
//! digest: headers without CheckSum and without the certificate table's data directory, sections, what
//!         follows them, zeros to a multiple of 8; not the certificate table
//!
//! certificate table, at a multiple of 8, the last thing in the file; of one entry or several:
//!   0 length, these 8 bytes included    4 0x0200    6 2 (PKCS#7)    8 PKCS#7 SignedData in DER, zeros to 8
//! ```
//!
//! Sources: "Windows Authenticode Portable Executable Signature Format", "Calculating the PE Image
//! Hash"; "PE Format", "The Attribute Certificate Table". They order sections by their place in the
//! file, which here must be without gaps: so one pass over the file is enough.
//!
//! The PKCS#7 itself is made in [`signature`](super::signature); checking it is left to others.

use std::io::{self, Read, Seek, Write};

use sha2::{Digest as _, Sha256};

use super::headers::{HEADERS_MAX, Headers};
use super::{PeError, align};
use crate::input::Input;

const ALIGNMENT: u32 = 8;
/// dwLength, wRevision (WIN_CERT_REVISION_2_0), wCertificateType (WIN_CERT_TYPE_PKCS_SIGNED_DATA).
const ENTRY_HEADER_LEN: u64 = 8;

/// Computes the digest of an image that is written into it, while it is being made for instance.
///
/// Writing never fails: [`Digester::finish`] says what is wrong with the image.
#[derive(Default)]
pub struct Digester {
    head: Vec<u8>,
    image: Option<Result<Image, PeError>>,
    len: u64,
}

/// The part after the headers were understood.
struct Image {
    headers: Headers,
    hash: Sha256,
    /// Hashed are the bytes before this place of the file.
    end: u64,
}

impl Digester {
    /// An image of which nothing was written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The SHA-256 Authenticode digest.
    pub fn finish(mut self) -> Result<[u8; 32], PeError> {
        let image = match self.image.take() {
            Some(image) => image,
            None => begin(&self.head),
        };
        let mut image = image?;
        image.headers.check_within(self.len.min(image.end))?;
        if image.headers.certificates().is_none() {
            let padding = align(self.len, ALIGNMENT) - self.len;
            image
                .hash
                .update(&[0; ALIGNMENT as usize][..padding as usize]);
        }
        table(&image.headers, self.len)?;
        Ok(image.hash.finalize().into())
    }
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut bytes = bytes;
        let count = bytes.len();
        if self.image.is_none() {
            let (head, rest) = bytes.split_at(count.min(HEADERS_MAX - self.head.len()));
            self.head.extend_from_slice(head);
            self.len += head.len() as u64;
            bytes = rest;
            if self.head.len() == HEADERS_MAX {
                self.image = Some(begin(&self.head));
            }
        }
        if let Some(Ok(image)) = &mut self.image {
            let left = image.end.saturating_sub(self.len).min(bytes.len() as u64);
            image.hash.update(&bytes[..left as usize]);
        }
        self.len += bytes.len() as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Understands the headers and hashes the beginning of the file.
fn begin(head: &[u8]) -> Result<Image, PeError> {
    let headers = Headers::parse(head)?;
    check_order(&headers)?;
    let end = headers
        .certificates()
        .map_or(u64::MAX, |(offset, _)| offset);
    if end < headers.len() {
        return Err(PeError::Malformed(
            "its certificate table overlaps its headers",
        ));
    }
    let mut hash = Sha256::new();
    let check_sum = headers.check_sum_at();
    hash.update(&head[..check_sum]);
    let mut rest = check_sum + 4;
    if let Some(directory) = headers.certificates_at() {
        hash.update(&head[rest..directory]);
        rest = directory + 8;
    }
    hash.update(&head[rest..end.min(head.len() as u64) as usize]);
    Ok(Image { headers, hash, end })
}

/// Fails unless the sections follow the headers and one another without gap or overlap.
fn check_order(headers: &Headers) -> Result<(), PeError> {
    let sections = headers.sections.iter();
    let mut sections: Vec<_> = sections.filter(|section| section.raw_size != 0).collect();
    sections.sort_by_key(|section| section.raw_offset);
    let mut position = headers.len();
    for section in sections {
        if u64::from(section.raw_offset) < position {
            return Err(PeError::Malformed("its sections overlap"));
        }
        if u64::from(section.raw_offset) > position {
            return Err(PeError::Gap(section.name()));
        }
        position = section.raw_end();
    }
    Ok(())
}

/// Where the certificate table is, or has its place in a file of `len` bytes.
fn table(headers: &Headers, len: u64) -> Result<(u64, u64), PeError> {
    match headers.certificates() {
        None => Ok((len, 0)),
        Some((offset, size)) if offset + size == len && offset % u64::from(ALIGNMENT) == 0 => {
            Ok((offset, size))
        }
        Some(_) => Err(PeError::Malformed(
            "its certificate table is not the last thing in the file, at a multiple of 8",
        )),
    }
}

/// The SHA-256 Authenticode digest of an image: what a signature signs. Signatures that the image has
/// already are not covered; zeros are, that [`attach`] would put before the first one.
pub fn digest(mut image: impl Read) -> Result<[u8; 32], PeError> {
    let mut digester = Digester::new();
    io::copy(&mut image, &mut digester)?;
    digester.finish()
}

/// Has the image a signature?
pub fn is_signed<R: Read + Seek>(image: R) -> Result<bool, PeError> {
    let headers = Headers::read(&mut Input::new(image)?)?;
    Ok(headers.certificates().is_some())
}

/// Copies an image to `out` with one signature more: `pkcs7` is a SignedData in DER form, over its
/// [`digest`]. Signatures that it has stay.
pub fn attach<R: Read + Seek, W: Write>(image: R, pkcs7: &[u8], mut out: W) -> Result<W, PeError> {
    if pkcs7.first() != Some(&0x30) {
        return Err(PeError::NotPkcs7);
    }
    let mut input = Input::new(image)?;
    let mut headers = Headers::read(&mut input)?;
    check_order(&headers)?;
    let (end, old_size) = table(&headers, input.len())?;
    headers.check_within(end)?;
    let offset = align(end, ALIGNMENT);
    let entry_len = ENTRY_HEADER_LEN + pkcs7.len() as u64;
    headers.set_certificates(offset, old_size + align(entry_len, ALIGNMENT))?;
    let entry_len = super::headers::number(entry_len)?;

    out.write_all(&headers.render())?;
    input.seek(headers.len())?;
    input.copy(end - headers.len(), &mut out)?;
    out.write_all(zeros(end))?;
    input.copy(old_size, &mut out)?;
    out.write_all(&entry_len.to_le_bytes())?;
    out.write_all(&[0x00, 0x02, 0x02, 0x00])?;
    out.write_all(pkcs7)?;
    out.write_all(zeros(entry_len.into()))?;
    out.flush()?;
    Ok(out)
}

/// Zeros from `position` to the next multiple of 8.
fn zeros(position: u64) -> &'static [u8] {
    &[0; ALIGNMENT as usize][..(align(position, ALIGNMENT) - position) as usize]
}
