//! The power button, which the kernel shows as a keyboard with one key.
//!
//! ```text
//! struct input_event (Linux include/uapi/linux/input.h), 64 bits
//!  0  time, 16 bytes     16  type u16     18  code u16     20  value i32
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

/// `sizeof(struct input_event)`
const EVENT: usize = 24;
const EV_KEY: u16 = 1;
const KEY_POWER: u16 = 116;
const PRESSED: i32 = 1;

/// The power buttons of the machine, by the names of their devices.
#[derive(Debug, Default)]
pub struct Buttons(BTreeMap<String, File>);

impl Buttons {
    /// Opens those that are new.
    pub fn look(&mut self) {
        let devices = fs::read_dir("/sys/class/input").into_iter().flatten();
        for device in devices.flatten() {
            let name = device.file_name().to_string_lossy().into_owned();
            if !name.starts_with("event") || self.0.contains_key(&name) {
                continue;
            }
            let label = fs::read_to_string(device.path().join("device/name")).unwrap_or_default();
            if label.trim() == "Power Button"
                && let Ok(file) = File::open(format!("/dev/input/{name}"))
            {
                self.0.insert(name, file);
            }
        }
    }

    /// Readable when a key of theirs has moved.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.values().map(AsFd::as_fd)
    }

    /// Reads the buttons that are `readable`, in the order of [`descriptors`](Self::descriptors): was one
    /// pressed? A button that has gone is forgotten.
    pub fn pressed(&mut self, readable: &[bool]) -> bool {
        let mut readable = readable.iter();
        let mut pressed = false;
        self.0.retain(|_, device| {
            if !readable.next().copied().unwrap_or_default() {
                return true;
            }
            let mut events = [0; EVENT * 16];
            match device.read(&mut events) {
                Ok(count) => {
                    pressed |= events[..count].chunks_exact(EVENT).any(is_press);
                    true
                }
                Err(_) => false,
            }
        });
        pressed
    }
}

fn is_press(event: &[u8]) -> bool {
    let short = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
    let value = i32::from_ne_bytes([event[20], event[21], event[22], event[23]]);
    (short(16), short(18), value) == (EV_KEY, KEY_POWER, PRESSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_press_of_the_power_key_counts() {
        let event = |kind: u16, code: u16, value: i32| {
            let mut bytes = vec![7; 16];
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(code.to_ne_bytes());
            bytes.extend(value.to_ne_bytes());
            bytes
        };
        assert!(is_press(&event(EV_KEY, KEY_POWER, 1)));
        assert!(!is_press(&event(EV_KEY, KEY_POWER, 0)));
        assert!(!is_press(&event(EV_KEY, 30, 1)));
        assert!(!is_press(&event(0, KEY_POWER, 1)));
    }
}
