//! What `config.json` can ask for and this runtime does not do.

use serde_json::Value;

/// Where it is asked for (JSON pointer), and what becomes of it.
const NOT_HONOURED: &[(&str, &str)] = &[
    ("/linux/seccomp", "system call filters are not built in"),
    (
        "/process/apparmorProfile",
        "AppArmor profiles are not built in",
    ),
    ("/process/selinuxLabel", "SELinux labels are not built in"),
    ("/linux/mountLabel", "SELinux labels are not built in"),
    (
        "/linux/resources/memory/kernel",
        "cgroup v2 has no limit of kernel memory apart",
    ),
    (
        "/linux/resources/memory/kernelTCP",
        "cgroup v2 has no limit of TCP memory apart",
    ),
    (
        "/linux/resources/memory/disableOOMKiller",
        "cgroup v2 cannot disable the OOM killer",
    ),
    (
        "/linux/resources/memory/swappiness",
        "cgroup v2 has no swappiness of a group",
    ),
    (
        "/linux/resources/cpu/realtimeRuntime",
        "cgroup v2 has no real-time budget",
    ),
    (
        "/linux/resources/cpu/realtimePeriod",
        "cgroup v2 has no real-time budget",
    ),
    (
        "/linux/resources/blockIO/leafWeight",
        "cgroup v2 has no leaf weight",
    ),
    (
        "/linux/resources/network",
        "cgroup v2 has no network classes and priorities",
    ),
    ("/linux/resources/rdma", "RDMA limits are not built in"),
];

/// A sentence for each thing in `config` that is not honoured. Empty values ask for nothing.
pub fn not_honoured(config: &Value) -> Vec<String> {
    let asked = |pointer: &str| config.pointer(pointer).is_some_and(asks_for_something);
    let named = NOT_HONOURED.iter().filter(|(pointer, _)| asked(pointer));
    named
        .map(|(pointer, why)| {
            format!(
                "config.json: `{}` has no effect: {why}",
                pointer[1..].replace('/', ".")
            )
        })
        .collect()
}

fn asks_for_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(asks_for_something),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_for_and_not_done_is_named() {
        let config = json!({"linux": {
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
            "resources": {"memory": {"limit": 1, "disableOOMKiller": false, "swappiness": 10}, "network": {}}
        }});
        assert_eq!(
            not_honoured(&config),
            [
                "config.json: `linux.seccomp` has no effect: system call filters are not built in",
                "config.json: `linux.resources.memory.swappiness` has no effect: cgroup v2 has no swappiness of a group",
            ]
        );
    }
}
