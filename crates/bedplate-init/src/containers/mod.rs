//! One container from its bundle: what is done around the OCI runtime, and how the runtime is called.

pub mod attaching;
pub mod preparation;
pub mod runtime_calls;

use std::fs;
use std::io;
use std::path::Path;

use bedplate_boot::Runtime;

/// `runtime.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRuntime {
    /// It cannot be read.
    #[error("cannot read `{bundle}/runtime.json`")]
    Read {
        /// Directory of the bundle.
        bundle: String,
        /// Why.
        source: io::Error,
    },
    /// It is not of LinuxKit's form.
    #[error("`{bundle}/runtime.json` is malformed")]
    Malformed {
        /// Directory of the bundle.
        bundle: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// Reads the `runtime.json` of a bundle; a bundle without one needs nothing.
pub fn read_runtime(bundle: &str) -> Result<Runtime, UnreadableRuntime> {
    match fs::read(Path::new(bundle).join("runtime.json")) {
        Ok(json) => serde_json::from_slice(&json).map_err(|source| UnreadableRuntime::Malformed {
            bundle: bundle.to_owned(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Runtime::default()),
        Err(source) => Err(UnreadableRuntime::Read {
            bundle: bundle.to_owned(),
            source,
        }),
    }
}
