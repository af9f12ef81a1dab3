//! Threads that compress blocks, which are written in the order in which they came.
//!
//! ```text
//! files --raw--> [ jobs ] --> N threads --> [ replies, one channel a block, oldest first ] --> output
//! ```
//!
//! The caller's thread reads files and writes blocks; when enough blocks are under way, it waits for
//! the oldest. So memory is bounded, and neither the order nor the bytes depend on N.

use std::collections::VecDeque;
use std::io::{self, Seek, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use super::RAW_BLOCK;
use super::compress::Compressor;
use super::options::Options;
use super::output::Output;

/// Blocks under way for each thread: one in its hands, one waiting.
const DEPTH: usize = 2;

/// A block that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<P> {
    /// What the block was submitted as.
    pub(super) place: P,
    /// Its beginning, in bytes from the beginning of the image.
    pub(super) start: u64,
    /// Its bytes there, with [`RAW_BLOCK`] set if they are not compressed.
    pub(super) size: u32,
}

struct Job {
    raw: Vec<u8>,
    reply: Sender<io::Result<Block>>,
}

/// A block as it is stored.
struct Block {
    bytes: Vec<u8>,
    flag: u32,
}

/// Takes blocks in order and writes them in order. `P` is what the caller knows a block by.
pub(super) struct Pipeline<'a, W, P> {
    out: &'a mut Output<W>,
    jobs: Sender<Job>,
    pending: VecDeque<(P, Receiver<io::Result<Block>>)>,
    depth: usize,
}

impl<'a, W: Write + Seek, P> Pipeline<'a, W, P> {
    /// Starts the threads. They end when the pipeline is dropped.
    pub(super) fn new<'scope>(
        scope: &'scope Scope<'scope, '_>,
        options: &Options,
        out: &'a mut Output<W>,
    ) -> io::Result<Self> {
        let (jobs, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..options.threads.get() {
            let compressor = Compressor::new(options.compression)?;
            let receiver = Arc::clone(&receiver);
            scope.spawn(move || work(&receiver, compressor));
        }
        Ok(Self {
            out,
            jobs,
            pending: VecDeque::new(),
            depth: DEPTH * options.threads.get(),
        })
    }

    /// Hands a block over. Tells of the oldest one if that had to be waited for.
    pub(super) fn submit(&mut self, place: P, raw: Vec<u8>) -> io::Result<Option<Placed<P>>> {
        let oldest = if self.pending.len() < self.depth {
            None
        } else {
            self.next()?
        };
        let (reply, answer) = mpsc::channel();
        self.jobs
            .send(Job { raw, reply })
            .map_err(|_| thread_ended())?;
        self.pending.push_back((place, answer));
        Ok(oldest)
    }

    /// Writes the oldest block that is under way, if any is.
    pub(super) fn next(&mut self) -> io::Result<Option<Placed<P>>> {
        let Some((place, answer)) = self.pending.pop_front() else {
            return Ok(None);
        };
        let block = answer.recv().map_err(|_| thread_ended())??;
        let start = self.out.position();
        self.out.write(&block.bytes)?;
        let size = u32::try_from(block.bytes.len()).expect("blocks have at most 1 MiB");
        Ok(Some(Placed {
            place,
            start,
            size: size | block.flag,
        }))
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, mut compressor: Compressor) {
    loop {
        let job = jobs.lock().map(|jobs| jobs.recv());
        let Ok(Ok(Job { raw, reply })) = job else {
            return;
        };
        let packed = compressor
            .compress(&raw)
            .map(|packed| packed.map(Vec::from));
        let block = packed.map(|packed| match packed {
            Some(bytes) => Block { bytes, flag: 0 },
            None => Block {
                bytes: raw,
                flag: RAW_BLOCK,
            },
        });
        // Nobody listens any more when writing failed.
        let _ = reply.send(block);
    }
}

fn thread_ended() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}
