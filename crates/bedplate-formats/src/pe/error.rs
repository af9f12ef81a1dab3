//! What can be wrong with a PE image.

use std::io;

/// Why an image was not read. The message has no file name: the caller adds which image it was.
#[derive(Debug, thiserror::Error)]
pub enum PeError {
    /// Reading or writing failed.
    #[error("cannot copy the PE image")]
    Io(#[from] io::Error),
    /// Something else than a PE image.
    #[error("this is no PE image: {0}")]
    NotPe(&'static str),
    /// A PE image, but no EFI application.
    #[error("this PE image is no EFI application: its subsystem is {0} instead of 10")]
    Subsystem(u16),
    /// The file ends before what its headers name.
    #[error("the PE image is cut off: {0} lies outside of the file")]
    Truncated(String),
    /// The headers contradict themselves.
    #[error("the PE image is malformed: {0}")]
    Malformed(&'static str),
    /// Bytes that belong to nothing: tools differ in whether a signature covers them.
    #[error(
        "the PE image has bytes before its section `{0}` that belong to nothing, so it cannot be signed"
    )]
    Gap(String),
    /// A signature that is not what a certificate table holds.
    #[error("the signature is no PKCS#7 in DER form")]
    NotPkcs7,
    /// The image has no place that could point to a certificate table.
    #[error("the PE image has no data directory for a certificate table")]
    NoDirectory,
    /// The image would be larger than the format allows.
    #[error("the PE image would be larger than 2 GiB, the most that its format allows")]
    TooLarge,
}
