//! Kernel modules: found by what a device or the kernel asks for, loaded with what they need.
//!
//! Reads the text files that depmod(8) writes. They are read when they are needed and not kept.

mod aliases;
mod dependencies;
mod loading;

pub use loading::{Modules, load_for_devices};
