//! Consoles and serial ports.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{ControlModes, OptionalActions, speed};

/// Opens a serial port for a protocol: raw, 115,200 baud, no modem lines, not blocking.
pub fn open_raw(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = rustix::fs::open(path, flags, Mode::empty())?;
    // A port that is no terminal (a virtio console of another kind, say) is raw already.
    if let Ok(mut settings) = rustix::termios::tcgetattr(&port) {
        settings.make_raw();
        settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        settings.control_modes -= ControlModes::CRTSCTS;
        settings.set_speed(speed::B115200)?;
        rustix::termios::tcsetattr(&port, OptionalActions::Now, &settings)?;
    }
    Ok(port)
}

/// Waits until all that was written is out.
pub fn drain(port: &OwnedFd) {
    // What cannot be drained has nobody to tell.
    let _ = rustix::termios::tcdrain(port);
}

/// Opens a console for reading and writing.
pub fn open_console(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Makes `console` standard input, output and error of this process.
pub fn adopt(console: &OwnedFd) -> io::Result<()> {
    rustix::stdio::dup2_stdin(console)?;
    rustix::stdio::dup2_stdout(console)?;
    Ok(rustix::stdio::dup2_stderr(console)?)
}
