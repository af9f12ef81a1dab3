//! `base:` to the image that everything else goes on top of.

use super::containers::Section;
use super::host::Spot;
use super::images::{check_names, reference};
use crate::diagnostics::Diagnostic;
use crate::gathering::SourceFile;
use crate::lock::ImageRequest;
use crate::spec::{BaseImage, Spec};
use crate::written;

/// Where Debian has OpenZFS.
const ZFS_COMPONENT: &str = "contrib";
const ZFS_TOOLS: &str = "zfsutils-linux";

/// Takes the base of a file over that of the files before it.
pub(super) fn merge(source: &SourceFile, spec: &mut Spec, found: &mut Vec<Diagnostic>) {
    let spot = Spot::new(source, "/base");
    let image = match &source.file.base {
        None => return,
        Some(written::Base::Image(text)) => reference(text, &spot, found),
        Some(written::Base::Distribution(distribution)) => match &distribution.debian {
            Some(debian) => {
                let spot = spot.inner("/debian/packages");
                check_names(&debian.packages, &spot, found)
                    .then(|| ImageRequest::Base(debian.clone().into()))
            }
            None => {
                let message = "`base` names no distribution";
                found.push(
                    spot.error(message)
                        .hint("write `debian: {packages: […]}`, or an image reference"),
                );
                None
            }
        },
    };
    if let Some(image) = image {
        let place = spot.place();
        spec.base_image = Some(BaseImage { image, place });
    }
}

/// What `zfs: true` adds to a base: the tools, the component that they are in, and the wish for modules.
pub(super) fn add_zfs(sources: &[SourceFile], spec: &mut Spec, found: &mut Vec<Diagnostic>) {
    let told = sources.iter().rfind(|source| source.file.zfs.is_some());
    let Some(source) = told.filter(|source| source.file.zfs == Some(true)) else {
        return;
    };
    let Some(BaseImage {
        image: ImageRequest::Base(request),
        ..
    }) = &mut spec.base_image
    else {
        let message = "`zfs` takes a base of Debian packages, which its modules are built with";
        let hint = "write `base: {debian: {packages: […]}}`";
        found.push(Spot::new(source, "/zfs").error(message).hint(hint));
        return;
    };
    request.zfs = true;
    if request.components.is_empty() {
        request.components.push("main".to_owned());
    }
    for (list, name) in [
        (&mut request.components, ZFS_COMPONENT),
        (&mut request.include, ZFS_TOOLS),
    ] {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
}

/// Containers take an init that runs them.
pub(super) fn refuse_containers(
    containers: &[(Section, Spot<'_>, &written::Container)],
    volumes: &[(Spot<'_>, &written::Volume)],
    found: &mut Vec<Diagnostic>,
) {
    let mut refuse = |spot: &Spot<'_>, what: String| {
        let message = format!("{what} needs Bedplate's init, and PID 1 of this host is the base's");
        found.push(spot.error(message).hint("add `init: [bedplate]`"));
    };
    for (section, spot, container) in containers {
        refuse(spot, format!("the {} `{}`", section.noun(), container.name));
    }
    for (spot, volume) in volumes {
        refuse(spot, format!("the volume `{}`", volume.name));
    }
}
