//! The loopback interface of a new network namespace, which runc sets up and libcontainer leaves down.

use std::io;

use bedplate_sys::namespaces;
use bedplate_sys::netlink::links;
use serde_json::Value;

/// Does the container get a network namespace of its own?
pub fn is_new(config: &Value) -> bool {
    let namespaces = config
        .pointer("/linux/namespaces")
        .and_then(Value::as_array);
    let text = |namespace: &Value, key| {
        namespace
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    namespaces
        .into_iter()
        .flatten()
        .any(|one| text(one, "type") == "network" && text(one, "path").is_empty())
}

/// Sets it up in the namespace of a process. This process stays in that namespace: it has nothing left to do.
pub fn bring_loopback_up(pid: u32) -> io::Result<()> {
    namespaces::enter_network_of(pid)?;
    links::set_up("lo")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_namespace_without_a_path_is_new() {
        let with = |namespace: Value| {
            is_new(&json!({"linux": {"namespaces": [{"type": "mount"}, namespace]}}))
        };
        assert!(with(json!({"type": "network"})));
        assert!(!with(json!({"type": "network", "path": "/run/netns/x"})));
        assert!(!with(json!({"type": "pid"})));
    }
}
