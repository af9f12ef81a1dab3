//! Device rules of `linux.resources.devices`, put into force at the container's cgroup.
//!
//! libcontainer would need libbpf for this, which is C; the program is a few instructions (bedplate-sys).
//! As with runc, a container that has no rules may use nothing but the devices that every container has.

use std::io;
use std::path::{Path, PathBuf};

use bedplate_sys::device_filter::{self, DeviceKind, DeviceRule, MAKE, READ, WRITE};
use serde_json::Value;

const CGROUPS: &str = "/sys/fs/cgroup";
const EVERYTHING: u32 = MAKE | READ | WRITE;

/// Kind, major, minor: `/dev/null`, `zero`, `full`, `random`, `urandom`, `tty`, `ptmx` and the pseudo terminals
/// (OCI runtime specification, "Default Devices").
const ALWAYS_ALLOWED: &[(u32, Option<u32>)] = &[
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(2)),
    (136, None),
];

/// A rule of `config.json` cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("config.json: the device rule {0} is malformed")]
pub struct MalformedRule(Value);

/// The rules of a configuration, with those that hold for every container.
pub fn rules(config: &Value) -> Result<Vec<DeviceRule>, MalformedRule> {
    let nothing = DeviceRule {
        allow: false,
        kind: None,
        major: None,
        minor: None,
        access: EVERYTHING,
    };
    let mut rules = vec![nothing];
    let written = config
        .pointer("/linux/resources/devices")
        .and_then(Value::as_array);
    for rule in written.into_iter().flatten() {
        rules.push(parse(rule).ok_or_else(|| MalformedRule(rule.clone()))?);
    }
    // A node may always be made: it can be opened only if a rule allows that.
    rules.push(DeviceRule {
        allow: true,
        access: MAKE,
        ..nothing
    });
    let character = |&(major, minor): &(u32, Option<u32>)| DeviceRule {
        allow: true,
        kind: Some(DeviceKind::Character),
        major: Some(major),
        minor,
        access: EVERYTHING,
    };
    rules.extend(ALWAYS_ALLOWED.iter().map(character));
    Ok(rules)
}

fn parse(rule: &Value) -> Option<DeviceRule> {
    let kind = match rule.get("type").and_then(Value::as_str).unwrap_or("a") {
        "a" | "" => None,
        "b" => Some(DeviceKind::Block),
        "c" | "u" => Some(DeviceKind::Character),
        _ => return None,
    };
    // -1 means all, as on the cgroup's own command line.
    let number = |key| match rule.get(key).map(Value::as_i64) {
        None | Some(Some(-1)) => Some(None),
        Some(number) => Some(Some(u32::try_from(number?).ok()?)),
    };
    let mut access = 0;
    for letter in rule
        .get("access")
        .and_then(Value::as_str)
        .unwrap_or("rwm")
        .chars()
    {
        access |= match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MAKE,
            _ => return None,
        };
    }
    Some(DeviceRule {
        allow: rule.get("allow")?.as_bool()?,
        kind,
        major: number("major")?,
        minor: number("minor")?,
        access,
    })
}

/// Puts rules into force for the cgroup that `linux.cgroupsPath` names.
pub fn enforce(config: &Value, rules: &[DeviceRule]) -> io::Result<()> {
    device_filter::attach(&cgroup(config), rules)
}

fn cgroup(config: &Value) -> PathBuf {
    let path = config
        .pointer("/linux/cgroupsPath")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Path::new(CGROUPS).join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn written_rules_stand_between_deny_all_and_the_default_devices() {
        let config = json!({"linux": {"resources": {"devices": [
            {"allow": true, "type": "b", "access": "rw"},
            {"allow": false, "type": "c", "major": 10, "minor": -1}
        ]}}});
        let rules = rules(&config).unwrap();
        assert_eq!(rules.len(), 4 + ALWAYS_ALLOWED.len());
        assert!(!rules[0].allow);
        let block = DeviceRule {
            allow: true,
            kind: Some(DeviceKind::Block),
            major: None,
            minor: None,
            access: READ | WRITE,
        };
        assert_eq!(rules[1], block);
        let character = DeviceRule {
            allow: false,
            kind: Some(DeviceKind::Character),
            major: Some(10),
            minor: None,
            access: EVERYTHING,
        };
        assert_eq!(rules[2], character);
    }

    #[test]
    fn malformed_rules_are_refused() {
        for rule in [
            json!({}),
            json!({"allow": true, "access": "x"}),
            json!({"allow": true, "major": "8"}),
            json!({"allow": true, "type": "z"}),
        ] {
            assert!(
                rules(&json!({"linux": {"resources": {"devices": [rule.clone()]}}})).is_err(),
                "{rule}"
            );
        }
    }
}
