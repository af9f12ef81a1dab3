//! Standard input on its way to the guest.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bedplate_sys::keystrokes::Unbuffered;

use crate::error::RunError;
use crate::machine::Machine;

/// Standard input as the guest's keyboard, also of a second machine if the first must be given up.
pub(super) struct Keyboard {
    target: Arc<Mutex<Option<UnixStream>>>,
    _unbuffered: Option<Unbuffered>,
}

impl Keyboard {
    pub fn attach() -> Result<Self, RunError> {
        let unbuffered =
            Unbuffered::standard_input().map_err(RunError::io("set up the terminal"))?;
        let target = Arc::new(Mutex::new(None::<UnixStream>));
        let keys_to = Arc::clone(&target);
        // It ends with the program, or with its input.
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
                if let Some(target) = keys_to
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .as_mut()
                {
                    // A machine that has ended reads no keys.
                    let _ = target.write_all(&buffer[..count]);
                }
            }
        });
        Ok(Self {
            target,
            _unbuffered: unbuffered,
        })
    }

    pub fn lead_to(&self, machine: &Machine) -> Result<(), RunError> {
        let stream = machine
            .console_input()
            .map_err(RunError::io("share a socket"))?;
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        Ok(())
    }
}
