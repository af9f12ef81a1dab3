//! Signals as bytes of a pipe, so that an event loop can wait for them with everything else.
//!
//! Handlers, not a blocked mask: children then start with the default dispositions without help.
#![allow(unsafe_code, reason = "sigaction(2) has no safe form")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

pub use rustix::process::Signal;

static WRITE_END: AtomicI32 = AtomicI32::new(-1);

/// Where caught signals come out. One for each process.
#[derive(Debug)]
pub struct Signals {
    read_end: OwnedFd,
    _write_end: OwnedFd,
}

extern "C" fn caught(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write(2) and errno are async-signal-safe; the descriptor stays open as long as the process lives.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(
            WRITE_END.load(Ordering::Relaxed),
            std::ptr::from_ref(&byte).cast(),
            1,
        );
        *libc::__errno_location() = errno;
    }
}

impl Signals {
    /// Catches `signals` from now on.
    pub fn catch(signals: &[Signal]) -> io::Result<Self> {
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (read_end, write_end) = rustix::pipe::pipe_with(flags)?;
        WRITE_END.store(write_end.as_raw_fd(), Ordering::Relaxed);
        for signal in signals {
            // SAFETY: the handler only calls async-signal-safe functions, and the structure is valid when zeroed.
            let failed = unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = caught as *const () as usize;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut()) != 0
            };
            if failed {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Self {
            read_end,
            _write_end: write_end,
        })
    }

    /// Readable when a signal has come.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.read_end)
    }

    /// The signals that came since the last call, each once at least.
    pub fn take(&self) -> Vec<Signal> {
        let mut bytes = [0_u8; 64];
        match rustix::io::read(&self.read_end, &mut bytes) {
            Ok(count) => bytes[..count]
                .iter()
                .filter_map(|&byte| Signal::from_named_raw(i32::from(byte)))
                .collect(),
            Err(_) => Vec::new(),
        }
    }
}
