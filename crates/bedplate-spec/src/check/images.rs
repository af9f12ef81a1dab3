//! `image:` and `packages:` to a request that a source can bring.

use bedplate_types::Reference;

use super::host::Spot;
use crate::diagnostics::Diagnostic;
use crate::gathering::reason;
use crate::lock::{Dependencies, ImageRequest};
use crate::written::Origin;

/// What `packages:` bring along where nothing is said of it: for a kernel nothing, for all else what they need.
pub(crate) fn default_dependencies(what: &str) -> Dependencies {
    if what == KERNEL {
        Dependencies::None
    } else {
        Dependencies::Required
    }
}

/// The noun of the kernel's image in messages.
pub(crate) const KERNEL: &str = "kernel";

/// The word that stands for Bedplate's own tools as the image of a container.
pub(crate) const TOOLS: &str = "bedplate";

/// As [`request`], where the image may be our own tools.
pub(super) fn request_of_container(
    origin: &Origin,
    spot: &Spot<'_>,
    what: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<ImageRequest> {
    if origin.image.as_deref() != Some(TOOLS) {
        return request(origin, spot, what, found);
    }
    let below = Origin {
        image: None,
        packages: origin.packages.clone(),
    };
    match request(&below, spot, what, found) {
        Some(ImageRequest::Packages(packages)) => Some(ImageRequest::Tools(Some(packages))),
        _ if spot.has("packages") => None,
        _ => Some(ImageRequest::Tools(None)),
    }
}

/// The image that is asked for; `None` if none is, or if that was reported. `what` is a noun for messages.
pub(super) fn request(
    origin: &Origin,
    spot: &Spot<'_>,
    what: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<ImageRequest> {
    let image = origin.image.as_deref().filter(|text| !text.is_empty());
    match (image, &origin.packages) {
        (Some(_), Some(_)) => {
            let message = format!("the {what} has both `image` and `packages`");
            found.push(
                spot.inner("/packages")
                    .error(message)
                    .hint("remove one of them"),
            );
            None
        }
        (Some(text), None) => {
            // An entry of `init:` may be the text itself.
            let inner = if spot.has("image") { "/image" } else { "" };
            reference(text, &spot.inner(inner), found)
        }
        (None, Some(packages)) => {
            let packages = packages.clone().into_request(default_dependencies(what));
            let spot = spot.inner("/packages");
            if packages.include.is_empty() {
                found.push(spot.error(format!("the packages of the {what} are an empty list")));
                return None;
            }
            if !check_names(&packages.include, &spot, found) {
                return None;
            }
            Some(ImageRequest::Packages(packages))
        }
        (None, None) => None,
    }
}

/// Are these names of packages? The first one that is none is reported.
pub(super) fn check_names(names: &[String], spot: &Spot<'_>, found: &mut Vec<Diagnostic>) -> bool {
    let Some(name) = names.iter().find(|name| !is_package(name)) else {
        return true;
    };
    let hint = "a name has `a` to `z`, `0` to `9`, `+`, `-` and `.`";
    found.push(
        spot.error(format!("`{name}` is not the name of a package"))
            .hint(hint),
    );
    false
}

pub(super) fn reference(
    text: &str,
    spot: &Spot<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<ImageRequest> {
    if text.starts_with("@pkg:") {
        let message = format!(
            "`{text}` names a LinuxKit package by its sources, which needs `linuxkit pkg build`"
        );
        found.push(
            spot.error(message)
                .hint("write the reference that `linuxkit pkg show-tag` prints"),
        );
        return None;
    }
    match text.parse::<Reference>() {
        Ok(reference) => {
            // A file means paths from its own directory.
            Some(ImageRequest::Reference(
                reference.seen_from(&spot.source.way),
            ))
        }
        Err(error) => {
            found.push(spot.error(reason(&error)));
            None
        }
    }
}

/// Debian policy 5.6.1, with an optional `=VERSION` as apt takes it.
fn is_package(name: &str) -> bool {
    let (name, version) = name.split_once('=').unwrap_or((name, "0"));
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.:~".contains(c))
}
