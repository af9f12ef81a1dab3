//! The guest programs: of the directory that the environment names, inside this program, or beside it.

use std::path::PathBuf;

use bedplate_build::Programs;

/// Those that hosts get; whether they are there is seen when a host wants them.
pub fn find() -> Programs {
    let named = std::env::var_os("BEDPLATE_GUEST_DIR");
    named
        .map(|directory| Programs::Directory(directory.into()))
        .or_else(inside)
        .unwrap_or_else(beside)
}

#[cfg(embedded)]
fn inside() -> Option<Programs> {
    Some(Programs::Embedded {
        init: include_bytes!(env!("BEDPLATE_EMBEDDED_INIT")),
        runtime: include_bytes!(env!("BEDPLATE_EMBEDDED_RUNTIME")),
        tools: include_bytes!(env!("BEDPLATE_EMBEDDED_TOOLS")),
    })
}

#[cfg(not(embedded))]
fn inside() -> Option<Programs> {
    None
}

fn beside() -> Programs {
    let program = std::env::current_exe().unwrap_or_default();
    Programs::Directory(program.parent().map(PathBuf::from).unwrap_or_default())
}
