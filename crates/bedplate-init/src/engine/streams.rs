//! The output of containers, on its way into their logs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bedplate_boot::control::{Reply, Stream as Which};
use bedplate_boot::text_from_bytes;
use bedplate_sys::children;
use bedplate_sys::polling::{self, Chunk};

use super::{Engine, now};
use crate::console;
use crate::logs::{Log, Logged};
use crate::supervision::UnitId;

/// The pipe of one run of a container, and its log.
pub struct Stream {
    log: Log,
    read_end: Option<OwnedFd>,
    /// Kept until the runtime has let the container go, for the runtime's own messages.
    write_end: Option<OwnedFd>,
}

impl Stream {
    /// Readable when there is output.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.read_end.as_ref().map(AsFd::as_fd)
    }

    fn writer(&self) -> std::io::Result<OwnedFd> {
        match &self.write_end {
            Some(end) => end.try_clone(),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The container writes by itself from now on; the stream ends with it.
    pub fn close_writer(&mut self) {
        self.write_end = None;
    }
}

impl Engine {
    /// A fresh pipe for a run of a container.
    pub(super) fn open_stream(&mut self, id: UnitId) -> std::io::Result<()> {
        self.finish_stream(id);
        let (read_end, write_end) = children::output_pipe()?;
        let entry = self.supervisor.entry(id);
        let log = Log::new(&entry.name, &entry.log_name());
        self.streams.insert(
            id,
            Stream {
                log,
                read_end: Some(read_end),
                write_end: Some(write_end),
            },
        );
        Ok(())
    }

    /// Another end to write to for what belongs to this run of the container.
    pub(super) fn writer(&self, id: UnitId) -> std::io::Result<OwnedFd> {
        self.streams.get(&id).map_or_else(
            || Err(std::io::ErrorKind::BrokenPipe.into()),
            Stream::writer,
        )
    }

    /// Reads what is there, but not without end: a container that floods must not starve the others.
    pub(super) fn read_stream(&mut self, id: UnitId) {
        let mut buffer = [0_u8; 16 * 1024];
        for _ in 0..16 {
            let Some(stream) = self.streams.get_mut(&id) else {
                return;
            };
            let Some(read_end) = &stream.read_end else {
                return;
            };
            match polling::read(read_end, &mut buffer) {
                Chunk::Bytes(count) => {
                    let logged = stream.log.write(&buffer[..count], now());
                    self.publish(id, &logged);
                }
                Chunk::Nothing => return,
                Chunk::End => {
                    stream.read_end = None;
                    let logged = stream.log.finish(now());
                    self.publish(id, &logged);
                }
            }
        }
    }

    /// Reads what is left and closes.
    pub(super) fn finish_stream(&mut self, id: UnitId) {
        self.read_stream(id);
        if let Some(mut stream) = self.streams.remove(&id)
            && stream.read_end.is_some()
        {
            let logged = stream.log.finish(now());
            self.publish(id, &logged);
        }
    }

    fn publish(&mut self, id: UnitId, logged: &Logged) {
        console::write(&logged.console);
        if logged.kept.is_empty() {
            return;
        }
        for connection in self.connections.values_mut() {
            let following: Vec<u64> = connection
                .follows
                .iter()
                .filter(|(_, of)| *of == id)
                .map(|(call, _)| *call)
                .collect();
            for call in following {
                if connection.has_room() {
                    let bytes = text_from_bytes(logged.kept.as_bytes());
                    connection.answer(
                        call,
                        Reply::Output {
                            stream: Which::Out,
                            bytes,
                        },
                    );
                }
            }
        }
    }
}
