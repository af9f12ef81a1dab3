//! What a program took: wall time, processor time, memory.

use std::io;
use std::time::{Duration, Instant};

use crate::tool::{Tool, ToolError};

/// What a program took, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// By the clock.
    pub wall: Duration,
    /// On processors, in the program itself.
    pub user: Duration,
    /// On processors, in the kernel.
    pub system: Duration,
    /// The most memory that it held at one time, in bytes (`ru_maxrss`).
    pub memory: u64,
    /// Did it end with 0?
    pub success: bool,
}

/// Runs `tool` to its end. What its own children took counts if it waited for them; of their memory, the most that
/// one held.
#[allow(unsafe_code, reason = "wait4(2) has no safe form")]
pub fn measure(tool: Tool) -> Result<Usage, ToolError> {
    let program = tool.program();
    let began = Instant::now();
    let child = tool.spawn()?;
    let pid = i32::try_from(child.id()).expect("process ids fit");
    let mut status = 0;
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call. `child` is not waited for in any other way.
    while unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
        let source = io::Error::last_os_error();
        if source.kind() != io::ErrorKind::Interrupted {
            return Err(ToolError::Start { program, source });
        }
    }
    let time = |value: libc::timeval| {
        let micros = value.tv_sec * 1_000_000 + value.tv_usec;
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    };
    Ok(Usage {
        wall: began.elapsed(),
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        memory: u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024,
        success: libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_measured() {
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let usage = measure(Tool::new("sh", "dash").args(["-c", script])).unwrap();
        assert!(
            usage.success && usage.memory > 100 << 10 && usage.wall >= usage.user / 2,
            "{usage:?}"
        );
        assert!(usage.user + usage.system > Duration::ZERO, "{usage:?}");
        assert!(!measure(Tool::new("false", "coreutils")).unwrap().success);
    }
}
