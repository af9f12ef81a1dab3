//! The programs that run inside hosts: where a build takes them from, and that they fit the host.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;

use bedplate_boot::{INIT, RUNTIME};
use bedplate_types::Arch;

use crate::BuildError;

/// PID 1 and the container runtime of hosts with `init: [bedplate]`, and the tools of containers, as programs for one
/// architecture.
#[derive(Debug, Clone)]
pub enum Programs {
    /// The files `bedplate-init`, `bedplate-runtime` and `bedplate-tools` of this directory.
    Directory(PathBuf),
    /// Their bytes.
    Embedded {
        /// `bedplate-init`
        init: &'static [u8],
        /// `bedplate-runtime`
        runtime: &'static [u8],
        /// `bedplate-tools`
        tools: &'static [u8],
    },
}

/// A program's place in the host, and its bytes.
type Placed = (&'static str, Cow<'static, [u8]>);

impl Programs {
    /// Each program's place in the host and its bytes, which run on `arch`.
    pub(crate) fn load(&self, arch: Arch) -> Result<[Placed; 2], BuildError> {
        Ok([
            (INIT, self.program("bedplate-init", arch)?),
            (RUNTIME, self.program("bedplate-runtime", arch)?),
        ])
    }

    /// The bytes of `bedplate-init`, which run on `arch`.
    pub(crate) fn init(&self, arch: Arch) -> Result<Cow<'static, [u8]>, BuildError> {
        self.program("bedplate-init", arch)
    }

    /// The bytes of `bedplate-tools`, which run on `arch`.
    pub(crate) fn tools(&self, arch: Arch) -> Result<Cow<'static, [u8]>, BuildError> {
        self.program("bedplate-tools", arch)
    }

    fn program(&self, name: &str, arch: Arch) -> Result<Cow<'static, [u8]>, BuildError> {
        let bytes = match self {
            Self::Directory(directory) => {
                let path = directory.join(name);
                let doing = format!("read {}", path.display());
                let bytes = fs::read(path).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => BuildError::NoProgram {
                        name: name.to_owned(),
                        directory: directory.clone(),
                    },
                    _ => BuildError::io(doing)(error),
                });
                Cow::Owned(bytes?)
            }
            Self::Embedded {
                init,
                runtime,
                tools,
            } => match name {
                "bedplate-init" => Cow::Borrowed(*init),
                "bedplate-tools" => Cow::Borrowed(*tools),
                _ => Cow::Borrowed(*runtime),
            },
        };
        let machine = elf_machine(&bytes).map_err(BuildError::io(format!("use {name}")))?;
        if machine == Some(arch) {
            return Ok(bytes);
        }
        Err(BuildError::Input {
            what: format!("{name} is not a program for {arch}"),
            hint: Some(format!(
                "build it for {arch}, and name its directory in BEDPLATE_GUEST_DIR"
            )),
        })
    }
}

/// Which architecture an ELF file is for (`e_machine`, ELF-64 object file format), if hosts have it.
fn elf_machine(bytes: &[u8]) -> io::Result<Option<Arch>> {
    let header = bytes.get(..20).filter(|head| head.starts_with(b"\x7fELF"));
    let header =
        header.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no ELF program"))?;
    Ok(match u16::from_le_bytes([header[18], header[19]]) {
        62 => Some(Arch::Amd64),
        183 => Some(Arch::Arm64),
        243 => Some(Arch::Riscv64),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u8) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[18] = machine;
        bytes
    }

    #[test]
    fn a_program_for_another_machine_is_refused() {
        let of = |bytes: [u8; 64]| {
            let bytes: &'static [u8] = Box::leak(Box::new(bytes));
            Programs::Embedded {
                init: bytes,
                runtime: bytes,
                tools: bytes,
            }
        };
        assert!(of(elf(62)).load(Arch::Amd64).is_ok());
        let error = of(elf(183)).load(Arch::Amd64).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bedplate-init is not a program for amd64"
        );
        assert!(of([0; 64]).load(Arch::Amd64).is_err());
    }
}
