//! mount(2), and options in the form of `mount -o`.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

/// A mount as mount(2) takes it. [`parse_options`] makes the last three from words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `MS_*` bits that the mount itself takes.
    pub flags: u32,
    /// `MS_*` bits of a change of propagation, which the kernel wants in a call of its own.
    pub propagation: u32,
    /// What the file system itself understands, joined with commas.
    pub data: String,
}

/// The `MS_*` bits (mount(2), `linux/mount.h`).
#[allow(missing_docs, reason = "each is the flag of that name")]
pub mod flag {
    pub const RDONLY: u32 = 1;
    pub const NOSUID: u32 = 1 << 1;
    pub const NODEV: u32 = 1 << 2;
    pub const NOEXEC: u32 = 1 << 3;
    pub const SYNCHRONOUS: u32 = 1 << 4;
    pub const REMOUNT: u32 = 1 << 5;
    pub const MANDLOCK: u32 = 1 << 6;
    pub const DIRSYNC: u32 = 1 << 7;
    pub const NOSYMFOLLOW: u32 = 1 << 8;
    pub const NOATIME: u32 = 1 << 10;
    pub const NODIRATIME: u32 = 1 << 11;
    pub const BIND: u32 = 1 << 12;
    pub const REC: u32 = 1 << 14;
    pub const SILENT: u32 = 1 << 15;
    pub const UNBINDABLE: u32 = 1 << 17;
    pub const PRIVATE: u32 = 1 << 18;
    pub const SLAVE: u32 = 1 << 19;
    pub const SHARED: u32 = 1 << 20;
    pub const RELATIME: u32 = 1 << 21;
    pub const STRICTATIME: u32 = 1 << 24;
    pub const LAZYTIME: u32 = 1 << 25;
    /// Those that belong to a mount and not to its file system: a bind mount takes them only when remounted.
    pub const PER_MOUNT: u32 =
        RDONLY | NOSUID | NODEV | NOEXEC | NOATIME | NODIRATIME | RELATIME | NOSYMFOLLOW;
}

/// What a word does to the flags.
enum Word {
    Set(u32),
    Clear(u32),
    Propagation(u32),
    Nothing,
}

fn word(name: &str) -> Option<Word> {
    use flag::*;
    Some(match name {
        "defaults" => Word::Nothing,
        "async" => Word::Clear(SYNCHRONOUS),
        "sync" => Word::Set(SYNCHRONOUS),
        "atime" => Word::Clear(NOATIME),
        "noatime" => Word::Set(NOATIME),
        "diratime" => Word::Clear(NODIRATIME),
        "nodiratime" => Word::Set(NODIRATIME),
        "relatime" => Word::Set(RELATIME),
        "norelatime" => Word::Clear(RELATIME),
        "strictatime" => Word::Set(STRICTATIME),
        "nostrictatime" => Word::Clear(STRICTATIME),
        "lazytime" => Word::Set(LAZYTIME),
        "nolazytime" => Word::Clear(LAZYTIME),
        "bind" => Word::Set(BIND),
        "rbind" => Word::Set(BIND | REC),
        "dev" => Word::Clear(NODEV),
        "nodev" => Word::Set(NODEV),
        "exec" => Word::Clear(NOEXEC),
        "noexec" => Word::Set(NOEXEC),
        "suid" => Word::Clear(NOSUID),
        "nosuid" => Word::Set(NOSUID),
        "nosymfollow" => Word::Set(NOSYMFOLLOW),
        "symfollow" => Word::Clear(NOSYMFOLLOW),
        "dirsync" => Word::Set(DIRSYNC),
        "mand" => Word::Set(MANDLOCK),
        "nomand" => Word::Clear(MANDLOCK),
        "silent" => Word::Set(SILENT),
        "loud" => Word::Clear(SILENT),
        "remount" => Word::Set(REMOUNT),
        "ro" => Word::Set(RDONLY),
        "rw" => Word::Clear(RDONLY),
        "private" => Word::Propagation(PRIVATE),
        "rprivate" => Word::Propagation(PRIVATE | REC),
        "shared" => Word::Propagation(SHARED),
        "rshared" => Word::Propagation(SHARED | REC),
        "slave" => Word::Propagation(SLAVE),
        "rslave" => Word::Propagation(SLAVE | REC),
        "unbindable" => Word::Propagation(UNBINDABLE),
        "runbindable" => Word::Propagation(UNBINDABLE | REC),
        _ => return None,
    })
}

