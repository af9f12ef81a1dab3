//! The second way to boot: the initramfs is not the root but finds it, checks it and enters it.
//!
//! ```text
//! devices ──► description ──trust──► machine ──► image ──► mounted ──► overlay ──► entered ──► pool ──► /sbin/init
//!                                                 │
//!   in memory (initramfs, network)   SHA-256 of the whole, loop device
//!   on a medium (partitions, file)   dm-verity, block by block
//! ```
//!
//! One thread, one step after another: nothing else runs yet. Every step that fails stops the boot with a
//! sentence ([`stopping`]). What lies where afterwards:
//!
//! ```text
//! /run/bedplate/root              the image, read-only
//! /run/bedplate/overlay           tmpfs: upper and work directories of the root's overlay
//! /run/bedplate/download          tmpfs: the image that came over the network
//! /run/bedplate/medium            the file system that holds the image, read-only
//! /run/bedplate/image.json        the description that was believed
//! /run/bedplate/lease.json        the address that the image was fetched with
//! /run/bedplate/networking.json   what the boot loader added to the initramfs for the host
//! /run/bedplate/system_pool       name of the system pool
//! ```

mod description;
mod devices;
mod entering;
mod handing_over;
mod image;
mod medium;
mod network;
mod pool;
mod stopping;

use std::path::Path;

use bedplate_boot::CommandLine;
use bedplate_boot::root::{Place, SEARCH_DOCUMENT, Search};

use self::devices::Devices;
use self::stopping::Stop;
use crate::console;
use crate::machine;

/// Does this initramfs look for a root?
pub fn is_wanted() -> bool {
    Path::new(SEARCH_DOCUMENT).exists()
}

/// Finds the root and becomes its init. System file systems are mounted and the console is open.
pub fn boot(line: &CommandLine, arguments: &[String]) -> ! {
    console::say("looking for the root");
    let Err(stop) = find_and_enter(line, arguments);
    stopping::stop(&stop, line)
}

fn find_and_enter(
    line: &CommandLine,
    arguments: &[String],
) -> Result<std::convert::Infallible, Stop> {
    machine::check_completeness().map_err(|error| Stop::new(error.to_string()))?;
    let search = read_search()?;
    let place = match &line.root {
        Some(word) => Place::from_word(word)
            .map_err(|error| Stop::because("cannot follow the kernel command line", error))?,
        None => search.place,
    };
    let mut devices = Devices::discover(&search.modules)?;
    machine::set_clock();
    handing_over::keep_networking();
    let trust = &search.trust;
    let description = match place {
        Place::Initramfs => image::from_initramfs(trust, &devices)?,
        Place::Partitions => medium::from_partitions(trust, &mut devices, line)?,
        Place::File { label, path } => medium::from_file(trust, &mut devices, line, &label, &path)?,
        Place::Network { urls } => network::from_servers(trust, &mut devices, line, &urls)?,
    };
    handing_over::keep_description(&description)?;
    entering::enter(&mut devices, line, arguments)
}

fn read_search() -> Result<Search, Stop> {
    let json = std::fs::read(SEARCH_DOCUMENT)
        .map_err(|error| Stop::because(format!("cannot read `{SEARCH_DOCUMENT}`"), error))?;
    Search::parse(&json)
        .map_err(|error| Stop::because(format!("cannot use `{SEARCH_DOCUMENT}`"), error))
}
