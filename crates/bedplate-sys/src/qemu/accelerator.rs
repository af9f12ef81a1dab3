//! The choice of an accelerator.
//!
//! That `/dev/kvm` opens says little: inside many virtual machines it opens, and guests die under it.
//! So a tiny guest is run under it once ([`probe`](super::probe)), and the answer kept until the
//! machine reboots or QEMU changes:
//!
//! ```text
//! CACHE/kvm-probe     BOOT-ID <space> VERSION OF QEMU <newline> yes|no <newline>
//! ```

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use super::probe;
use crate::replace::ReplacedFile;
use crate::tool::{Tool, ToolError};

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator: works everywhere, ten to thirty times slower.
    Tcg,
}

impl Accelerator {
    /// The arguments for QEMU. With plain `-cpu max`, QEMU 7.2's translator crashes Linux 6.12 at random:
    /// it offers LA57 and CMPXCHG16B and does not do them right.
    pub fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => [
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "max,la57=off,cx16=off",
            ],
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// Which accelerator is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AcceleratorChoice {
    /// The fastest that works.
    #[default]
    Auto,
    /// This one.
    Only(Accelerator),
}

/// A text that names no accelerator.
#[derive(Debug, thiserror::Error)]
#[error("unknown accelerator `{0}` (known: auto, kvm, tcg)")]
pub struct UnknownAccelerator(String);

impl FromStr for AcceleratorChoice {
    type Err = UnknownAccelerator;

    fn from_str(text: &str) -> Result<Self, UnknownAccelerator> {
        match text {
            "auto" => Ok(Self::Auto),
            "kvm" => Ok(Self::Only(Accelerator::Kvm)),
            "tcg" => Ok(Self::Only(Accelerator::Tcg)),
            other => Err(UnknownAccelerator(other.to_owned())),
        }
    }
}

/// An accelerator, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Which.
    pub accelerator: Accelerator,
    /// A phrase for people, such as "the probe guest died under kvm".
    pub reason: String,
}

/// Decides which accelerator a machine gets. `cache` is a directory where the probe's answer is kept.
pub fn choose(choice: AcceleratorChoice, cache: Option<&Path>) -> Result<Chosen, ToolError> {
    let chosen = |accelerator, reason: &str| {
        Ok(Chosen {
            accelerator,
            reason: reason.to_owned(),
        })
    };
    if let AcceleratorChoice::Only(accelerator) = choice {
        return chosen(accelerator, "as asked for");
    }
    if let Err(error) = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
    {
        return chosen(
            Accelerator::Tcg,
            &format!("/dev/kvm cannot be opened: {error}"),
        );
    }
    let key = cache_key()?;
    let works = match cache.and_then(|cache| remembered(cache, &key)) {
        Some(works) => works,
        None => {
            let works = probe::guest_lives(Accelerator::Kvm)?;
            remember(cache, &key, works);
            works
        }
    };
    match works {
        true => chosen(Accelerator::Kvm, "a probe guest runs under it"),
        false => chosen(
            Accelerator::Tcg,
            "/dev/kvm is there, but guests die under it",
        ),
    }
}

/// Keeps in mind that guests die under KVM although the probe lived.
pub fn remember_failure(cache: &Path) {
    if let Ok(key) = cache_key() {
        remember(Some(cache), &key, false);
    }
}

/// Does this line of QEMU's standard error say that KVM cannot run the guest?
pub fn said_no(line: &str) -> bool {
    [
        "KVM internal error",
        "emulation failure",
        "failed to set MSR",
        "kvm_buf_set_msrs",
        "failed to initialize kvm",
    ]
    .iter()
    .any(|sign| line.contains(sign))
}

fn cache_key() -> Result<String, ToolError> {
    let version = Tool::new("qemu-system-x86_64", "qemu-system-x86")
        .arg("--version")
        .output()?;
    let version = String::from_utf8_lossy(&version);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Ok(format!(
        "{} {}",
        boot.trim(),
        version.lines().next().unwrap_or_default().trim()
    ))
}

fn remembered(cache: &Path, key: &str) -> Option<bool> {
    let text = fs::read_to_string(cache.join("kvm-probe")).ok()?;
    match text.strip_prefix(key)?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn remember(cache: Option<&Path>, key: &str, works: bool) {
    let Some(cache) = cache else { return };
    let answer = if works { "yes" } else { "no" };
    // What cannot be kept is found out again the next time.
    let _ = fs::create_dir_all(cache).and_then(|()| {
        let mut file = ReplacedFile::create(&cache.join("kvm-probe"))?;
        writeln!(file, "{key}\n{answer}")?;
        file.commit()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_probes_answer_counts_until_the_next_boot_or_qemu() {
        let cache = Scratch::directory_in(&std::env::temp_dir()).unwrap();
        assert_eq!(remembered(cache.path(), "boot1 qemu7"), None);
        remember(Some(cache.path()), "boot1 qemu7", false);
        assert_eq!(remembered(cache.path(), "boot1 qemu7"), Some(false));
        assert_eq!(remembered(cache.path(), "boot2 qemu7"), None);
        remember(Some(cache.path()), "boot2 qemu7", true);
        assert_eq!(remembered(cache.path(), "boot2 qemu7"), Some(true));
    }

    #[test]
    fn an_accelerator_that_is_asked_for_is_not_probed() {
        let chosen = choose("tcg".parse().unwrap(), None).unwrap();
        assert_eq!(chosen.accelerator, Accelerator::Tcg);
        assert!("xen".parse::<AcceleratorChoice>().is_err());
    }
}