/// Sorts words of `mount -o` (mount(8), and OCI's `rbind`, `rshared`, …) into flags and data. A word
/// that is none of the known ones is for the file system; a later word wins over an earlier one.
pub fn parse_options<S: AsRef<str>>(words: &[S]) -> Options {
    let mut options = Options::default();
    let mut data: Vec<&str> = Vec::new();
    for name in words
        .iter()
        .map(AsRef::as_ref)
        .flat_map(|words| words.split(','))
        .filter(|name| !name.is_empty())
    {
        match word(name) {
            Some(Word::Set(bits)) => options.flags |= bits,
            Some(Word::Clear(bits)) => options.flags &= !bits,
            Some(Word::Propagation(bits)) => options.propagation = bits,
            Some(Word::Nothing) => {}
            None => data.push(name),
        }
    }
    options.data = data.join(",");
    options
}

/// Mounts. What the kernel wants in several calls (flags of a bind mount, propagation) is done in several.
pub fn mount(source: &str, target: &Path, kind: &str, options: &Options) -> io::Result<()> {
    let only_propagation = options.propagation != 0 && options.flags == 0 && kind.is_empty();
    if !only_propagation {
        let data = CString::new(options.data.as_str())?;
        let flags = MountFlags::from_bits_retain(options.flags);
        let data = (!options.data.is_empty()).then_some(data.as_c_str());
        rustix::mount::mount(source, target, kind, flags, data)?;
    }
    let per_mount = options.flags & flag::PER_MOUNT;
    if options.flags & flag::BIND != 0 && options.flags & flag::REMOUNT == 0 && per_mount != 0 {
        let flags = MountFlags::from_bits_retain(flag::BIND | per_mount);
        rustix::mount::mount_remount(target, flags, c"")?;
    }
    if options.propagation != 0 {
        rustix::mount::mount_change(
            target,
            MountPropagationFlags::from_bits_retain(options.propagation),
        )?;
    }
    Ok(())
}

/// Moves a mount to another place.
pub fn move_mount(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::mount::mount_move(from, to)?)
}

/// How thoroughly to unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmount {
    /// Only if nothing uses it.
    IfUnused,
    /// Take it out of the tree now; it ends when its last user is gone.
    Detach,
}

/// Unmounts what is mounted last at `target`.
pub fn unmount(target: &Path, how: Unmount) -> io::Result<()> {
    let flags = match how {
        Unmount::IfUnused => UnmountFlags::NOFOLLOW,
        Unmount::Detach => UnmountFlags::DETACH | UnmountFlags::NOFOLLOW,
    };
    Ok(rustix::mount::unmount(target, flags)?)
}

/// Copies what is mounted at a path, with what is mounted below it or without, for [`attach`]. The copy is
/// in no tree yet, and can be carried into another mount namespace.
pub fn copy(path: &Path, below: Below) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if below == Below::Included {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(rustix::fs::CWD, path, flags)?)
}

/// Does a copy take what is mounted below?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Yes.
    Included,
    /// No.
    LeftOut,
}

/// Mounts a copy.
pub fn attach(copy: &OwnedFd, target: &Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(rustix::mount::move_mount(
        copy,
        c"",
        rustix::fs::CWD,
        target,
        flags,
    )?)
}

/// Makes the working directory this process's root.
pub fn enter_root_here() -> io::Result<()> {
    rustix::process::chroot(".")?;
    Ok(rustix::process::chdir("/")?)
}

#[cfg(test)]
mod tests {
    use super::flag::*;
    use super::*;

    #[test]
    fn words_are_sorted_into_flags_propagation_and_data() {
        let options = parse_options(&[
            "rw",
            "nosuid",
            "noexec,nodev",
            "mode=755",
            "size=65536k",
            "rslave",
        ]);
        assert_eq!(
            options,
            Options {
                flags: NOSUID | NOEXEC | NODEV,
                propagation: SLAVE | REC,
                data: "mode=755,size=65536k".into()
            }
        );
    }

    #[test]
    fn a_later_word_wins() {
        assert_eq!(parse_options(&["ro", "rw"]).flags, 0);
        assert_eq!(
            parse_options(&["rbind", "rw", "ro"]).flags,
            BIND | REC | RDONLY
        );
        assert_eq!(parse_options(&["defaults", ""]), Options::default());
    }

    #[test]
    fn overlay_options_are_data() {
        let options = parse_options(&["lowerdir=/a", "upperdir=/b/upper", "workdir=/b/work"]);
        assert_eq!(
            options.data,
            "lowerdir=/a,upperdir=/b/upper,workdir=/b/work"
        );
        assert_eq!(options.flags, 0);
    }
}
