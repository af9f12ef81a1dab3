//! Decisions before anything is started: memory, ports, disks, accelerator.

use std::fs::File;
use std::path::Path;

use bedplate_sys::qemu::{self, Disk, DiskFormat, Transport};
use bedplate_sys::tool::{Tool, ToolError};
use bedplate_types::ByteSize;

use crate::error::RunError;
use crate::event::{Forwarded, RunEvent};
use crate::http::HttpUrl;
use crate::image::HostImage;
use crate::machine::{FIRMWARE, Machine, MachineOptions};
use crate::medium::Firmware;
use crate::memory::Need;
use crate::options::{DiskOption, Memory, RunOptions};
use crate::ports;
use crate::serving;

/// A machine that is ready to be started.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What it is made of.
    pub machine: MachineOptions,
    /// Why it has this accelerator.
    pub reason: String,
}

impl Prepared {
    /// Decides all that can be decided before the start, and makes disks that are missing.
    pub fn new(options: &RunOptions) -> Result<Self, RunError> {
        let image = HostImage::find(&options.image, options.name.as_deref())?;
        let firmware = image.medium.firmware(options.firmware)?;
        let cmdline = format!("{} {}", image.cmdline, options.cmdline_append)
            .trim()
            .to_owned();
        let cmdline = match image.asks_server {
            false => cmdline,
            true => {
                let directory = image.medium.file().parent().unwrap_or(Path::new(""));
                let url = serving::serve(directory, &image.name)
                    .map_err(RunError::io("serve the root image"))?;
                format!("{cmdline} bedplate.root={url}")
            }
        };
        let memory = memory(options.memory, &Need::of(&image, &cmdline)?)?;
        if options.networks == 0 && !options.publish.is_empty() {
            let message = "a machine without a network has no ports to publish";
            return Err(RunError::option(
                message,
                "leave --net none or --publish out",
            ));
        }
        let forwards = ports::settle(&options.publish).map_err(RunError::io("find a free port"))?;
        if let Some(url) = &options.wait_for {
            answerable(url, &forwards)?;
        }
        let disks = options
            .disks
            .iter()
            .map(ensure_disk)
            .collect::<Result<_, _>>()?;
        if firmware == Some(Firmware::Uefi) && !Path::new(FIRMWARE).is_file() {
            return Err(ToolError::Missing {
                program: "UEFI firmware",
                package: "ovmf",
            }
            .into());
        }
        let chosen = qemu::choose(options.accelerator, options.cache.as_deref())?;
        let machine = MachineOptions {
            image,
            firmware,
            cmdline,
            accelerator: chosen.accelerator,
            memory_mib: memory.0 >> 20,
            cpus: options.cpus.max(1),
            networks: options.networks,
            forwards,
            disks,
        };
        Ok(Self {
            machine,
            reason: chosen.reason,
        })
    }

    pub(super) fn started(&self, machine: &Machine) -> RunEvent {
        let options = &self.machine;
        RunEvent::Started {
            pid: machine.pid(),
            kernel: options.image.medium.file().to_owned(),
            accelerator: options.accelerator,
            reason: self.reason.clone(),
            memory_mib: options.memory_mib,
            cpus: options.cpus,
            forwards: options.forwards.clone(),
        }
    }

    /// Was any port chosen here?
    pub(super) fn chose_ports(&self, options: &RunOptions) -> bool {
        options.publish.iter().any(|one| one.host == 0)
    }

    /// The URL to wait for, as it is reached from here.
    pub(super) fn url(&self, options: &RunOptions) -> Option<HttpUrl> {
        options
            .wait_for
            .as_ref()
            .and_then(|url| answerable(url, &self.machine.forwards).ok())
    }
}

fn memory(asked: Memory, need: &Need) -> Result<ByteSize, RunError> {
    match asked {
        Memory::AsNeeded => Ok(need.recommended()),
        Memory::Given(given) if given < need.minimum() => {
            Err(RunError::TooLittleMemory { given, need: *need })
        }
        Memory::Given(given) | Memory::Forced(given) => Ok(given),
    }
}

