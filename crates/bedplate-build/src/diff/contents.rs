//! Which contents have the same bytes: by SHA-256, in several threads.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bedplate_formats::content::ReadContent;
use bedplate_tree::{Content, Pair};
use sha2::{Digest as _, Sha256};

use crate::built::{Built, ImageError};

/// Contents that a thread takes at once: neighbours in an image often share a compressed block.
const BATCH: usize = 64;

/// A content, by the place where it lies in its host.
type Place = (u64, u64);
type Sums = HashMap<Place, [u8; 32]>;

/// SHA-256 of all contents that must be compared.
pub(super) struct Digests {
    old: Sums,
    new: Sums,
}

impl Digests {
    /// Of all pairs of files with the same length.
    pub(super) fn of(pairs: &[Pair<'_>], old: &Built, new: &Built) -> Result<Self, ImageError> {
        let undecided = pairs.iter().filter_map(|pair| {
            let (old, new) = pair.undecided()?;
            Some((pair, old, new))
        });
        let (mut of_old, mut of_new) = (Vec::new(), Vec::new());
        for (pair, old, new) in undecided {
            of_old.push((pair, old));
            of_new.push((pair, new));
        }
        Ok(Self {
            old: sums(old, of_old)?,
            new: sums(new, of_new)?,
        })
    }

    /// Have both the same bytes?
    pub(super) fn same(&self, old: &Content, new: &Content) -> bool {
        sum(&self.old, old) == sum(&self.new, new)
    }
}

fn sum(sums: &Sums, content: &Content) -> Option<[u8; 32]> {
    match content {
        Content::Inline(bytes) => Some(Sha256::digest(bytes).into()),
        Content::Stored { offset, len, .. } => sums.get(&(*offset, *len)).copied(),
    }
}

type Job<'a> = (Place, &'a Pair<'a>, &'a Content);

fn sums(built: &Built, contents: Vec<(&Pair<'_>, &Content)>) -> Result<Sums, ImageError> {
    let mut jobs: Vec<Job<'_>> = Vec::with_capacity(contents.len());
    for (pair, content) in contents {
        if let Content::Stored { offset, len, .. } = content {
            jobs.push(((*offset, *len), pair, content));
        }
    }
    jobs.sort_by_key(|(place, ..)| *place);
    jobs.dedup_by_key(|(place, ..)| *place);
    let batches: Vec<&[Job<'_>]> = jobs.chunks(BATCH).collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Ok(Sums::with_capacity(jobs.len())));
    let work = || {
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let sums: Result<Vec<_>, _> = batch.iter().map(|job| hashed(built, job)).collect();
            let mut found = found.lock().expect("no thread panics while it holds this");
            match (&mut *found, sums) {
                (Ok(found), Ok(sums)) => found.extend(sums),
                (Err(_), _) => return,
                (found, Err(error)) => *found = Err(error),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("no thread panicked")
}

fn hashed(
    built: &Built,
    (place, pair, content): &Job<'_>,
) -> Result<(Place, [u8; 32]), ImageError> {
    let mut sink = Sink(Sha256::new());
    built
        .copy(content, &mut sink)
        .map_err(ImageError::io(format!(
            "read `{}` in {}",
            pair.path,
            built.path.display()
        )))?;
    Ok((*place, sink.0.finalize().into()))
}

struct Sink(Sha256);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
