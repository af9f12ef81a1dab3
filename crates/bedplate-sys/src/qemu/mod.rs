//! QEMU as a process: which accelerator works here, and a machine's command line.
//!
//! What runs inside, and when it is well, is not known here.

mod accelerator;
mod command;
mod disk;
mod probe;

pub use accelerator::{
    Accelerator, AcceleratorChoice, Chosen, UnknownAccelerator, choose, remember_failure, said_no,
};
pub use command::{Boot, Forward, MachineConfig, Medium, Transport};
pub use disk::{Disk, DiskFormat};
