//! The top level of a spec: kernel, init, lists of containers, volumes and files.

use super::container::CONTAINER_LISTS;
use super::{Kind, Map, TEXTS, key};

/// A whole spec file.
pub static HOST: Map = Map {
    name: "spec",
    doc: "A host. Several files, and files named by `include:`, make one spec: lists are joined in \
          order, and of the kernel's keys the last that is not empty holds. Keys that begin with `x-` are passed \
          over: they are a place for anchors (`x-common: &common`).",
    extensible: true,
    keys: &[
        &[
            key(
                "include",
                Kind::List(&INCLUDE_ENTRY),
                "Spec files that come before this one, relative to it, and [fragments](fragments.md) that come \
                 with Bedplate, as `bedplate:NAME`. A file that was read already with the same variables is \
                 passed over; a cycle is an error.",
            )
            .bedplate(),
            key(
                "zfs",
                Kind::Flag,
                "OpenZFS, with a `debian` base: its tools, and its modules built for exactly the kernel of the base. \
                 The licences of the two do not allow to pass the image on as a binary.",
            )
            .default("`false`")
            .bedplate(),
            key("hostname", Kind::Text, "The host's name, written to `/etc/hostname`.").bedplate(),
            key(
                "base",
                Kind::Any(&[Kind::Text, Kind::Map(&BASE)]),
                "The root that everything else goes on top of: an image reference, or a distribution whose \
                 packages are installed. Without `init`, PID 1 is then the base's own `/sbin/init`. Of several \
                 files the last one's counts.",
            )
            .bedplate(),
            key(
                "kernel",
                Kind::Map(&KERNEL),
                "The kernel. Without it only a `tar` can be built. With a `base` it may have only a `cmdline`: the \
                 kernel is then the base's.",
            ),
            key(
                "init",
                Kind::List(&INIT_ENTRY),
                "Images that are unpacked over the root in order. The word `bedplate` stands for \
                 Bedplate's own init. Where the list has images but not that word, the images bring \
                 PID 1 themselves, as LinuxKit's do.",
            )
            .default("`[bedplate]`; with a `base` none"),
        ],
        CONTAINER_LISTS,
        &[
            key(
                "root",
                Kind::Choice(&["initramfs", "image"]),
                "Where the root lies. `initramfs`: it is unpacked into memory at boot. `image`: it is a compressed, \
                 read-only image below a file system in memory, which a small initramfs finds, verifies and mounts.",
            )
            .default("`image` where `base` brings PID 1, else `initramfs`")
            .bedplate(),
            key("volumes", Kind::Maps(&VOLUME), "Named trees that containers share."),
            key("files", Kind::Maps(&FILE), "Files of the root, placed after all else."),
            key(
                "trust",
                Kind::Map(&TRUST),
                "Whom the host believes. What old LinuxKit specs say here has no effect, and a warning says so: pin \
                 images by digest instead.",
            ),
        ],
    ],
};

static KERNEL: Map = Map {
    name: "kernel",
    doc: "The kernel comes from an image in LinuxKit's form (the kernel and a tar of its modules), or \
          from packages of a distribution.",
    extensible: false,
    keys: &[&[
        key("image", Kind::Text, "The image that holds the kernel."),
        PACKAGES_KEY,
        key("cmdline", Kind::Text, "The kernel command line. With Bedplate's init, `rootfstype=ramfs` is appended unless it says `root=` or `rootfstype=`."),
        key("binary", Kind::Text, "Name of the kernel in the image.").default("`kernel`"),
        key(
            "tar",
            Kind::Text,
            "Name of the tar in the image that is unpacked over the root; `none` or empty for none.",
        )
        .default("`kernel.tar`"),
        key("ucode", Kind::Text, "Name of a cpio archive with microcode in the image, which goes before the initrd."),
    ]],
};

static BASE: Map = Map {
    name: "base",
    doc: "A root of a distribution's packages.",
    extensible: false,
    keys: &[&[key(
        "debian",
        Kind::Map(&DEBIAN),
        "Debian, or a distribution that is made like it.",
    )
    .bedplate()]],
};

/// Which archive of packages is meant.
const ARCHIVE: &[super::Key] = &[
    key("suite", Kind::Text, "Suite, such as `trixie`.")
        .default("that of the build machine")
        .bedplate(),
    key("components", TEXTS, "Components of the archive.")
        .default("`[main]`")
        .bedplate(),
    key("mirror", Kind::Text, "URL of the archive.")
        .default("that of the build machine")
        .bedplate(),
    key(
        "keyring",
        Kind::Text,
        "File of the keys that sign the archive, as gpgv(1) reads it; relative to the first spec.",
    )
    .default("the keys that the build machine's apt trusts")
    .bedplate(),
];

static DEBIAN: Map = Map {
    name: "debian base",
    doc: "The essential packages of a Debian-like distribution and those named here, with what they depend on, \
          installed: their maintainer scripts run, in a sandbox without network. No password is set, and \
          nothing that belongs to one machine (SSH host keys, machine id) is left.",
    extensible: false,
    keys: &[
        ARCHIVE,
        &[key(
            "packages",
            TEXTS,
            "Names of packages beside the essential ones. A kernel brings no initramfs generator.",
        )
        .bedplate()],
    ],
};

