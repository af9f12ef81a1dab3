//! Devices: their drivers, and waiting for them by the kernel's own events.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use bedplate_boot::CommandLine;
use bedplate_sys::machine as system;
use bedplate_sys::netlink::uevents::Uevents;
use bedplate_sys::polling::{self, Interest};

use super::stopping::Stop;
use crate::console;
use crate::machine::modules::Modules;

/// How long to wait for a device, in seconds, unless the command line says.
const WAIT: u64 = 30;

/// The devices of the machine, as they come.
#[derive(Debug)]
pub struct Devices {
    uevents: Uevents,
    modules: Option<Modules>,
}

impl Devices {
    /// Loads drivers for all that is there, and `modules` in any case.
    pub fn discover(modules: &[String]) -> Result<Self, Stop> {
        // Listening comes first, so that nothing falls between.
        let uevents =
            Uevents::listen().map_err(|error| Stop::because("cannot listen for devices", error))?;
        let devices = Self {
            uevents,
            modules: Modules::read(),
        };
        if let Some(modules) = &devices.modules {
            // Abilities of the processor can wait for the root.
            drop(modules.load_for_devices());
        }
        devices.load(modules);
        Ok(devices)
    }

    /// Loads modules, by name or alias. Those that are built in, or not there, are passed over: what needs them
    /// says so.
    pub fn load<S: AsRef<str>>(&self, names: &[S]) {
        if let Some(modules) = self.modules.as_ref().filter(|_| !names.is_empty()) {
            let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
            modules.load(&names);
        }
    }

    /// Loads modules of the root that was entered from now on.
    pub fn enter_root(&mut self) {
        self.modules = Modules::read();
    }

    /// Readable when a device came, went or changed.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.uevents.descriptor()
    }

    /// Loads drivers for the devices that came. Did anything happen to a block device?
    pub fn take_events(&self) -> bool {
        let mut aliases = Vec::new();
        let mut block = false;
        while let Some(event) = self.uevents.take() {
            block |= event.subsystem.as_deref() == Some("block");
            aliases.extend(event.modalias.filter(|_| event.action == "add"));
        }
        self.load(&aliases);
        block
    }

    /// Tries `look` now and whenever something happens to a block device, until it finds something or the time
    /// that the command line allows is over. `what` is waited for.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        line: &CommandLine,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if let Some(found) = look() {
            return Some(found);
        }
        let until = deadline(line);
        console::say(format_args!("waiting {} s for {what}", wait_seconds(line)));
        while self.wait_for_block_event(until) {
            if let Some(found) = look() {
                return Some(found);
            }
        }
        None
    }

    /// Waits until something happened to a block device: `false` if `until` came before.
    pub fn wait_for_block_event(&mut self, until: Duration) -> bool {
        loop {
            let left = until.saturating_sub(system::uptime());
            if left.is_zero() {
                return false;
            }
            let waited = [(self.descriptor(), Interest::Read)];
            if polling::wait(&waited, Some(left)).is_err() {
                return false;
            }
            if self.take_events() {
                return true;
            }
        }
    }
}

/// When waiting for a device ends, counted since the kernel started.
pub fn deadline(line: &CommandLine) -> Duration {
    system::uptime() + Duration::from_secs(wait_seconds(line))
}

/// How long is waited for a device, in seconds.
pub fn wait_seconds(line: &CommandLine) -> u64 {
    line.wait.unwrap_or(WAIT)
}