/// The URL with the address and port that lead to it.
fn answerable(url: &HttpUrl, forwards: &[Forwarded]) -> Result<HttpUrl, RunError> {
    let leads = |one: &&Forwarded| match url.host.as_str() {
        "guest" => one.guest == url.port,
        "localhost" => one.host.port() == url.port,
        host => {
            one.host.port() == url.port
                && (one.host.ip().is_unspecified() || one.host.ip().to_string() == host)
        }
    };
    let found = forwards
        .iter()
        .filter(|one| one.transport == Transport::Tcp)
        .find(leads);
    let Some(forward) = found else {
        let hint = "publish it, as in --publish 80 --wait-for http://guest:80/";
        return Err(RunError::option(
            format!("`{url}` is no published port"),
            hint,
        ));
    };
    let ip = if forward.host.ip().is_unspecified() {
        "127.0.0.1".to_owned()
    } else {
        forward.host.ip().to_string()
    };
    Ok(HttpUrl {
        host: ip,
        port: forward.host.port(),
        path: url.path.clone(),
    })
}

fn ensure_disk(disk: &DiskOption) -> Result<Disk, RunError> {
    if !disk.file.exists() {
        make_disk(disk)?;
    }
    let file =
        std::path::absolute(&disk.file).map_err(RunError::io("find the working directory"))?;
    Ok(Disk {
        file,
        format: disk.format,
    })
}

fn make_disk(disk: &DiskOption) -> Result<(), RunError> {
    let path: &Path = &disk.file;
    let Some(size) = disk.size else {
        let message = format!("the disk `{}` does not exist", path.display());
        return Err(RunError::option(message, "give size=1G, and it is made"));
    };
    match disk.format {
        DiskFormat::Raw => File::create_new(path)
            .and_then(|file| file.set_len(size.0))
            .map_err(RunError::io(format!("make the disk {}", path.display()))),
        format => {
            let tool =
                Tool::new("qemu-img", "qemu-utils").args(["create", "-q", "-f", format.driver()]);
            tool.arg(path).arg(size.0.to_string()).output()?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_must_be_a_published_port() {
        let publish = ["127.0.0.1:8080:80".parse().unwrap()];
        let forwards = ports::settle(&publish).unwrap();
        let reach =
            |url: &str| answerable(&url.parse().unwrap(), &forwards).map(|url| url.to_string());
        assert_eq!(
            reach("http://localhost:8080/x").unwrap(),
            "http://127.0.0.1:8080/x"
        );
        assert_eq!(
            reach("http://127.0.0.1:8080").unwrap(),
            "http://127.0.0.1:8080/"
        );
        assert_eq!(reach("http://guest/").unwrap(), "http://127.0.0.1:8080/");
        for bad in [
            "http://guest:81/",
            "http://localhost/",
            "http://10.0.0.1:8080/",
        ] {
            assert!(reach(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn too_little_memory_is_refused_with_the_figures() {
        let need = Need {
            kernel: 50 << 20,
            initrd: 60 << 20,
            root: 500 << 20,
            tmpfs: false,
        };
        let error = memory(Memory::Given(ByteSize(256 << 20)), &need).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("256.0 MiB of memory cannot hold this host"),
            "{error}"
        );
        assert!(
            error.to_string().contains("unpacked root 500.0 MiB"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("--mem 690M"), "{error:?}");
        assert_eq!(
            memory(Memory::Forced(ByteSize(1)), &need).unwrap(),
            ByteSize(1)
        );
    }

    #[test]
    fn a_missing_disk_is_made_where_its_size_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data.img");
        let without = DiskOption {
            file: file.clone(),
            size: None,
            format: DiskFormat::Raw,
        };
        assert!(
            ensure_disk(&without)
                .unwrap_err()
                .to_string()
                .contains("does not exist")
        );
        ensure_disk(&DiskOption {
            size: Some(ByteSize(1 << 20)),
            ..without.clone()
        })
        .unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 1 << 20);
        ensure_disk(&without).unwrap();
    }
}
