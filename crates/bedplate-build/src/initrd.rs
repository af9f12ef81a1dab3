//! The initrd: segments made in parallel, or taken from the store, put one after another.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use bedplate_formats::compression::Compression;
use bedplate_formats::cpio;
use bedplate_store::Store;
use bedplate_tree::{InodeKind, Tree};
use bedplate_types::{Progress, Task};
use sha2::{Digest as _, Sha256};

use crate::BuildError;
use crate::segments::{Segment, divide};

/// Changes whenever the bytes of a segment made from the same entries would.
const VERSION: &str = "segment 1";

/// How many pieces may wait to be hashed.
const HASHED_BEHIND: usize = 16;

/// How an initrd is written.
#[derive(Debug, Clone, Copy)]
pub struct InitrdOptions {
    /// zstd, gzip or none.
    pub compression: Compression,
    /// Level of the compression; each has its own scale.
    pub level: i32,
    /// How many segments are made at a time.
    pub threads: usize,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) len: u64,
    pub(crate) sha256: [u8; 32],
}

/// A part of an initrd.
pub(crate) enum Part<'a> {
    /// An archive as it is: microcode, which no boot loader and no kernel decompresses.
    Bytes(&'a [u8]),
    /// A tree in segments, compressed as the options say, and kept.
    Segments(&'a Tree),
    /// A tree as one archive that is not compressed: what would not shrink.
    Plain(&'a Tree),
}

/// Writes the parts one after another.
pub(crate) fn write(
    parts: &[Part<'_>],
    options: InitrdOptions,
    store: &Store,
    progress: &dyn Progress,
    out: &mut File,
) -> Result<Written, BuildError> {
    let io = || BuildError::io("write the initrd");
    std::thread::scope(|scope| {
        let (to_hash, hashed) = sync_channel::<Piece>(HASHED_BEHIND);
        let hasher = scope.spawn(move || hash_all(&hashed));
        let mut out = Joined {
            out,
            to_hash,
            len: 0,
        };
        for part in parts {
            match part {
                Part::Bytes(bytes) => out.write_all(bytes).map_err(io())?,
                Part::Segments(tree) => segments(tree, options, store, progress, &mut out)?,
                Part::Plain(tree) => plain(tree, store, progress, &mut out)?,
            }
        }
        let Joined { to_hash, len, .. } = out;
        drop(to_hash);
        let sha256 = hasher
            .join()
            .expect("hashing does not panic")
            .map_err(io())?;
        Ok(Written { len, sha256 })
    })
}

fn plain(
    tree: &Tree,
    store: &Store,
    progress: &dyn Progress,
    out: &mut Joined<'_>,
) -> Result<(), BuildError> {
    let task = progress.begin("initrd", Some(tree.content_len()));
    // The kernel takes an archive that is not compressed only at a multiple of 4 (init/initramfs.c).
    let padding = out.len.next_multiple_of(4) - out.len;
    out.write_all(&[0; 4][..padding as usize])
        .map_err(BuildError::io("write the initrd"))?;
    cpio::write(tree, store, BufWriter::with_capacity(1 << 18, out))
        .map_err(|source| BuildError::Format {
            what: "the initrd".to_owned(),
            source: source.into(),
        })?
        .flush()
        .map_err(BuildError::io("write the initrd"))?;
    task.advance(tree.content_len());
    Ok(())
}

fn segments(
    tree: &Tree,
    options: InitrdOptions,
    store: &Store,
    progress: &dyn Progress,
    out: &mut Joined<'_>,
) -> Result<(), BuildError> {
    let segments = divide(tree);
    let task = progress.begin("initrd", Some(tree.content_len()));
    let maker = Maker {
        segments: &segments,
        options,
        store,
        task: &*task,
        next: AtomicUsize::new(0),
        stop: Mutex::new(false),
    };
    std::thread::scope(|scope| {
        let (done, finished) = channel();
        for _ in 0..options.threads.clamp(1, segments.len()) {
            let (maker, done) = (&maker, done.clone());
            scope.spawn(move || maker.work(|number, result| done.send((number, result)).is_ok()));
        }
        drop(done);
        let written = join(segments.len(), &finished, out);
        *maker
            .stop
            .lock()
            .expect("no thread panics while it holds the lock") = true;
        written
    })
}

struct Maker<'a> {
    segments: &'a [Segment<'a>],
    options: InitrdOptions,
    store: &'a Store,
    task: &'a dyn Task,
    next: AtomicUsize,
    stop: Mutex<bool>,
}

impl Maker<'_> {
    /// Makes one segment after another until none is left, or nobody wants them any more.
    fn work(&self, deliver: impl Fn(usize, Result<File, BuildError>) -> bool) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(segment) = self.segments.get(number) else {
                return;
            };
            if *self
                .stop
                .lock()
                .expect("no thread panics while it holds the lock")
            {
                return;
            }
            let result = self.segment(segment);
            let failed = result.is_err();
            if !deliver(number, result) || failed {
                return;
            }
        }
    }

    fn segment(&self, segment: &Segment<'_>) -> Result<File, BuildError> {
        let how = format!(
            "{VERSION} {:?} {}\n",
            self.options.compression, self.options.level
        );
        let key = segment.key(&how).cast();
        let content: u64 = segment
            .visits
            .iter()
            .filter(|visit| visit.first)
            .map(|visit| {
                if let InodeKind::File(content) = &visit.inode.kind {
                    content.len()
                } else {
                    0
                }
            })
            .sum();
        let kept = self
            .store
            .segment(&key)
            .map_err(BuildError::store("look for a piece of the initrd"))?;
        let file = match kept {
            Some(file) => file,
            None => self
                .store
                .put_segment(&key, |out| self.write(segment, out))
                .map_err(BuildError::store("make a piece of the initrd"))?,
        };
        self.task.advance(content);
        Ok(file)
    }

    fn write(&self, segment: &Segment<'_>, out: &mut File) -> io::Result<()> {
        let out = BufWriter::with_capacity(1 << 17, out);
        match self.options.compression {
            Compression::None => self.archive(segment, out)?.flush(),
            Compression::Gzip => {
                let level =
                    flate2::Compression::new(u32::try_from(self.options.level).unwrap_or(6).min(9));
                self.archive(segment, flate2::write::GzEncoder::new(out, level))?
                    .finish()?
                    .flush()
            }
            _ => self
                .archive(segment, zstd::Encoder::new(out, self.options.level)?)?
                .finish()?
                .flush(),
        }
    }

    fn archive<W: Write>(&self, segment: &Segment<'_>, out: W) -> io::Result<W> {
        let mut writer = cpio::Writer::new(out);
        for visit in &segment.visits {
            writer.append(visit, self.store).map_err(io::Error::other)?;
        }
        writer.finish().map_err(io::Error::other)
    }
}

