//! Copying while hashing, on two threads where it pays.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc;

use bedplate_types::{Digest, Object};
use sha2::{Digest as _, Sha256};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait for the hashing thread.
const WAITING: usize = 4;

/// Which side of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies `input` to `file`; gives the digest and the length. What fits in one chunk is hashed here,
/// the rest in a second thread, as reading from a decompressor costs as much as hashing.
pub(crate) fn copy_hashing(
    input: &mut dyn Read,
    file: &mut File,
) -> Result<(Digest<Object>, u64), CopyError> {
    let mut first = vec![0; CHUNK];
    let count = fill(input, &mut first)?;
    file.write_all(&first[..count]).map_err(CopyError::Write)?;
    let mut hash = Sha256::new();
    if count < CHUNK {
        hash.update(&first[..count]);
        return Ok((Digest::from_bytes(hash.finalize().into()), count as u64));
    }
    std::thread::scope(|scope| {
        let (full, to_hash) = mpsc::sync_channel::<(Vec<u8>, usize)>(WAITING);
        let (empty, reusable) = mpsc::channel::<Vec<u8>>();
        let hasher = scope.spawn(move || {
            for (chunk, count) in to_hash {
                hash.update(&chunk[..count]);
                // The copying side may have ended; then nobody needs the buffer.
                let _ = empty.send(chunk);
            }
            hash.finalize()
        });
        let hasher_lives = "the hashing thread ends only after its channel";
        full.send((first, count)).expect(hasher_lives);
        let mut len = count as u64;
        loop {
            let mut chunk = reusable.try_recv().unwrap_or_else(|_| vec![0; CHUNK]);
            let count = fill(input, &mut chunk)?;
            file.write_all(&chunk[..count]).map_err(CopyError::Write)?;
            len += count as u64;
            full.send((chunk, count)).expect(hasher_lives);
            if count < CHUNK {
                break;
            }
        }
        drop(full);
        let hash = hasher.join().expect("hashing does not panic");
        Ok((Digest::from_bytes(hash.into()), len))
    })
}

/// Reads until `buffer` is full or the input ends.
fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, CopyError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Read(error)),
        }
    }
    Ok(filled)
}
