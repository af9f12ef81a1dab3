//! The levels of the crates: one uses only crates of a lower level.

use serde_json::Value;

/// The levels, lowest first. Levels 0 to 2 are pure: no files, network, processes, clock or environment.
const LEVELS: &[(&str, u8)] = &[
    ("bedplate-types", 0),
    ("bedplate-boot", 1),
    ("bedplate-tree", 1),
    ("bedplate-finding", 2),
    ("bedplate-formats", 2),
    ("bedplate-spec", 2),
    ("bedplate-store", 3),
    ("bedplate-sys", 3),
    ("bedplate-sources", 4),
    ("bedplate-build", 5),
    ("bedplate-run", 5),
    ("bedplate", 6),
    ("bedplate-init", 6),
    ("bedplate-runtime", 6),
    ("bedplate-tools", 6),
];

/// Crates for tests and developers only, which use any other, and which only tests may use.
const TOOLS: &[&str] = &["bedplate-testkit", "xtask"];

/// May use a crate of their own level: the store removes what it left half done, and waits for locks, through sys.
const BESIDE: &[(&str, &str)] = &[("bedplate-store", "bedplate-sys")];

/// What is wrong with the crates in `cargo metadata`'s output.
pub fn check(metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = text(&package["name"]);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Those with a path are ours.
            if dependency["path"].is_string() {
                let for_tests = dependency["kind"] == "dev";
                findings.extend(judge(name, text(&dependency["name"]), for_tests));
            }
        }
        if level(name).is_none() && !TOOLS.contains(&name) {
            findings.push(format!(
                "the crate {name} has no level (xtask/src/tidy/levels.rs)"
            ));
        }
    }
    findings
}

fn judge(user: &str, used: &str, for_tests: bool) -> Option<String> {
    if for_tests || TOOLS.contains(&user) || BESIDE.contains(&(user, used)) {
        return None;
    }
    match (level(user)?, level(used)) {
        (_, None) => Some(format!("{user} uses {used}, which is for tests only")),
        (own, Some(other)) if other >= own => Some(format!(
            "{user} (level {own}) uses {used} (level {other}): only lower levels may be used"
        )),
        _ => None,
    }
}

fn level(name: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, level)| *level)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_uses_lower_levels_only() {
        assert_eq!(judge("bedplate-build", "bedplate-spec", false), None);
        assert!(
            judge("bedplate-spec", "bedplate-build", false)
                .unwrap()
                .contains("only lower levels")
        );
        assert!(
            judge("bedplate-tree", "bedplate-boot", false).is_some(),
            "the same level"
        );
        assert!(
            judge("bedplate", "bedplate-testkit", false)
                .unwrap()
                .contains("for tests only")
        );
        assert_eq!(judge("bedplate", "bedplate-testkit", true), None);
    }
}
