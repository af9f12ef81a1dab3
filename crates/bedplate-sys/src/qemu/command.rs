//! The command line of a machine: a value first, so that it can be looked at and tested.

use std::fmt;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{Accelerator, Disk};
use crate::child::TiedChild;
use crate::tool::{Tool, ToolError};

/// A machine and what it boots.
#[derive(Debug)]
pub struct MachineConfig {
    /// What executes it.
    pub accelerator: Accelerator,
    /// What it boots.
    pub boot: Boot,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Number of processors.
    pub cpus: u32,
    /// How many network interfaces it has.
    pub networks: u32,
    /// Ports of this machine that lead into the guest, by its first network interface.
    pub forwards: Vec<Forward>,
    /// Disks, in order: `/dev/vda`, `/dev/vdb`, …
    pub disks: Vec<Disk>,
    /// Serial ports, in order: `ttyS0`, `ttyS1`, …; each one end of a pair of stream sockets.
    pub serials: Vec<OwnedFd>,
    /// QEMU's own command port, if it is wanted; likewise.
    pub monitor: Option<OwnedFd>,
}

/// What a machine boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// A kernel, straight away.
    Kernel {
        /// The kernel.
        kernel: PathBuf,
        /// The initrd, if there is one.
        initrd: Option<PathBuf>,
        /// The kernel command line.
        cmdline: String,
    },
    /// A medium, by firmware.
    Firmware {
        /// UEFI: a whole flash image. Without one, the BIOS that QEMU brings.
        uefi: Option<PathBuf>,
        /// What it boots.
        medium: Medium,
        /// OEM strings of the machine (SMBIOS type 11).
        oem_strings: Vec<String>,
    },
}

/// What firmware boots. What the guest writes to it is gone at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medium {
    /// A disk, which comes before all others.
    Disk(Disk),
    /// An optical medium, by its image.
    Optical(PathBuf),
    /// An EFI program.
    Program(PathBuf),
}

/// A forwarded port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// Transport.
    pub transport: Transport,
    /// Address and port on this machine (QEMU forwards from IPv4 only).
    pub host: SocketAddrV4,
    /// Port in the guest.
    pub guest: u16,
}

/// Transport of a forwarded port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP
    #[default]
    Tcp,
    /// UDP
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl MachineConfig {
    /// The arguments for QEMU.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(|&word| word.to_owned()));
        add(&[
            "-no-user-config",
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-machine",
            "q35",
        ]);
        add(&self.accelerator.arguments());
        add(&[
            "-m",
            &format!("{}M", self.memory_mib),
            "-smp",
            &self.cpus.to_string(),
        ]);
        match &self.boot {
            Boot::Kernel {
                kernel,
                initrd,
                cmdline,
            } => {
                add(&["-kernel", &kernel.to_string_lossy(), "-append", cmdline]);
                if let Some(initrd) = initrd {
                    add(&["-initrd", &initrd.to_string_lossy()]);
                }
            }
            Boot::Firmware {
                uefi,
                medium,
                oem_strings,
            } => {
                if let Some(flash) = uefi {
                    add(&["-bios", &flash.to_string_lossy()]);
                }
                let medium = medium.arguments();
                add(&medium.iter().map(String::as_str).collect::<Vec<_>>());
                for string in oem_strings {
                    let value = string.replace(',', ",,");
                    add(&["-smbios", &format!("type=11,value={value}")]);
                }
            }
        }
        for number in 0..self.networks {
            let device = format!("virtio-net-pci,netdev=net{number},romfile=");
            add(&["-netdev", &self.netdev(number), "-device", &device]);
        }
        add(&["-device", "virtio-rng-pci"]);
        for disk in &self.disks {
            add(&[
                "-drive",
                &format!(
                    "if=virtio,format={},file={}",
                    disk.format.driver(),
                    escape(&disk.file)
                ),
            ]);
        }
        for (number, serial) in self.serials.iter().enumerate() {
            let id = format!("serial{number}");
            add(&[
                "-chardev",
                &chardev(&id, serial),
                "-serial",
                &format!("chardev:{id}"),
            ]);
        }
        if let Some(monitor) = &self.monitor {
            add(&[
                "-chardev",
                &chardev("monitor", monitor),
                "-mon",
                "chardev=monitor,mode=readline",
            ]);
        }
        arguments
    }

    /// Starts it; its standard error is a pipe.
    pub fn spawn(self) -> Result<TiedChild, ToolError> {
        let mut tool = Tool::new("qemu-system-x86_64", "qemu-system-x86").args(self.arguments());
        tool.command().stdout(Stdio::null()).stderr(Stdio::piped());
        TiedChild::spawn_with(tool, self.serials.into_iter().chain(self.monitor).collect())
    }

    /// A network of the guest's own that leads outside. Ports are forwarded into the first.
    fn netdev(&self, number: u32) -> String {
        let mut netdev = format!("user,id=net{number}");
        let forwards = self.forwards.iter().filter(|_| number == 0);
        for forward in forwards {
            let Forward {
                transport,
                host,
                guest,
            } = forward;
            netdev.push_str(&format!(
                ",hostfwd={transport}:{}:{}-:{guest}",
                host.ip(),
                host.port()
            ));
        }
        netdev
    }
}

