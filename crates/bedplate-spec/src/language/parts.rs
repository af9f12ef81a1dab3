//! The maps inside the settings of a container: mounts, devices, id mappings, runtime.

use super::{I64, Kind, Map, TEXTS, U32, key};

pub(super) static MOUNT: Map = Map {
    name: "mount",
    doc: "A mount. The type follows from the source or from the destination `/dev`, the destination \
          from the type (`proc`, `sysfs`, `devpts`, `cgroup`, `mqueue`).",
    extensible: false,
    keys: &[&[
        key("destination", Kind::Text, "Where, in the container."),
        key(
            "type",
            Kind::Text,
            "File system type; `bind` for a bind mount.",
        ),
        key("source", Kind::Text, "Device, directory or name.").default("the type"),
        key("options", TEXTS, "As for `mount -o`."),
        key(
            "uidMappings",
            Kind::Maps(&ID_MAPPING),
            "User ids of an idmapped mount.",
        )
        .alias(&["uidmappings"]),
        key(
            "gidMappings",
            Kind::Maps(&ID_MAPPING),
            "Group ids of an idmapped mount.",
        )
        .alias(&["gidmappings"]),
    ]],
};

pub(super) static DEVICE: Map = Map {
    name: "device",
    doc: "A device node. `path: all` makes no node, but allows all devices of the type.",
    extensible: false,
    keys: &[&[
        key("path", Kind::Text, "Path in the container, or `all`.").required(),
        key(
            "type",
            Kind::Choice(&["a", "b", "c", "p", "u"]),
            "`c` character, `b` block, `p` pipe, `u` unbuffered.",
        )
        .required(),
        key("major", I64, "Major number.").default("`0`"),
        key("minor", I64, "Minor number.").default("`0`"),
        key(
            "mode",
            Kind::Mode,
            "Permissions, in octal (LinuxKit fails without it).",
        )
        .default("`0600`"),
    ]],
};

pub(super) static ID_MAPPING: Map = Map {
    name: "id mapping",
    doc: "A range of ids.",
    extensible: false,
    keys: &[&[
        key("containerID", U32, "First id in the container.").required(),
        key(
            "hostID",
            U32,
            "First id in the host. (LinuxKit drops it, so that 0 is mapped to the host's root.)",
        )
        .required(),
        key("size", U32, "How many.").required(),
    ]],
};

pub(super) static RUNTIME: Map = Map {
    name: "runtime",
    doc: "Steps around the start of the container; what is listed here is done in the host's namespaces.",
    extensible: false,
    keys: &[&[
        key(
            "cgroups",
            TEXTS,
            "Directories to make under `/sys/fs/cgroup`.",
        ),
        key(
            "mounts",
            Kind::Maps(&MOUNT),
            "Mounts before the container is made. Destinations are made; relative ones lie in the container's \
             root.",
        ),
        key(
            "mkdir",
            TEXTS,
            "Directories to make after the mounts, mode 0755.",
        ),
        key(
            "interfaces",
            Kind::Maps(&INTERFACE),
            "Network interfaces for the container.",
        ),
        key(
            "bindNS",
            Kind::Map(&NAMESPACES),
            "Files to bind the container's namespaces to.",
        ),
        key(
            "namespace",
            Kind::Text,
            "containerd's namespace; only for LinuxKit's init.",
        )
        .default("`services.linuxkit`"),
    ]],
};

static INTERFACE: Map = Map {
    name: "interface",
    doc: "A network interface.",
    extensible: false,
    keys: &[&[
        key("name", Kind::Text, "Its name.").required(),
        key(
            "add",
            Kind::Text,
            "Type to make, such as `veth` or `dummy`; where absent, an existing one is moved.",
        ),
        key(
            "peer",
            Kind::Text,
            "Name of the other end of a `veth`, which stays in the host.",
        ),
        key(
            "createInRoot",
            Kind::Flag,
            "Is it made in the host's namespace and then moved?",
        )
        .default("`false`"),
    ]],
};

static NAMESPACES: Map = Map {
    name: "namespaces",
    doc: "A file for each namespace that others should be able to join.",
    extensible: false,
    keys: &[&[
        key("cgroup", Kind::Text, "For the cgroup namespace."),
        key("ipc", Kind::Text, "For the IPC namespace."),
        key("mnt", Kind::Text, "For the mount namespace."),
        key("net", Kind::Text, "For the network namespace."),
        key("pid", Kind::Text, "For the PID namespace."),
        key("user", Kind::Text, "For the user namespace."),
        key("uts", Kind::Text, "For the UTS namespace."),
    ]],
};