/// An initrd that grows, and is hashed in a second thread.
struct Joined<'a> {
    out: &'a mut File,
    to_hash: SyncSender<Piece>,
    len: u64,
}

enum Piece {
    Bytes(Vec<u8>),
    File(File),
}

impl Joined<'_> {
    fn append(&mut self, mut file: File) -> io::Result<()> {
        self.to_hash.send(Piece::File(file.try_clone()?)).ok();
        self.len += io::copy(&mut file, self.out)?;
        Ok(())
    }
}

impl Write for Joined<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.to_hash
            .send(Piece::Bytes(bytes[..count].to_vec()))
            .ok();
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Puts the segments in order.
fn join(
    count: usize,
    finished: &Receiver<(usize, Result<File, BuildError>)>,
    out: &mut Joined<'_>,
) -> Result<(), BuildError> {
    let mut waiting: Vec<Option<File>> = (0..count).map(|_| None).collect();
    let mut next = 0;
    while next < count {
        let (number, result) = finished
            .recv()
            .expect("workers deliver every segment or an error");
        waiting[number] = Some(result?);
        while let Some(file) = waiting.get_mut(next).and_then(Option::take) {
            out.append(file)
                .map_err(BuildError::io("write the initrd"))?;
            next += 1;
        }
    }
    Ok(())
}

/// Reads by position: the file's own cursor belongs to the copying thread.
fn hash_all(pieces: &Receiver<Piece>) -> io::Result<[u8; 32]> {
    use std::os::unix::fs::FileExt;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => hash.update(&bytes),
            Piece::File(file) => {
                let mut position = 0;
                loop {
                    let got = file.read_at(&mut buffer, position)?;
                    if got == 0 {
                        break;
                    }
                    hash.update(&buffer[..got]);
                    position += got as u64;
                }
            }
        }
    }
    Ok(hash.finalize().into())
}
