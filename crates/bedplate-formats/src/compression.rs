//! Decompression of what comes from outside, with limits.
//!
//! Several members (gzip), frames (zstd) or streams (xz) in a row count as one. Bytes after the last
//! one that are not another one are an error, and so is an end in the middle.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// xz (the .xz file format, version 1.2.1).
    Xz,
}

/// When to stop decompressing. Exceeding one is an [`io::Error`] whose inner error is [`TooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many bytes may come out.
    pub output: u64,
    /// At most so many bytes may come out for each byte that went in, beyond the first 16 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    /// 64 GiB, and 1100 to 1: deflate cannot exceed 1032 to 1, so this stops zstd and xz bombs, and
    /// the size stops the rest.
    fn default() -> Self {
        Self {
            output: 64 << 30,
            ratio: 1100,
        }
    }
}

/// Output up to this size, in bytes, may have any ratio: a small file of zeros is no bomb.
const RATIO_FREE: u64 = 16 << 20;
/// Memory that an xz stream may ask for, in bytes: enough for `xz -9` (65 MiB).
const XZ_MEMORY: u64 = 256 << 20;
/// Binary logarithm of the largest window that a zstd frame may ask for: 128 MiB, as `zstd --ultra`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// A limit that decompressed data exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// More than [`Limits::output`].
    #[error("the decompressed data has more than {limit} bytes")]
    Output {
        /// The limit, in bytes.
        limit: u64,
    },
    /// More than [`Limits::ratio`].
    #[error("the data grows by more than {limit} to 1 when decompressed")]
    Ratio {
        /// The limit.
        limit: u64,
    },
}

impl TooLarge {
    /// The limit that caused this error, if one did.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Tells by the first bytes (six are enough) how data is compressed.
pub fn detect(head: &[u8]) -> Compression {
    // A zstd stream may also begin with a skippable frame: any of 0x184D2A50 to 0x184D2A5F.
    let skippable = head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
    if head.starts_with(&[0x1f, 0x8b]) {
        Compression::Gzip
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable {
        Compression::Zstd
    } else if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        Compression::Xz
    } else {
        Compression::None
    }
}

/// [`detect`] on the first bytes of a reader, which are not consumed.
///
/// Reads once: give it a buffer (any [`io::BufReader`]) that fills at least six bytes at a time.
pub fn detect_in(reader: &mut impl BufRead) -> io::Result<Compression> {
    Ok(detect(reader.fill_buf()?))
}

/// Decompresses without limits: for data that is trusted, or limited by the caller.
pub fn decoder<'a>(
    kind: Compression,
    reader: impl BufRead + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match kind {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                XZ_MEMORY,
                liblzma::stream::CONCATENATED,
            )?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
        }
    })
}

/// Decompresses one member, frame or stream, and takes no byte of what follows it.
fn single_decoder<'a>(
    kind: Compression,
    reader: impl BufRead + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match kind {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(reader)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?.single_frame();
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
        }
    })
}

/// Decompresses, and fails with [`TooLarge`] once a limit is exceeded.
pub fn limited_decoder<'a>(
    kind: Compression,
    reader: impl BufRead + Send + 'a,
    limits: Limits,
) -> io::Result<LimitedReader<'a>> {
    let (counting, consumed) = CountingReader::new(reader);
    Ok(LimitedReader::new(
        decoder(kind, counting)?,
        consumed,
        limits,
    ))
}

/// As [`limited_decoder`], but for one member, frame or stream only: what follows it, from
/// [`LimitedReader::consumed`] on, may be anything.
pub fn limited_single<'a>(
    kind: Compression,
    reader: impl BufRead + Send + 'a,
    limits: Limits,
) -> io::Result<LimitedReader<'a>> {
    let (counting, consumed) = CountingReader::new(reader);
    Ok(LimitedReader::new(
        single_decoder(kind, counting)?,
        consumed,
        limits,
    ))
}

/// A reader that ends in an error when more comes out than its [`Limits`] allow.
pub struct LimitedReader<'a> {
    inner: Box<dyn Read + Send + 'a>,
    consumed: Arc<AtomicU64>,
    produced: u64,
    limits: Limits,
}

impl<'a> LimitedReader<'a> {
    fn new(inner: Box<dyn Read + Send + 'a>, consumed: Arc<AtomicU64>, limits: Limits) -> Self {
        Self {
            inner,
            consumed,
            produced: 0,
            limits,
        }
    }

    /// Compressed bytes taken so far, for progress.
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// Decompressed bytes given so far.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    fn check(&self) -> Result<(), TooLarge> {
        if self.produced > self.limits.output {
            return Err(TooLarge::Output {
                limit: self.limits.output,
            });
        }
        let allowed = self
            .consumed()
            .saturating_mul(self.limits.ratio)
            .saturating_add(RATIO_FREE);
        if self.produced > allowed {
            return Err(TooLarge::Ratio {
                limit: self.limits.ratio,
            });
        }
        Ok(())
    }
}

impl Read for LimitedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.produced += count as u64;
        self.check()
            .map_err(|limit| io::Error::new(io::ErrorKind::InvalidData, limit))?;
        Ok(count)
    }
}

struct CountingReader<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: BufRead> CountingReader<R> {
    fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let consumed = Arc::new(AtomicU64::new(0));
        let counting = Self {
            inner,
            consumed: Arc::clone(&consumed),
        };
        (counting, consumed)
    }
}

impl<R: BufRead> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for CountingReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        self.inner.consume(count);
    }
}
