//! Boots a built host in QEMU, talks to it, and brings back its exit state.
//!
//! ```text
//! DIR/NAME-{kernel,initrd.img,cmdline,manifest.json} --HostImage--> Need (memory) --Machine--> QEMU
//!                                                                                  |  ttyS0: console
//!  run() = policy: wait, exec, power off  <---- MachineEvent ----------------------+  ttyS1: control protocol
//! ```
//!
//! [`Machine`] is the mechanism and [`run`] the policy that `bedplate run` offers. Nothing here prints:
//! whoever calls gets events. A machine never outlives the process that started it.

mod console;
mod control;
mod error;
mod event;
mod http;
mod image;
mod machine;
mod medium;
mod memory;
mod options;
mod ports;
mod run;
mod serving;
mod unpacked;

pub use bedplate_boot::control::{Event as HostEvent, Stream};
pub use bedplate_sys::qemu::{Accelerator, AcceleratorChoice, DiskFormat, Transport};
pub use console::Console;
pub use control::{Control, Pending};
pub use error::RunError;
pub use event::{End, Forwarded, Interrupts, RunEvent, RunOutcome};
pub use http::{HttpUrl, Response, get};
pub use image::HostImage;
pub use machine::{Machine, MachineEvent, MachineOptions};
pub use medium::{Firmware, Medium};
pub use memory::Need;
pub use options::{ConsoleTo, DiskOption, Exec, Memory, Publish, RunOptions};
pub use ports::free_port;
pub use run::{Prepared, run};
