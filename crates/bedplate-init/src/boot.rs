//! The boot, from the first instruction of PID 1 to the loop.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use bedplate_boot::{CMDLINE_EXTRA, CommandLine, HOST_DOCUMENT, Host};
use bedplate_sys::children::{self, Signal};
use bedplate_sys::netlink::uevents::Uevents;
use bedplate_sys::polling::{self, Interest};
use bedplate_sys::{machine as system, smbios, terminal};

use crate::console;
use crate::engine::Engine;
use crate::finding;
use crate::machine::buttons::Buttons;
use crate::machine::modules::{Modules, load_for_devices};
use crate::machine::xattrs::Attributes;
use crate::machine::{self, volumes};

/// What the kernel calls to load a module. A link in `/run`, so that images need not hold one.
pub(crate) const LOADER: &str = "/run/bedplate/modprobe";

/// Boots the host and runs it, or finds its root and becomes that root's init with `arguments`.
pub fn boot(arguments: &[String]) -> ! {
    if finding::is_wanted() {
        machine::mount_for_search();
        let command_line = begin();
        set_loader();
        finding::boot(&command_line, arguments);
    }
    let own_mount = machine::enter_own_mount();
    machine::mount_system();
    let command_line = begin();
    if let Err(error) = own_mount {
        console::warn("put the root on a mount of its own", &error);
    }
    let host = machine::check_completeness()
        .map_err(|error| error.to_string())
        .and_then(|()| read_host());
    let (host, failure) = match host {
        Ok(host) => (host, None),
        Err(message) => (Host::default(), Some(message)),
    };
    let mut attributes = Attributes::read();
    attributes.apply_to_host();
    machine::seal_root();
    find_drivers();
    machine::settle();
    volumes::mount_all(&host.volumes);
    match Engine::new(&host, command_line, attributes) {
        Ok(engine) => engine.run(failure),
        Err(error) => {
            console::warn("begin", &error);
            loop {
                std::thread::park();
            }
        }
    }
}

/// The console, and what the command line says.
fn begin() -> CommandLine {
    adopt_console();
    let command_line = CommandLine::parse(&words());
    if command_line.debug {
        console::be_verbose();
    }
    console::say(format_args!(
        "init {} on Linux {}",
        env!("CARGO_PKG_VERSION"),
        system::kernel_release()
    ));
    command_line
}

/// The kernel command line, with what the firmware adds.
fn words() -> String {
    let mut words = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    for string in smbios::oem_strings() {
        if let Some(extra) = string.strip_prefix(CMDLINE_EXTRA) {
            words = format!("{words} {extra}");
        }
    }
    words
}

/// The console that the kernel gave may be missing, or one of a `/dev` that is hidden now.
fn adopt_console() {
    let adopted = terminal::open_console(Path::new("/dev/console"))
        .and_then(|console| terminal::adopt(&console));
    if let Err(error) = adopted {
        console::warn("open the console", &error);
    }
}

fn read_host() -> Result<Host, String> {
    let json = fs::read(HOST_DOCUMENT)
        .map_err(|error| format!("cannot read `{HOST_DOCUMENT}`: {error}"))?;
    Host::parse(&json)
        .map_err(|error| format!("cannot use `{HOST_DOCUMENT}`: {}", console::chain(&error)))
}

/// Loads drivers for what is there, and goes on to do so for what comes.
fn find_drivers() {
    set_loader();
    // Listening comes first, so that nothing falls between.
    let uevents = Uevents::listen();
    let later = load_for_devices();
    let watching = uevents.and_then(|uevents| {
        let watch = move || {
            load(&later);
            watch_for_devices(&uevents);
        };
        std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(watch)
            .map(drop)
    });
    if let Err(error) = watching {
        console::warn("watch for new devices", &error);
    }
}

fn set_loader() {
    let link = std::os::unix::fs::symlink(bedplate_boot::INIT, LOADER);
    match link.and_then(|()| fs::write("/proc/sys/kernel/modprobe", LOADER)) {
        // A kernel without modules.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => console::warn("set the kernel's module loader", &error),
        Ok(()) => {}
    }
}

/// Loads drivers for devices that come, and tells the loop when the power button is pressed.
fn watch_for_devices(uevents: &Uevents) {
    let mut buttons = Buttons::default();
    loop {
        buttons.look();
        let waited: Vec<_> = std::iter::once(uevents.descriptor())
            .chain(buttons.descriptors())
            .map(|descriptor| (descriptor, Interest::Read))
            .collect();
        let Ok(found) = polling::wait(&waited, None) else {
            return;
        };
        let readable: Vec<bool> = found.iter().map(|found| found.readable).collect();
        if buttons.pressed(&readable[1..]) {
            // To ourselves, who catch it.
            let _ = children::signal(std::process::id(), Signal::POWER);
        }
        let mut aliases = Vec::new();
        while let Some(event) = uevents.take() {
            aliases.extend(event.modalias.filter(|_| event.action == "add"));
        }
        load(&aliases);
    }
}

fn load(names: &[String]) {
    if !names.is_empty()
        && let Some(modules) = Modules::read()
    {
        modules.load(names);
    }
}

/// `modprobe -q -- NAME`: what the kernel calls, and what a person may.
pub fn load_for_kernel(arguments: &[String]) -> ExitCode {
    let names: Vec<String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .cloned()
        .collect();
    match Modules::read() {
        Some(modules) if modules.load(&names) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
