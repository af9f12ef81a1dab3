//! The initrd: segments made in parallel, or taken from the store, put one after another.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

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

/// Writes `prefix` (microcode, uncompressed) and the whole tree.
pub(crate) fn write(
    tree: &Tree,
    prefix: Option<&[u8]>,
    options: InitrdOptions,
    store: &Store,
    progress: &dyn Progress,
    out: &mut File,
) -> Result<Written, BuildError> {
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
        let written = join(prefix, segments.len(), &finished, out);
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

/// Puts the segments in order, and hashes what it writes in a second thread.
fn join(
    prefix: Option<&[u8]>,
    count: usize,
    finished: &Receiver<(usize, Result<File, BuildError>)>,
    out: &mut File,
) -> Result<Written, BuildError> {
    let io = || BuildError::io("write the initrd");
    std::thread::scope(|scope| {
        let (to_hash, hashed) = channel::<Piece>();
        let hasher = scope.spawn(move || hash_all(&hashed));
        let mut len = 0;
        if let Some(prefix) = prefix {
            out.write_all(prefix).map_err(io())?;
            len += prefix.len() as u64;
            to_hash.send(Piece::Bytes(prefix.to_vec())).ok();
        }
        let mut waiting: Vec<Option<File>> = (0..count).map(|_| None).collect();
        let mut next = 0;
        while next < count {
            let (number, result) = finished
                .recv()
                .expect("workers deliver every segment or an error");
            waiting[number] = Some(result?);
            while let Some(mut file) = waiting.get_mut(next).and_then(Option::take) {
                to_hash
                    .send(Piece::File(file.try_clone().map_err(io())?))
                    .ok();
                len += io::copy(&mut file, out).map_err(io())?;
                next += 1;
            }
        }
        drop(to_hash);
        let sha256 = hasher
            .join()
            .expect("hashing does not panic")
            .map_err(io())?;
        Ok(Written { len, sha256 })
    })
}

enum Piece {
    Bytes(Vec<u8>),
    File(File),
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
