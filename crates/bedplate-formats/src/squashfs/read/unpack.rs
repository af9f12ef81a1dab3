//! Decompression of one block, with its limit.

use std::cell::RefCell;
use std::io::{self, ErrorKind};

use flate2::{Decompress, FlushDecompress};
use liblzma::stream::{Action, Stream};
use zstd::bulk::Decompressor;

use super::error::ReadError;

/// Memory that a block of xz may ask for, in bytes: dictionaries are no longer than blocks, 1 MiB.
const XZ_MEMORY: u64 = 16 << 20;

thread_local! {
    /// One for all blocks of a thread: making one costs more than a small block.
    static ZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// How the blocks of an image are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpack {
    Zlib,
    Xz,
    Zstd,
}

impl Unpack {
    /// By the superblock's number (section 3).
    pub(super) fn of(compressor: u16) -> Result<Self, ReadError> {
        Ok(match compressor {
            1 => Self::Zlib,
            4 => Self::Xz,
            6 => Self::Zstd,
            2 => return Err(ReadError::Compressor("lzma")),
            3 => return Err(ReadError::Compressor("lzo")),
            5 => return Err(ReadError::Compressor("lz4")),
            _ => return Err(ReadError::malformed("its compressor is not known")),
        })
    }

    /// At most `limit` bytes; more are an error.
    pub(super) fn unpack(self, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        let mut raw = Vec::with_capacity(limit);
        let whole = match self {
            Self::Zstd => {
                ZSTD.with_borrow_mut(|kept| {
                    let decompressor = match kept {
                        Some(decompressor) => decompressor,
                        None => kept.insert(Decompressor::new()?),
                    };
                    decompressor.decompress_to_buffer(packed, &mut raw)
                })?;
                true
            }
            Self::Zlib => {
                let mut stream = Decompress::new(true);
                let status = stream.decompress_vec(packed, &mut raw, FlushDecompress::Finish)?;
                status == flate2::Status::StreamEnd
            }
            Self::Xz => {
                let mut stream = Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                // What follows the last byte that comes out may take a call of its own.
                let mut status = stream.process_vec(packed, &mut raw, Action::Finish)?;
                if status == liblzma::stream::Status::Ok {
                    let taken = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
                    let rest = packed.get(taken..).unwrap_or_default();
                    status = stream.process_vec(rest, &mut raw, Action::Finish)?;
                }
                status == liblzma::stream::Status::StreamEnd
            }
        };
        let short = || io::Error::new(ErrorKind::InvalidData, "it ends early or is too long");
        if whole { Ok(raw) } else { Err(short()) }
    }
}
