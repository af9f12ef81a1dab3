//! The description of the image: read, believed or not, and compared with the machine.

use std::fs;

use bedplate_boot::root::{IMAGE_DOCUMENT, Image, SIGNATURE_ENDING, Trust};
use bedplate_boot::trust;
use bedplate_finding::machine;
use bedplate_types::Arch;

use super::stopping::Stop;
use crate::console;

/// How many bytes of a description are read.
pub const LONGEST: usize = 64 << 10;

/// Firmware keeps some memory for itself: of what the machine was sold with, it may be this part.
const FIRMWARE_SHARE: u64 = 16;

/// A description that somebody trusted vouches for.
#[derive(Debug, Clone)]
pub struct Description {
    /// What it says.
    pub image: Image,
    /// Its bytes.
    pub json: Vec<u8>,
}

impl Description {
    /// Believes a description, or not. `what` names it for people.
    pub fn check(trust: &Trust, what: &str, json: Vec<u8>, signatures: &str) -> Result<Self, Stop> {
        trust::check(trust, &json, signatures).map_err(|distrust| {
            Stop::because(
                format!("the description `{what}` is not to be believed"),
                distrust,
            )
        })?;
        let image = Image::parse(&json).map_err(|error| {
            Stop::because(format!("cannot use the description `{what}`"), error)
        })?;
        let refused = |why: &str| Stop::new(format!("the description `{what}` {why}"));
        if image.file.is_empty() || image.file.contains('/') || image.file.starts_with('.') {
            return Err(refused("names no file beside it"));
        }
        if !image.data_len.is_multiple_of(4096)
            || image.data_len == 0
            || image.data_len >= image.len
        {
            return Err(refused("has lengths that cannot be"));
        }
        if Arch::native() != Some(image.arch) {
            return Err(Stop::new(format!(
                "`{}` {} is built for {}, and this machine is another one ({})",
                image.name,
                image.stamp,
                image.arch,
                std::env::consts::ARCH
            )));
        }
        console::say(format_args!("the root is `{}` {}", image.name, image.stamp));
        Ok(Self { image, json })
    }

    /// The one that the initramfs was built with.
    pub fn of_initramfs(trust: &Trust) -> Result<Self, Stop> {
        let json = fs::read(IMAGE_DOCUMENT)
            .map_err(|error| Stop::because(format!("cannot read `{IMAGE_DOCUMENT}`"), error))?;
        let signatures = fs::read_to_string(format!("{IMAGE_DOCUMENT}{SIGNATURE_ENDING}"));
        Self::check(trust, IMAGE_DOCUMENT, json, &signatures.unwrap_or_default())
    }

    /// Has the machine the memory to hold the image?
    pub fn check_memory(&self) -> Result<(), Stop> {
        let iomem = fs::read_to_string("/proc/iomem").unwrap_or_default();
        // Where the firmware's figure is not to be had, the machine is taken to have enough.
        let Some(found) = machine::memory(&iomem) else {
            return Ok(());
        };
        let Image { name, memory, .. } = &self.image;
        match found.saturating_add(found / FIRMWARE_SHARE) >= *memory {
            true => Ok(()),
            false => Err(Stop::new(format!(
                "this machine has {} MiB of memory, and `{name}` needs {} MiB to run from memory",
                found >> 20,
                memory.div_ceil(1 << 20),
            ))),
        }
    }
}
