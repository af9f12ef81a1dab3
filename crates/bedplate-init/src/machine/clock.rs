//! The system clock, where the kernel did not set it from the hardware clock.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::console;

/// Seconds from 1970 to 2017-04-18, LinuxKit's stamp for every file: no host is older.
const LONG_AGO: Duration = Duration::from_secs(1_492_533_000);

pub(super) fn set_if_unset() {
    let set = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|since| since > LONG_AGO);
    if set {
        return;
    }
    // Without a hardware clock there is nothing to read, and nothing to say.
    let Ok(text) = fs::read_to_string("/sys/class/rtc/rtc0/since_epoch") else {
        return;
    };
    if let Some(Err(error)) = text
        .trim()
        .parse()
        .ok()
        .map(bedplate_sys::machine::set_clock)
    {
        console::warn("set the clock", &error);
    }
}
