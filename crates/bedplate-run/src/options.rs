//! What a run is asked to do, as typed values; the command line's own forms parse into them.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bedplate_sys::qemu::{AcceleratorChoice, DiskFormat, Transport};
use bedplate_types::ByteSize;

use crate::error::RunError;
use crate::event::Interrupts;
use crate::http::HttpUrl;
use crate::medium::Firmware;

/// All that [`run`](crate::run()) takes.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Output directory of a build, one of its files, or a directory and the name as `DIR/NAME`.
    pub image: PathBuf,
    /// Which host of the directory.
    pub name: Option<String>,
    /// What boots it; nothing for what its form needs.
    pub firmware: Option<Firmware>,
    /// Memory of the machine.
    pub memory: Memory,
    /// Processors of the machine.
    pub cpus: u32,
    /// Network interfaces of the machine, each in a network of its own that leads outside.
    pub networks: u32,
    /// Ports to forward, by the first network interface.
    pub publish: Vec<Publish>,
    /// Disks to attach: `/dev/vda`, `/dev/vdb`, …
    pub disks: Vec<DiskOption>,
    /// Appended to the kernel command line.
    pub cmdline_append: String,
    /// What executes the guest.
    pub accelerator: AcceleratorChoice,
    /// Where the guest's console goes.
    pub console: ConsoleTo,
    /// Wait until this answers with a status of 200 to 399. Its port must be published; the host name `guest`
    /// stands for whatever leads to that port of the guest.
    pub wait_for: Option<HttpUrl>,
    /// Commands to run in the host, one after another, until one fails.
    pub exec: Vec<Exec>,
    /// After waiting and commands: power off, or go on until the host goes down by itself?
    pub keep: bool,
    /// How long the host may take to be up, and `wait_for` to answer, from the start; no limit where absent.
    pub timeout: Option<Duration>,
    /// Where the answer of the accelerator's probe is kept.
    pub cache: Option<PathBuf>,
    /// Rung by whoever catches SIGINT and SIGTERM.
    pub interrupts: Interrupts,
}

impl RunOptions {
    /// Runs `image` with its console on standard input and output until it goes down.
    pub fn new(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            name: None,
            firmware: None,
            memory: Memory::default(),
            cpus: 1,
            networks: 1,
            publish: Vec::new(),
            disks: Vec::new(),
            cmdline_append: String::new(),
            accelerator: AcceleratorChoice::default(),
            console: ConsoleTo::default(),
            wait_for: None,
            exec: Vec::new(),
            keep: false,
            timeout: None,
            cache: None,
            interrupts: Interrupts::default(),
        }
    }

    /// Does the run end by itself once its work is done?
    pub(crate) fn is_script(&self) -> bool {
        !self.keep && (self.wait_for.is_some() || !self.exec.is_empty())
    }
}

/// Memory of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Memory {
    /// What the host needs, and some to work with.
    #[default]
    AsNeeded,
    /// This much; refused if the initramfs cannot unpack in it.
    Given(ByteSize),
    /// This much, come what may.
    Forced(ByteSize),
}

/// Where the guest's console goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ConsoleTo {
    /// Input from standard input; output as [`RunEvent::Console`](crate::RunEvent).
    #[default]
    Stdio,
    /// Output into a file, which is replaced.
    File(PathBuf),
    /// Nowhere; its end is still kept for error messages.
    None,
}

impl FromStr for ConsoleTo {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        match text {
            "stdio" => Ok(Self::Stdio),
            "none" => Ok(Self::None),
            _ => match text.strip_prefix("file:") {
                Some(path) if !path.is_empty() => Ok(Self::File(path.into())),
                _ => Err(RunError::option(
                    format!("unknown console `{text}`"),
                    "write stdio, none or file:PATH",
                )),
            },
        }
    }
}

/// A command to run in the host: words with quotes as a shell has them, and nothing else of a shell;
/// `@NAME` before it runs it in the container of that service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// The service; the host's own root where absent.
    pub container: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
}

impl FromStr for Exec {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let bad = |why| {
            RunError::option(
                format!("`{text}` {why}"),
                "write a command such as \"@web sh -c 'ls /data'\"",
            )
        };
        let mut command = words(text).ok_or_else(|| bad("has a quote that does not end"))?;
        let container = command
            .first()
            .and_then(|word| word.strip_prefix('@'))
            .map(str::to_owned);
        if container.is_some() {
            command.remove(0);
        }
        match command.is_empty() {
            true => Err(bad("is no command")),
            false => Ok(Self { container, command }),
        }
    }
}

fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => word.push(chars.next()?),
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// A port to forward: `[[ADDRESS:]PORT:]GUEST[/tcp|/udp]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish {
    /// Address here.
    pub address: Ipv4Addr,
    /// Port here; 0 for any that is free.
    pub host: u16,
    /// Port in the guest.
    pub guest: u16,
    /// Transport.
    pub transport: Transport,
}

impl FromStr for Publish {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let bad = || {
            let hint =
                "write [[ADDRESS:]PORT:]GUEST[/udp], such as 8080:80, or 80 for any free port";
            RunError::option(format!("`{text}` is no port to publish"), hint)
        };
        let (ports, transport) = match text.rsplit_once('/') {
            None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Transport::Tcp),
            Some((ports, "udp")) => (ports, Transport::Udp),
            Some(_) => return Err(bad()),
        };
        let parts: Vec<&str> = ports.split(':').collect();
        let (address, host, guest) = match parts[..] {
            [guest] => ("", "", guest),
            [host, guest] => ("", host, guest),
            [address, host, guest] => (address, host, guest),
            _ => return Err(bad()),
        };
        let address = if address.is_empty() {
            Ipv4Addr::LOCALHOST
        } else {
            address.parse().map_err(|_| bad())?
        };
        let host = if host.is_empty() {
            0
        } else {
            host.parse().map_err(|_| bad())?
        };
        match guest.parse() {
            Ok(guest) if guest > 0 => Ok(Self {
                address,
                host,
                guest,
                transport,
            }),
            _ => Err(bad()),
        }
    }
}

/// A disk to attach: `PATH`, or `file=PATH[,size=SIZE][,format=raw|qcow2|vmdk|vhd]`. One that does not exist is made,
/// with `size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskOption {
    /// Its file.
    pub file: PathBuf,
    /// Size, if it must be made.
    pub size: Option<ByteSize>,
    /// Format.
    pub format: DiskFormat,
}

impl FromStr for DiskOption {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let bad = |why: String| RunError::option(why, "write file=PATH,size=1G,format=qcow2");
        let mut disk = Self {
            file: PathBuf::new(),
            size: None,
            format: DiskFormat::Raw,
        };
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("file", path)) => disk.file = path.into(),
                Some(("size", size)) => {
                    disk.size = Some(size.parse().map_err(|e| bad(format!("{e}")))?)
                }
                Some(("format", format)) => disk.format = format.parse().map_err(bad)?,
                None if disk.file.as_os_str().is_empty() => disk.file = part.into(),
                _ => return Err(bad(format!("`{part}` means nothing in a disk"))),
            }
        }
        match disk.file.as_os_str().is_empty() {
            true => Err(bad(format!("the disk `{text}` has no file"))),
            false => Ok(disk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_docker_users_expect() {
        let parse = |text: &str| {
            text.parse::<Publish>()
                .map(|p| format!("{}:{}:{}/{}", p.address, p.host, p.guest, p.transport))
        };
        assert_eq!(parse("80").unwrap(), "127.0.0.1:0:80/tcp");
        assert_eq!(parse("8080:80").unwrap(), "127.0.0.1:8080:80/tcp");
        assert_eq!(parse(":53/udp").unwrap(), "127.0.0.1:0:53/udp");
        assert_eq!(parse("0.0.0.0:8080:80/tcp").unwrap(), "0.0.0.0:8080:80/tcp");
        for bad in [
            "", "0", "x:80", "80:", "1:2:3:4", "80/sctp", "host:1:2", "70000",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn commands_are_words_with_quotes() {
        let parse = |text: &str| text.parse::<Exec>();
        let exec = parse(r#"@web sh -c 'echo "a  b"' "c \" d" e\ f ''"#).unwrap();
        assert_eq!(exec.container.as_deref(), Some("web"));
        assert_eq!(
            exec.command,
            ["sh", "-c", "echo \"a  b\"", "c \" d", "e f", ""]
        );
        assert_eq!(parse("bedctl list").unwrap().container, None);
        for bad in ["", "  ", "@web", "echo 'a", "echo \\"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn disks_are_a_path_or_keys() {
        let parse = |text: &str| text.parse::<DiskOption>();
        assert_eq!(
            parse("d.img").unwrap(),
            parse("file=d.img,format=raw").unwrap()
        );
        assert_eq!(
            parse("file=d,size=1G,format=qcow2").unwrap().size,
            Some(ByteSize(1 << 30))
        );
        for bad in [
            "",
            "size=1G",
            "d,colour=red",
            "file=d,format=floppy",
            "file=d,size=much",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
