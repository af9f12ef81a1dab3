//! The worker's root: a tmpfs, with what programs expect in `/proc`, `/dev`, `/run` and `/tmp`.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::mounting::{Options, Unmount, flag, mount, unmount};

/// Devices that are the machine's own; others are not there.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Where something is mounted in the root, and what the directory below it is.
const SPECIAL: [(&str, u32); 5] = [
    ("proc", 0o555),
    ("sys", 0o555),
    ("dev", 0o755),
    ("run", 0o755),
    ("tmp", 0o1777),
];
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Makes a tmpfs of at most `size` bytes this process's root. `at` is a directory to mount it on for a moment.
/// In it are only `/proc`, `/dev`, `/run` and `/tmp`, mounted as programs expect them, and an empty `/sys`.
/// What was visible before is gone; descriptors that are open stay so. For a worker.
pub fn enter_memory_root(at: &Path, size: u64) -> io::Result<()> {
    change_propagation()?;
    let options = Options {
        data: format!("size={size},mode=755,nr_inodes=0"),
        ..Options::default()
    };
    mount("tmpfs", at, "tmpfs", &options)?;
    for (name, mode) in SPECIAL {
        fs::create_dir(at.join(name))?;
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode))?;
    }
    mount_special(at)?;
    rustix::system::sethostname(b"localhost")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::chdir(at)?;
    // The new root lies over the old one, which is then taken away from below it (pivot_root(2)).
    rustix::process::pivot_root(".", ".")?;
    unmount(Path::new("."), Unmount::Detach)?;
    Ok(rustix::process::chdir("/")?)
}

fn change_propagation() -> io::Result<()> {
    let private = Options {
        propagation: flag::PRIVATE | flag::REC,
        ..Options::default()
    };
    mount("none", Path::new("/"), "", &private)
}

fn mount_special(at: &Path) -> io::Result<()> {
    let flags = flag::NOSUID | flag::NODEV | flag::NOEXEC;
    let plain = |data: &str| Options {
        flags,
        data: data.to_owned(),
        ..Options::default()
    };
    mount("proc", &at.join("proc"), "proc", &plain("")).map_err(|e| {
        named(
            e,
            "cannot mount a new /proc (is part of the machine's hidden?)",
        )
    })?;
    // Programs run from `/tmp` and `/run` here as they would on a machine.
    let runnable = |data: &str| Options {
        flags: flag::NOSUID | flag::NODEV,
        data: data.to_owned(),
        ..Options::default()
    };
    mount("tmpfs", &at.join("run"), "tmpfs", &runnable("mode=755"))?;
    mount("tmpfs", &at.join("tmp"), "tmpfs", &runnable("mode=1777"))?;
    let dev = at.join("dev");
    let devices = Options {
        flags: flag::NOSUID | flag::NOEXEC,
        data: "mode=755,size=1m".to_owned(),
        ..Options::default()
    };
    mount("tmpfs", &dev, "tmpfs", &devices)?;
    let bind = Options {
        flags: flag::BIND,
        ..Options::default()
    };
    for name in DEVICES {
        fs::write(dev.join(name), "")?;
        mount(&format!("/dev/{name}"), &dev.join(name), "", &bind)?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(dev.join(name))?;
    }
    let terminals = Options {
        flags: flag::NOSUID | flag::NOEXEC,
        data: "newinstance,ptmxmode=0666,mode=620,gid=5".to_owned(),
        ..Options::default()
    };
    mount("devpts", &dev.join("pts"), "devpts", &terminals)?;
    fs::set_permissions(dev.join("shm"), fs::Permissions::from_mode(0o1777))?;
    LINKS
        .iter()
        .try_for_each(|(target, name)| symlink(target, dev.join(name)))
}

/// Takes away what is mounted in the root; the directories stay, empty.
pub fn unmount_special() -> io::Result<()> {
    for name in ["/proc", "/dev", "/run", "/tmp"] {
        unmount(Path::new(name), Unmount::Detach)?;
    }
    Ok(())
}

/// How many bytes of memory new programs could have without swapping.
pub fn available_memory() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn named(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Opens a file by its path in a directory that was opened before the root changed.
pub fn open_in(directory: &fs::File, path: &Path) -> io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, path, flags, Mode::empty())?.into())
}
