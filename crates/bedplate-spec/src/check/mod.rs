//! The rules of the language that a table of keys cannot state.

mod base;
mod containers;
mod files;
mod host;
mod images;
mod kernel;
mod order;
mod settings;
pub(crate) mod syntax;
mod volumes;

pub(crate) use host::merge;
pub(crate) use images::{KERNEL, TOOLS, default_dependencies};
pub(crate) use settings::{Known, check_settings};