static INCLUDE_ENTRY: Kind = Kind::Any(&[Kind::Text, Kind::Map(&INCLUDE)]);

static INCLUDE: Map = Map {
    name: "include",
    doc: "A spec file to include, with variables of its own.",
    extensible: false,
    keys: &[&[
        key("file", Kind::Text, "The file or fragment.")
            .required()
            .bedplate(),
        key(
            "set",
            Kind::TextMap,
            "Variables that hold in that file and in what it includes, before those of `--set`. One that nothing \
             there uses is an error.",
        )
        .bedplate(),
    ]],
};

static INIT_ENTRY: Kind = Kind::Any(&[Kind::Text, Kind::Map(&INIT_IMAGE)]);

static INIT_IMAGE: Map = Map {
    name: "init image",
    doc: "An image of `init:` that is no plain reference.",
    extensible: false,
    keys: &[&[
        key("image", Kind::Text, "An image reference.").bedplate(),
        PACKAGES_KEY,
    ]],
};

pub(super) const PACKAGES_KEY: super::Key = key(
    "packages",
    NAMES_OR_MORE,
    "Distribution packages instead of `image`: their names, or a map that says more.",
)
.bedplate();

const NAMES_OR_MORE: Kind = Kind::Any(&[TEXTS, Kind::Map(&PACKAGES)]);

/// Distribution packages in full.
pub static PACKAGES: Map = Map {
    name: "packages",
    doc: "Packages of a Debian-like distribution, with what they depend on, unpacked over one another. \
          Their maintainer scripts do not run.",
    extensible: false,
    keys: &[
        &[key("include", TEXTS, "Names of the packages.")
            .required()
            .bedplate()],
        ARCHIVE,
        &[key(
            "dependencies",
            Kind::Choice(&["required", "recommended", "none"]),
            "What comes along: what the packages depend on, also what they recommend, or nothing.",
        )
        .default("`required`; for the kernel `none`")
        .bedplate()],
    ],
};

static VOLUME: Map = Map {
    name: "volume",
    doc: "A tree at `/containers/volumes/NAME`. Containers mount it by its name: `binds: [NAME:/path]`.",
    extensible: false,
    keys: &[&[
        key(
            "name",
            Kind::Text,
            "Name, of `a` to `z`, `0` to `9`, `_` and `-`; unique.",
        )
        .required(),
        key(
            "image",
            Kind::Text,
            "What the volume holds at first; an empty directory where absent.",
        ),
        PACKAGES_KEY,
        key("readonly", Kind::Flag, "Can nobody write to it?").default("`false`"),
        key(
            "format",
            Kind::Choice(&["filesystem", "oci"]),
            "`filesystem` unpacks the image; `oci` stores it as an OCI image layout.",
        )
        .default("`filesystem`"),
        key(
            "platforms",
            TEXTS,
            "With `format: oci`, the platform to store: the host's own, such as `linux/amd64`.",
        ),
    ]],
};

static FILE: Map = Map {
    name: "file",
    doc: "One file, directory or symlink. Exactly one of `contents`, `source`, `metadata`, `directory` and \
          `symlink` says what it is. Missing parents are made with mode 0755 and owner root (LinuxKit \
          gives them the file's mode and owner). What lies under `/var`, `/run` or `/tmp` is hidden by \
          the tmpfs that init mounts there.",
    extensible: false,
    keys: &[&[
        key(
            "path",
            Kind::Text,
            "Where it goes; a leading `/` makes no difference.",
        )
        .required(),
        key("contents", Kind::Text, "The contents."),
        key(
            "source",
            Kind::Text,
            "A file of the build machine; `~/` is the home directory. A relative path starts from the \
             directory of the spec file (LinuxKit: from the working directory). A directory is copied with \
             all that it holds (LinuxKit refuses one).",
        ),
        key(
            "metadata",
            Kind::Choice(&["yaml", "json"]),
            "The merged spec of the host, in this form, is the contents.",
        ),
        key("directory", Kind::Flag, "Is it a directory?").default("`false`"),
        key("symlink", Kind::Text, "It is a symlink with this target."),
        key(
            "optional",
            Kind::Flag,
            "Is it left out if `source` does not exist?",
        )
        .default("`false`"),
        key("mode", Kind::Mode, "Permissions, in octal.").default("`0600`, for directories `0700`"),
        key(
            "uid",
            Kind::Id,
            "Owner: a number or the name of a container.",
        )
        .default("`0`"),
        key(
            "gid",
            Kind::Id,
            "Group: a number or the name of a container.",
        )
        .default("`0`"),
    ]],
};

static TRUST: Map = Map {
    name: "trust",
    doc: "Whom the host believes. `image` and `org` are of old LinuxKit versions.",
    extensible: false,
    keys: &[&[
        key(
            "keys",
            TEXTS,
            "Public keys (ed25519, 64 hexadecimal digits; `bedplate key show` prints them). A host with `root: image` \
             boots whatever root image one of them signed; without keys, only the one that it was built with.",
        )
        .bedplate(),
        key("image", TEXTS, "No effect."),
        key("org", TEXTS, "No effect."),
    ]],
};
