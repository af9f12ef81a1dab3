//! Volumes: a `lower` that holds the image or nothing, and the places for an overlay over it.

use super::{Planner, origin, path};
use crate::diagnostics::Diagnostic;
use crate::lock::ImageId;
use crate::planning::{Action, InitFlavour};
use crate::spec::VolumeFormat;

/// The directory of a volume in the host, without leading slash.
pub(super) fn base(name: &str) -> String {
    format!("containers/volumes/{name}")
}

/// Where containers mount a volume from.
pub(super) fn merged(name: &str) -> String {
    format!("/{}/merged", base(name))
}

impl Planner<'_> {
    pub(super) fn volumes(&mut self) {
        for volume in &self.spec.volumes {
            let origin = origin(&format!("volumes `{}`", volume.name), &volume.place);
            let base = base(&volume.name);
            let lower = path(&format!("{base}/lower"));
            self.directory(lower.clone(), &origin);
            if let Some(image) = &volume.image {
                self.resolved(image, &volume.place);
                match volume.format {
                    VolumeFormat::Filesystem => self.image(lower, &origin, image),
                    VolumeFormat::Oci => {
                        let platforms = volume.platforms.clone();
                        let action = Action::OciLayout {
                            image: ImageId(image.clone()),
                            platforms,
                        };
                        self.step(lower, &origin, action);
                    }
                }
            }
            // LinuxKit's init fails without `tmp`, and with it mounts the volume for writing.
            if !volume.readonly || self.spec.flavour == InitFlavour::Images {
                self.directory(path(&format!("{base}/tmp")), &origin);
            }
            self.directory(path(&format!("{base}/merged")), &origin);
            if volume.readonly && self.spec.flavour == InitFlavour::Images {
                let message = format!(
                    "LinuxKit's init mounts the read-only volume `{}` for writing; containers can read it only",
                    volume.name
                );
                self.found.push(
                    Diagnostic::warning(message)
                        .in_file(&volume.place.file)
                        .at(volume.place.at),
                );
            }
        }
    }
}
