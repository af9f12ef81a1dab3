//! What tests need of the world: images made in memory, a machine to boot, an ordinary user, a loopback registry, and one that misbehaves.
//!
//! For tests only, so it fails by panicking, with all that helps to see why. It never skips: what is missing is
//! installed by `cargo xtask setup`.

pub mod faults;
mod image;
pub mod registry;
mod user;
mod vm;

pub use bedplate_run::{HttpUrl, Response, Transport, free_port, get};
pub use image::{Image, Layer};
pub use user::OrdinaryUser;
pub use vm::{ExecOutput, Vm, VmOptions};

use std::path::PathBuf;

/// The directory with `bedplate-init`, `bedplate-runtime` and `bedplate-tools` as they go into a host.
pub fn guest_programs() -> PathBuf {
    let directory = std::env::var_os("BEDPLATE_GUEST_DIR").map(PathBuf::from);
    directory.expect("BEDPLATE_GUEST_DIR is not set: run the tests with `cargo xtask test`")
}
