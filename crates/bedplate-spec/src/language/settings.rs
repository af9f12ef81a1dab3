//! How a container runs: the keys that a spec and the label of an image share.

use super::parts::{DEVICE, ID_MAPPING, MOUNT, RUNTIME};
use super::resources::RESOURCES;
use super::{Key, Kind, TEXTS, key};

pub(super) const SETTINGS: &[Key] = &[
    key(
        "command",
        TEXTS,
        "Program and arguments; replaces the image's entrypoint and command.",
    ),
    key(
        "env",
        TEXTS,
        "The whole environment, each entry `NAME=value`; replaces the image's.",
    ),
    key("cwd", Kind::Text, "Working directory.").default("the image's, else `/`"),
    key(
        "capabilities",
        TEXTS,
        "Capabilities such as `CAP_NET_ADMIN`; or the single word `all` or `none`.",
    )
    .default("none"),
    key(
        "capabilities.add",
        TEXTS,
        "Capabilities on top of `capabilities`, wherever that is set (LinuxKit drops them if the spec \
         sets `capabilities`, or if a label has them).",
    ),
    key(
        "ambient",
        TEXTS,
        "Ambient capabilities; they are bounding ones too. `all` or `none` stand alone.",
    ),
    key(
        "mounts",
        Kind::Maps(&MOUNT),
        "Mounts. One for a destination that has a mount already replaces it; `/proc`, `/dev`, `/dev/pts`, `/sys` \
         and `/sys/fs/cgroup` are there by default. The source of a `bind` may be the name of a volume.",
    ),
    key(
        "binds",
        TEXTS,
        "Bind mounts, `SOURCE:DESTINATION[:OPTIONS]`. The source is a path of the host or the name of a \
         volume. Without options: `rw,rbind,rshared`; `rbind` is added to given ones.",
    ),
    key(
        "binds.add",
        TEXTS,
        "Bind mounts on top of `binds`, wherever that is set (LinuxKit drops them if the spec sets \
         `binds`, or if a label has them).",
    ),
    key("tmpfs", TEXTS, "Mounts of tmpfs, `DESTINATION[:OPTIONS]`."),
    key(
        "devices",
        Kind::Maps(&DEVICE),
        "Devices that the container may use.",
    ),
    key(
        "net",
        Kind::Text,
        "Network namespace: `host` (or `root`), `new` (or `none`), or a path.",
    )
    .default("`host`"),
    key(
        "pid",
        Kind::Text,
        "PID namespace: `host` (or `root`), `new`, or a path.",
    )
    .default("`new`"),
    key(
        "ipc",
        Kind::Text,
        "IPC namespace: `host` (or `root`), `new`, or a path.",
    )
    .default("`host`"),
    key(
        "uts",
        Kind::Text,
        "UTS namespace: `host` (or `root`), `new`, or a path.",
    )
    .default("`host`"),
    key(
        "userns",
        Kind::Text,
        "User namespace: `host` (or `root`), `new`, or a path.",
    )
    .default("`host`"),
    key(
        "hostname",
        Kind::Text,
        "Host name in the container; takes effect with a `uts` of its own.",
    ),
    key(
        "readonly",
        Kind::Flag,
        "Is the root file system read-only? Otherwise writes go to a tmpfs over it.",
    )
    .default("`false`"),
    key(
        "maskedPaths",
        TEXTS,
        "Paths that cannot be read in the container.",
    )
    .default("none"),
    key(
        "readonlyPaths",
        TEXTS,
        "Paths that cannot be written in the container.",
    )
    .default("none"),
    key(
        "uid",
        Kind::Id,
        "User: a number or the name of a container.",
    )
    .default("`0`"),
    key(
        "gid",
        Kind::Id,
        "Group: a number or the name of a container.",
    )
    .default("`0`"),
    key("additionalGids", Kind::List(&Kind::Id), "More groups."),
    key(
        "noNewPrivileges",
        Kind::Flag,
        "Can no program in the container gain privileges?",
    )
    .default("`false`"),
    key(
        "oomScoreAdj",
        Kind::Integer(-1000, 1000),
        "Adjustment of the kernel's out-of-memory score.",
    ),
    key(
        "rootfsPropagation",
        Kind::Choice(&["", "shared", "slave", "private", "unbindable"]),
        "Mount propagation of the root file system.",
    ),
    key("cgroupsPath", Kind::Text, "Path of the container's cgroup."),
    key(
        "resources",
        Kind::Map(&RESOURCES),
        "Limits, as in the OCI runtime specification.",
    ),
    key(
        "sysctl",
        Kind::TextMap,
        "Kernel parameters of the container's namespaces.",
    ),
    key(
        "rlimits",
        TEXTS,
        "Resource limits, `NAME,SOFT,HARD`, such as `nofile,1024,unlimited`.",
    ),
    key(
        "uidMappings",
        Kind::Maps(&ID_MAPPING),
        "User ids of a `userns` of its own.",
    ),
    key(
        "gidMappings",
        Kind::Maps(&ID_MAPPING),
        "Group ids of a `userns` of its own.",
    ),
    key(
        "annotations",
        Kind::TextMap,
        "Annotations in the OCI configuration.",
    ),
    key(
        "runtime",
        Kind::Map(&RUNTIME),
        "Steps around the start of the container, in the host's namespaces.",
    ),
];