impl Medium {
    fn arguments(&self) -> Vec<String> {
        let drive = |drive: &str, device: &str, driver: &str, file: &Path| {
            let drive = format!(
                "{drive},if=none,id=boot,format={driver},file={}",
                escape(file)
            );
            let device = format!("{device},drive=boot,bootindex=0");
            vec!["-drive".to_owned(), drive, "-device".to_owned(), device]
        };
        match self {
            Self::Disk(Disk { file, format }) => {
                drive("snapshot=on", "virtio-blk-pci", format.driver(), file)
            }
            Self::Optical(file) => drive("media=cdrom,readonly=on", "ide-cd", "raw", file),
            Self::Program(file) => vec!["-kernel".to_owned(), file.to_string_lossy().into_owned()],
        }
    }
}

fn chardev(id: &str, socket: &OwnedFd) -> String {
    format!("socket,id={id},fd={}", socket.as_raw_fd())
}

/// A path as the value of an option: QEMU wants commas twice.
pub(super) fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::DiskFormat;

    #[test]
    fn the_command_line_says_what_the_value_says() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let number = ours.as_raw_fd();
        let config = MachineConfig {
            accelerator: Accelerator::Tcg,
            boot: Boot::Kernel {
                kernel: "/i/web-kernel".into(),
                initrd: Some("/i/web-initrd.img".into()),
                cmdline: "console=ttyS0 x=\"a b\"".into(),
            },
            memory_mib: 512,
            cpus: 2,
            networks: 1,
            forwards: vec![Forward {
                transport: Transport::Tcp,
                host: "127.0.0.1:8080".parse().unwrap(),
                guest: 80,
            }],
            disks: vec![Disk {
                file: "/d/a,b.img".into(),
                format: DiskFormat::Qcow2,
            }],
            serials: vec![ours.into()],
            monitor: None,
        };
        let line = config.arguments().join("\n");
        for expected in [
            "-accel\ntcg,thread=multi\n-cpu\nmax,la57=off,cx16=off\n-m\n512M\n-smp\n2\n",
            "-kernel\n/i/web-kernel\n-append\nconsole=ttyS0 x=\"a b\"\n-initrd\n/i/web-initrd.img\n",
            "-netdev\nuser,id=net0,hostfwd=tcp:127.0.0.1:8080-:80\n",
            "-drive\nif=virtio,format=qcow2,file=/d/a,,b.img\n",
            &format!("-chardev\nsocket,id=serial0,fd={number}\n-serial\nchardev:serial0"),
        ] {
            assert!(line.contains(expected), "{expected:?} is not in\n{line}");
        }
    }
}
