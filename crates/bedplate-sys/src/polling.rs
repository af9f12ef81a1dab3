//! Waiting for many descriptors at once (poll(2)), and reading and writing those that do not block.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// What a descriptor is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or the end.
    Read,
    /// Room to write, or the end.
    Write,
    /// Either.
    Both,
}

/// What a descriptor was found to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Reading will not block.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
}

/// Waits until one of the descriptors can do what it is waited for, a signal comes, or the time is up.
pub fn wait(
    descriptors: &[(BorrowedFd<'_>, Interest)],
    timeout: Option<Duration>,
) -> io::Result<Vec<Found>> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|(fd, interest)| PollFd::from_borrowed_fd(*fd, flags(*interest)))
        .collect();
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ended = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    let found = |polled: &PollFd<'_>| Found {
        readable: polled.revents().intersects(PollFlags::IN | ended),
        writable: polled.revents().intersects(PollFlags::OUT | ended),
    };
    Ok(polled.iter().map(found).collect())
}

fn flags(interest: Interest) -> PollFlags {
    match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
        Interest::Both => PollFlags::IN | PollFlags::OUT,
    }
}

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    End,
}

/// Reads what is there.
pub fn read(descriptor: impl AsFd, buffer: &mut [u8]) -> Chunk {
    match rustix::io::read(descriptor, buffer) {
        Ok(0) => Chunk::End,
        Ok(count) => Chunk::Bytes(count),
        Err(Errno::AGAIN | Errno::INTR) => Chunk::Nothing,
        Err(_) => Chunk::End,
    }
}

/// Writes as much as goes without blocking; 0 if nothing does.
pub fn write(descriptor: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    match rustix::io::write(descriptor, bytes) {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
