//! `bedplate run`: the command line of [`bedplate_run`].

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bedplate_run::{
    AcceleratorChoice, ConsoleTo, DiskOption, Exec, Firmware, HostEvent, HttpUrl, Interrupts,
    Memory, Publish, RunError, RunEvent, RunOptions, Stream,
};
use bedplate_types::ByteSize;
use clap::{Args, ValueEnum};

use crate::output::say;

/// Boot a built host in QEMU
#[derive(Args)]
pub struct RunArguments {
    /// Output directory of a build, or one of its files
    image: PathBuf,
    /// Which host of the directory
    #[arg(long)]
    name: Option<String>,
    /// Boot it by UEFI [default: what its form needs]
    #[arg(long, conflicts_with = "bios")]
    uefi: bool,
    /// Boot it by a BIOS
    #[arg(long)]
    bios: bool,
    /// Memory, such as 512M; refused if the host cannot unpack in it [default: what the host needs, and some]
    #[arg(long)]
    mem: Option<ByteSize>,
    /// Give it that memory even if the host cannot unpack in it
    #[arg(long, requires = "mem")]
    force: bool,
    /// Processors
    #[arg(long, default_value_t = 1)]
    cpus: u32,
    /// Network interfaces: user, once for each, or none [default: one]
    #[arg(long, value_name = "KIND", value_enum)]
    net: Vec<NetChoice>,
    /// Forward a port: [[ADDRESS:]PORT:]GUEST[/udp]; without PORT any free one, which is told
    #[arg(long, value_name = "PORT")]
    publish: Vec<Publish>,
    /// Attach a disk: file=PATH,size=1G,format=raw|qcow2|vmdk|vhd; made if it does not exist
    #[arg(long)]
    disk: Vec<DiskOption>,
    /// Append to the kernel command line
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "",
        allow_hyphen_values = true
    )]
    cmdline_append: String,
    /// What executes the guest: auto, kvm or tcg
    #[arg(long, default_value = "auto")]
    accel: AcceleratorChoice,
    /// Where the guest's console goes: stdio, none or file:PATH
    #[arg(long, default_value = "stdio")]
    console: ConsoleTo,
    /// Wait until this published port answers with 2xx or 3xx, then go on; http://guest:80/ is whatever leads to port 80
    #[arg(long, value_name = "URL")]
    wait_for: Option<HttpUrl>,
    /// How long the host may take to be up and to answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Run this in the host once it is up, or in a service's container with @NAME before it; may be repeated
    #[arg(long, value_name = "COMMAND")]
    exec: Vec<Exec>,
    /// Do not power off after --wait-for and --exec
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NetChoice {
    /// One that leads outside, with DHCP
    User,
    /// None at all
    None,
}

impl RunArguments {
    fn networks(&self) -> Result<u32, RunError> {
        let users = self.net.iter().filter(|&&net| net == NetChoice::User);
        match self.net.as_slice() {
            [] => Ok(1),
            all if users.clone().count() == all.len() => {
                Ok(u32::try_from(all.len()).unwrap_or(u32::MAX))
            }
            [NetChoice::None] => Ok(0),
            _ => Err(RunError::Option {
                message: "`--net none` stands beside another --net".to_owned(),
                hint: Some("give --net none alone, or --net user for each interface".to_owned()),
            }),
        }
    }

    fn options(self, cache: PathBuf, interrupts: Interrupts) -> Result<RunOptions, RunError> {
        let networks = self.networks()?;
        let mut options = RunOptions::new(self.image);
        options.name = self.name;
        options.memory = match self.mem {
            None => Memory::AsNeeded,
            Some(size) if self.force => Memory::Forced(size),
            Some(size) => Memory::Given(size),
        };
        options.firmware = match (self.uefi, self.bios) {
            (true, _) => Some(Firmware::Uefi),
            (_, true) => Some(Firmware::Bios),
            _ => None,
        };
        options.networks = networks;
        options.cpus = self.cpus;
        options.publish = self.publish;
        options.disks = self.disk;
        options.cmdline_append = self.cmdline_append;
        options.accelerator = self.accel;
        options.console = self.console;
        options.timeout = Some(Duration::from_secs(self.timeout));
        options.wait_for = self.wait_for;
        options.exec = self.exec;
        options.keep = self.keep;
        options.cache = Some(cache);
        options.interrupts = interrupts;
        Ok(options)
    }
}

/// Runs it. `cache` holds the accelerator probe's answer; whoever catches SIGINT and SIGTERM rings `interrupts`.
pub fn run(
    arguments: RunArguments,
    json: bool,
    cache: PathBuf,
    interrupts: Interrupts,
) -> Result<ExitCode, RunError> {
    let options = arguments.options(cache, interrupts)?;
    let outcome = bedplate_run::run(&options, &mut |event| {
        if json { tell_json(&event) } else { tell(event) }
    })?;
    if json {
        let end = serde_json::json!({"outcome": outcome, "exitCode": outcome.exit_code()});
        say!("{end}");
    }
    Ok(ExitCode::from(outcome.exit_code()))
}

fn tell_json(event: &RunEvent) {
    // Console bytes have no JSON form: they go to where --console says.
    if let Ok(line) = serde_json::to_string(event) {
        // A reader that has gone does not stop the host.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

fn tell(event: RunEvent) {
    match event {
        RunEvent::Console(bytes) => {
            let mut out = std::io::stdout().lock();
            // A reader that has gone does not stop the host.
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
        }
        RunEvent::ExecOutput { stream, bytes } => {
            let _ = match stream {
                Stream::Out => std::io::stdout().write_all(&bytes),
                Stream::Err => std::io::stderr().write_all(&bytes),
            };
        }
        RunEvent::Started {
            accelerator,
            reason,
            memory_mib,
            forwards,
            ..
        } => {
            eprintln!("booting with {accelerator} ({reason}), {memory_mib} MiB");
            for forward in forwards {
                eprintln!(
                    "  {} leads to port {}/{} of the host",
                    forward.host, forward.guest, forward.transport
                );
            }
        }
        RunEvent::AcceleratorFailed { message } => {
            eprintln!("kvm does not work here ({message}): once more with tcg")
        }
        RunEvent::Answered {
            url,
            status,
            after_ms,
        } => eprintln!("{url} answers ({status}) after {after_ms} ms"),
        RunEvent::PoweringOff => eprintln!("powering off"),
        RunEvent::Interrupted => eprintln!("interrupted: powering off; once more kills"),
        RunEvent::Host(HostEvent::BootFailed { message }) => {
            eprintln!("the boot stopped: {message}")
        }
        RunEvent::Host(HostEvent::Up { uptime_ms }) => eprintln!("up after {uptime_ms} ms"),
        RunEvent::Host(_)
        | RunEvent::ExecBegins { .. }
        | RunEvent::ExecEnded { .. }
        | RunEvent::Qemu(_) => {}
    }
}
