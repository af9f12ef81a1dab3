//! Which files have the same bytes.
//!
//! Contents that lie at the same place are the same without looking. Of others only those of equal
//! length can be, and of these only those with equal hashes are compared: a hash only ever chooses
//! what to compare, so neither its strength nor its algorithm shows in the image.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use bedplate_tree::{Content, InodeKind, Tree};
use bedplate_types::{Digest, Object};

use crate::content::ReadContent;

/// Where bytes lie.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    Inline(&'a [u8]),
    Stored(Digest<Object>, u64, u64),
}

impl<'a> Identity<'a> {
    fn of(content: &'a Content) -> Self {
        match content {
            Content::Inline(bytes) => Self::Inline(bytes),
            &Content::Stored {
                object,
                offset,
                len,
            } => Self::Stored(object, offset, len),
        }
    }
}

/// The contents that were stored, each by the number of the file that it is stored for.
pub(super) struct Known<'a> {
    contents: &'a dyn ReadContent,
    /// How many inodes have a content of this length.
    lengths: HashMap<u64, u32>,
    by_identity: HashMap<Identity<'a>, usize>,
    by_hash: HashMap<(u64, u64), Vec<(&'a Content, usize)>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(tree: &Tree, contents: &'a dyn ReadContent) -> Self {
        let mut lengths = HashMap::new();
        for inode in tree.inodes() {
            if let InodeKind::File(content) = &inode.kind {
                *lengths.entry(content.len()).or_default() += 1;
            }
        }
        Self {
            contents,
            lengths,
            by_identity: HashMap::new(),
            by_hash: HashMap::new(),
        }
    }

    /// The file that lies at the same place.
    pub(super) fn at_same_place(&self, content: &'a Content) -> Option<usize> {
        self.by_identity.get(&Identity::of(content)).copied()
    }

    /// Can any other file have the same bytes? If not, no hash is needed.
    pub(super) fn may_have_twin(&self, content: &Content) -> bool {
        self.lengths
            .get(&content.len())
            .is_some_and(|&count| count > 1)
    }

    /// The file with the same bytes; `bytes` are those of `content` if they are at hand.
    pub(super) fn twin(
        &self,
        content: &Content,
        hash: u64,
        bytes: Option<&[u8]>,
    ) -> io::Result<Option<usize>> {
        let candidates = self.by_hash.get(&(content.len(), hash));
        for &(candidate, file) in candidates.into_iter().flatten() {
            let same = match bytes {
                Some(bytes) => holds(self.contents, candidate, bytes)?,
                None => same(self.contents, candidate, content)?,
            };
            if same {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Remembers that `content` is stored for `file`, and under which hash if it has one.
    pub(super) fn remember(&mut self, content: &'a Content, hash: Option<u64>, file: usize) {
        self.by_identity.insert(Identity::of(content), file);
        if let Some(hash) = hash {
            let same_hash = self.by_hash.entry((content.len(), hash)).or_default();
            same_hash.push((content, file));
        }
    }

    /// Remembers that `content` has the bytes of `file`.
    pub(super) fn remember_twin(&mut self, content: &'a Content, file: usize) {
        self.by_identity.insert(Identity::of(content), file);
    }
}

/// The hash of a file that is given in pieces. Pieces must be cut at the same places in all files.
#[derive(Default)]
pub(super) struct FileHash(DefaultHasher);

impl FileHash {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.0.write(piece);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.finish()
    }
}

/// Has `content` exactly these bytes?
fn holds(contents: &dyn ReadContent, content: &Content, bytes: &[u8]) -> io::Result<bool> {
    let mut comparison = Comparison {
        rest: bytes,
        same: true,
    };
    contents.copy(content, &mut comparison)?;
    Ok(comparison.same && comparison.rest.is_empty())
}

struct Comparison<'a> {
    rest: &'a [u8],
    same: bool,
}

impl Write for Comparison<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.same = false,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Have both contents the same bytes? For files that are too large to be held.
fn same(contents: &dyn ReadContent, one: &Content, other: &Content) -> io::Result<bool> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(1);
        let reading = scope.spawn(move || contents.copy(one, &mut Sending(sender)));
        let mut comparison = Comparing {
            receiver,
            piece: Vec::new(),
            same: true,
        };
        let compared = contents.copy(other, &mut comparison);
        let same = comparison.same && comparison.at_end();
        // From here on the other thread cannot wait any more.
        drop(comparison);
        let thread_ended = |_| Err(io::Error::other("a thread that reads has ended"));
        reading.join().unwrap_or_else(thread_ended)?;
        compared.map(|()| same)
    })
}

struct Sending(SyncSender<Vec<u8>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // When nobody listens any more, the answer is known, and it is no error.
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Comparing {
    receiver: Receiver<Vec<u8>>,
    /// What was received and not yet compared.
    piece: Vec<u8>,
    same: bool,
}

impl Comparing {
    fn at_end(&mut self) -> bool {
        self.piece.is_empty() && self.receiver.recv().is_err()
    }
}

impl Write for Comparing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.same && self.piece.is_empty() {
            match self.receiver.recv() {
                Ok(piece) => self.piece = piece,
                Err(_) => self.same = false,
            }
        }
        if !self.same {
            return Ok(bytes.len());
        }
        let count = bytes.len().min(self.piece.len());
        self.same = bytes[..count] == self.piece[..count];
        self.piece.drain(..count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
