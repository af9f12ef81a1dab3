//! Volumes: names, formats and platforms.

use std::collections::BTreeMap;

use bedplate_types::Reference;

use super::host::Spot;
use super::images::request;
use crate::diagnostics::Diagnostic;
use crate::lock::ImageRequest;
use crate::spec::{Spec, Volume, VolumeFormat};
use crate::written;

/// Checks volumes and puts them into the spec.
pub(super) fn merge(
    volumes: &[(Spot<'_>, &written::Volume)],
    spec: &mut Spec,
    found: &mut Vec<Diagnostic>,
) {
    let mut names: BTreeMap<&str, &Spot<'_>> = BTreeMap::new();
    for (spot, written) in volumes {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if written.name.is_empty() || written.name.len() > 128 || !written.name.chars().all(inner) {
            let message = format!("`{}` cannot be the name of a volume", written.name);
            let hint = "it has `a` to `z`, `0` to `9`, `_` and `-`, and at most 128 of them";
            found.push(spot.inner("/name").error(message).hint(hint));
        }
        if let Some(first) = names.insert(&written.name, spot) {
            let place = first.inner("/name").place();
            let line = place.at.map_or(String::new(), |at| format!(":{}", at.line));
            let message = format!("a second volume has the name `{}`", written.name);
            found.push(
                spot.inner("/name")
                    .error(message)
                    .hint(format!("the first one is at {}{line}", place.file)),
            );
        }
        let image = request(
            &written.origin,
            spot,
            &format!("volume `{}`", written.name),
            found,
        );
        let format = match written.format.as_deref() {
            Some("oci") => VolumeFormat::Oci,
            _ => VolumeFormat::Filesystem,
        };
        let platforms = written.platforms.clone().unwrap_or_default();
        check_format(spot, written, format, image.as_ref(), &platforms, found);
        spec.volumes.push(Volume {
            name: written.name.clone(),
            image,
            readonly: written.readonly.unwrap_or(false),
            format,
            platforms,
            place: spot.place(),
        });
    }
}

fn check_format(
    spot: &Spot<'_>,
    written: &written::Volume,
    format: VolumeFormat,
    image: Option<&ImageRequest>,
    platforms: &[String],
    found: &mut Vec<Diagnostic>,
) {
    let name = &written.name;
    if format == VolumeFormat::Filesystem {
        if !platforms.is_empty() {
            let message =
                format!("`platforms` has no effect for the volume `{name}` without `format: oci`");
            found.push(spot.inner("/platforms").warning(message));
        }
        return;
    }
    let is_oci = !matches!(
        image,
        Some(
            ImageRequest::Packages(_)
                | ImageRequest::Base(_)
                | ImageRequest::Reference(Reference::Dir(_) | Reference::Tar(_))
        )
    );
    if written.origin == written::Origin::default() && !spot.has("image") && !spot.has("packages") {
        found.push(
            spot.error(format!(
                "the volume `{name}` has `format: oci` but no image"
            ))
            .hint("add `image:`"),
        );
    } else if !is_oci {
        let message =
            format!("the volume `{name}` has `format: oci`, but what it names is no OCI image");
        found.push(spot.error(message).hint(
            "name an image of a registry, `oci:` or an archive, or use `format: filesystem`",
        ));
    }
    for (index, platform) in platforms.iter().enumerate() {
        let parts: Vec<&str> = platform.split('/').collect();
        if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
            let message = format!("`{platform}` is not a platform");
            let spot = spot.inner(&format!("/platforms/{index}"));
            found.push(
                spot.error(message)
                    .hint("write `linux/amd64`, or `linux/arm64/v8`"),
            );
        }
    }
}
