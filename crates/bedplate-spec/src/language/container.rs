//! Containers: what `onboot`, `onshutdown` and `services` hold, and what an image's label may say.

use super::host::PACKAGES_KEY;
use super::settings::SETTINGS;
use super::{Key, Kind, Map, TEXTS, key};

pub(super) const CONTAINER_LISTS: &[Key] = &[
    key(
        "onboot",
        Kind::Maps(&CONTAINER),
        "Containers that run at boot, one after another, each to its end.",
    ),
    key(
        "onshutdown",
        Kind::Maps(&CONTAINER),
        "Containers that run when the host goes down, one after another.",
    ),
    key(
        "services",
        Kind::Maps(&CONTAINER),
        "Containers that run as long as the host does. Their names are unique.",
    ),
];

/// A container in a spec.
pub static CONTAINER: Map = Map {
    name: "container",
    doc: "A container. What the spec does not say is taken from the image's label \
          `org.mobyproject.config` (YAML or JSON with the same keys, except those that name, order and \
          supervise the container), and command, environment and directory then from the image's own \
          configuration. A key of the spec replaces that of the label, even with an empty list.",
    extensible: false,
    keys: &[IDENTITY, SUPERVISION, SETTINGS],
};

/// The label `org.mobyproject.config` of an image.
pub static LABEL: Map = Map {
    name: "label",
    doc: "The label `org.mobyproject.config` of an image.",
    extensible: false,
    keys: &[SETTINGS],
};

const IDENTITY: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "Name of the container; letters, digits, `_`, `.`, `-` and `+`. Each container also gets a \
         user id, counted from 100 in the order onboot, onshutdown, services, that other keys refer to \
         by this name.",
    )
    .required(),
    key(
        "image",
        Kind::Text,
        "The image: a registry reference, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, \
         `docker-archive:FILE[:TAG]`, `dir:PATH` or `tar:FILE`. Relative paths start from the directory of \
         the spec file. The word `bedplate` stands for Bedplate's own tools, and may stand beside `packages`.",
    ),
    PACKAGES_KEY,
];

const SUPERVISION: &[Key] = &[
    key(
        "restart",
        Kind::Choice(&["no", "on-failure", "always"]),
        "When a service that ended is started again. Needs Bedplate's init.",
    )
    .default("`on-failure`")
    .bedplate(),
    key(
        "after",
        TEXTS,
        "Services that must be ready before this one starts. Needs Bedplate's init.",
    )
    .bedplate(),
    key(
        "ready",
        Kind::Map(&READY),
        "When the service counts as ready; where absent, as soon as it runs. Needs Bedplate's init.",
    )
    .bedplate(),
    key(
        "onFailure",
        Kind::Choice(&["stop", "continue"]),
        "What the failure of an onboot container does: the boot stops, or goes on as LinuxKit's does. \
         Needs Bedplate's init.",
    )
    .default("`stop`")
    .bedplate(),
];

static READY: Map = Map {
    name: "ready",
    doc: "One probe, and how often it is tried.",
    extensible: false,
    keys: &[&[
        key(
            "tcp",
            Kind::Integer(1, 65535),
            "This port of 127.0.0.1, in the service's network namespace, accepts a connection.",
        )
        .bedplate(),
        key(
            "http",
            Kind::Text,
            "`GET` answers with a status of 200 to 399: `http://127.0.0.1:PORT/PATH`, `:PORT/PATH` or `PORT/PATH`, \
             always at 127.0.0.1.",
        )
        .bedplate(),
        key("file", Kind::Text, "This absolute path exists in the service's root.").bedplate(),
        key("exec", TEXTS, "This command, run in the container, exits with 0.").bedplate(),
        key("interval", Kind::Duration, "Time between attempts.").default("`1s`").bedplate(),
        key("timeout", Kind::Duration, "After this time the service counts as failed.").default("`60s`").bedplate(),
    ]],
};
