//! The root that the kernel unpacked, made one that containers can leave.
//!
//! The kernel unpacks an initramfs onto `rootfs`, and pivot_root(2) refuses to work there. So the root is
//! bound onto a directory of its own, that mount is moved over `/` and entered: the same files under a
//! mount that is like any other. Nothing is copied, so a host needs its size in memory once.

use std::fs;
use std::io;
use std::path::Path;

use bedplate_boot::COMPLETE_MARKER;
use bedplate_sys::mounting;

/// The root did not arrive whole.
#[derive(Debug, thiserror::Error)]
#[error(
    "the initramfs did not unpack whole: `{COMPLETE_MARKER}`, its last entry, is missing. This machine has {total_mib} MiB \
     of memory, of which {free_mib} MiB are free; give it more"
)]
pub struct Incomplete {
    /// Memory of the machine.
    pub total_mib: u64,
    /// What is left of it.
    pub free_mib: u64,
}

/// Was the last entry of the archive unpacked? Needs `/proc` for its figures only.
pub fn check_completeness() -> Result<(), Incomplete> {
    if Path::new(COMPLETE_MARKER).exists() {
        return Ok(());
    }
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Err(Incomplete {
        total_mib: mebibytes(&text, "MemTotal:"),
        free_mib: mebibytes(&text, "MemFree:"),
    })
}

fn mebibytes(meminfo: &str, key: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) / 1024
}

/// Puts the root on a mount of its own.
pub fn enter_own_mount() -> io::Result<()> {
    // Any directory will do; `/run` is hidden below a tmpfs soon.
    let place = Path::new("/run");
    fs::create_dir_all(place)?;
    mounting::mount("/", place, "", &mounting::parse_options(&["bind"]))?;
    std::env::set_current_dir(place)?;
    mounting::move_mount(Path::new("."), Path::new("/"))?;
    mounting::enter_root_here()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mebibytes() {
        let text = "MemTotal:         494044 kB\nMemFree:            1030 kB\n";
        assert_eq!(
            (mebibytes(text, "MemTotal:"), mebibytes(text, "MemFree:")),
            (482, 1)
        );
        assert_eq!(mebibytes(text, "SwapFree:"), 0);
    }
}
