//! `resources:` of a container. The names are those of the OCI runtime specification ("Linux: Control
//! groups"), so what is read goes into `config.json` as it is; only `blockio` is `blockIO` there.

use super::{I64, Kind, Map, U16, U32, U64, key};

pub(super) static RESOURCES: Map = Map {
    name: "resources",
    doc: "Limits of the container's cgroup.",
    extensible: false,
    keys: &[&[
        key(
            "devices",
            Kind::Maps(&DEVICE_RULE),
            "Rules for devices, in order.",
        ),
        key("memory", Kind::Map(&MEMORY), "Memory."),
        key("cpu", Kind::Map(&CPU), "Processor time."),
        key("pids", Kind::Map(&PIDS), "Number of processes."),
        key("blockio", Kind::Map(&BLOCK_IO), "Block devices.").alias(&["blockIO"]),
        key("hugepageLimits", Kind::Maps(&HUGEPAGES), "Huge pages."),
        key(
            "network",
            Kind::Map(&NETWORK),
            "Network classes and priorities (cgroup v1).",
        ),
        key(
            "unified",
            Kind::TextMap,
            "Files of cgroup v2, such as `memory.high`.",
        )
        .bedplate(),
    ]],
};

static DEVICE_RULE: Map = Map {
    name: "device rule",
    doc: "A rule for devices.",
    extensible: false,
    keys: &[&[
        key("allow", Kind::Flag, "Allowed or denied?").required(),
        key(
            "type",
            Kind::Choice(&["a", "b", "c"]),
            "`a` all, `b` block, `c` character.",
        ),
        key("major", I64, "Major number; all where absent."),
        key("minor", I64, "Minor number; all where absent."),
        key("access", Kind::Text, "Of `r`, `w` and `m` (make)."),
    ]],
};

static MEMORY: Map = Map {
    name: "memory",
    doc: "In bytes; -1 is unlimited.",
    extensible: false,
    keys: &[&[
        key("limit", I64, "Hard limit."),
        key("reservation", I64, "Soft limit."),
        key("swap", I64, "Limit of memory and swap."),
        key("kernel", I64, "Limit of kernel memory (cgroup v1)."),
        key("kernelTCP", I64, "Limit of TCP buffers (cgroup v1)."),
        key(
            "swappiness",
            Kind::Integer(0, 100),
            "Swappiness (cgroup v1).",
        ),
        key(
            "disableOOMKiller",
            Kind::Flag,
            "Is nothing killed at the limit? (cgroup v1)",
        ),
    ]],
};

static CPU: Map = Map {
    name: "cpu",
    doc: "Processor time.",
    extensible: false,
    keys: &[&[
        key("shares", U64, "Relative weight."),
        key("quota", I64, "Microseconds in each period."),
        key("period", U64, "Length of a period, in microseconds."),
        key(
            "realtimeRuntime",
            I64,
            "Microseconds of realtime in each realtime period (cgroup v1).",
        ),
        key(
            "realtimePeriod",
            U64,
            "Length of a realtime period (cgroup v1).",
        ),
        key("cpus", Kind::Text, "Processors, such as `0-3`."),
        key("mems", Kind::Text, "Memory nodes, such as `0`."),
    ]],
};

static PIDS: Map = Map {
    name: "pids",
    doc: "Number of processes.",
    extensible: false,
    keys: &[&[key("limit", I64, "At most so many.").required()]],
};

static BLOCK_IO: Map = Map {
    name: "blockio",
    doc: "Block devices.",
    extensible: false,
    keys: &[&[
        key("weight", U16, "Relative weight."),
        key(
            "leafWeight",
            U16,
            "Relative weight against child groups (cgroup v1).",
        ),
        key(
            "weightDevice",
            Kind::Maps(&WEIGHT_DEVICE),
            "Weights for single devices.",
        ),
        key(
            "throttleReadBpsDevice",
            THROTTLES,
            "Limits on bytes read a second.",
        ),
        key(
            "throttleWriteBpsDevice",
            THROTTLES,
            "Limits on bytes written a second.",
        ),
        key(
            "throttleReadIOPSDevice",
            THROTTLES,
            "Limits on reads a second.",
        ),
        key(
            "throttleWriteIOPSDevice",
            THROTTLES,
            "Limits on writes a second.",
        ),
    ]],
};

static WEIGHT_DEVICE: Map = Map {
    name: "weight",
    doc: "The weight for one device.",
    extensible: false,
    keys: &[&[
        key("major", I64, "Major number.").required(),
        key("minor", I64, "Minor number.").required(),
        key("weight", U16, "Relative weight."),
        key(
            "leafWeight",
            U16,
            "Relative weight against child groups (cgroup v1).",
        ),
    ]],
};

const THROTTLES: Kind = Kind::Maps(&THROTTLE);

static THROTTLE: Map = Map {
    name: "throttle",
    doc: "The limit for one device.",
    extensible: false,
    keys: &[&[
        key("major", I64, "Major number.").required(),
        key("minor", I64, "Minor number.").required(),
        key("rate", U64, "At most so many a second.").required(),
    ]],
};

static HUGEPAGES: Map = Map {
    name: "hugepage limit",
    doc: "The limit for one size of huge pages.",
    extensible: false,
    keys: &[&[
        key("pageSize", Kind::Text, "Size, such as `2MB`.").required(),
        key("limit", U64, "Limit in bytes.").required(),
    ]],
};

static NETWORK: Map = Map {
    name: "network",
    doc: "Network classes and priorities (cgroup v1).",
    extensible: false,
    keys: &[&[
        key("classID", U32, "Class of the packets."),
        key(
            "priorities",
            Kind::Maps(&PRIORITY),
            "Priorities by interface.",
        ),
    ]],
};

static PRIORITY: Map = Map {
    name: "priority",
    doc: "The priority on one interface.",
    extensible: false,
    keys: &[&[
        key("name", Kind::Text, "Interface.").required(),
        key("priority", U32, "Priority.").required(),
    ]],
};
