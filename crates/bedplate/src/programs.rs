//! Where `bedplate-init` and `bedplate-runtime` are: named by the environment, or beside this program.

use std::path::PathBuf;

use crate::report::Failure;

/// The directory that holds both programs.
pub fn directory() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("BEDPLATE_GUEST_DIR").map(PathBuf::from);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.to_owned()));
    let found = named
        .into_iter()
        .chain(beside)
        .find(|dir| dir.join("bedplate-init").is_file() && dir.join("bedplate-runtime").is_file());
    found.ok_or_else(|| {
        Failure::new(1, "bedplate-init and bedplate-runtime are not to be found").hint(
            "they belong beside `bedplate`, or in the directory that BEDPLATE_GUEST_DIR names",
        )
    })
}
