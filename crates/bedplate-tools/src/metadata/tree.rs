//! User data in LinuxKit's form: a tree of files as JSON (its package `metadata`).
//!
//! ```text
//! {"ssh": {"entries": {"sshd_config": {"perm": "0600", "content": "PermitRootLogin yes"}}},
//!  "name": {"content": "web"}}
//! ```
//!
//! What is not JSON, or whose values have other keys, is user data of another kind, and makes no files.

use serde_json::{Map, Value};

/// Directories in directories.
const DEEPEST: usize = 16;

/// A file that user data asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the directory of the configuration.
    pub path: String,
    /// Permissions.
    pub mode: u32,
    /// What it holds.
    pub contents: String,
}

/// The files that `data` asks for; a sentence if it is in that form and cannot be followed.
pub fn files(data: &[u8]) -> Result<Vec<File>, String> {
    let Ok(Value::Object(entries)) = serde_json::from_slice(data) else {
        return Ok(Vec::new());
    };
    if entries.is_empty() || !entries.values().all(is_entry) {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    collect(&entries, "", 0, &mut files)?;
    Ok(files)
}

fn is_entry(value: &Value) -> bool {
    let known = |map: &Map<String, Value>| {
        !map.is_empty()
            && map
                .keys()
                .all(|key| ["content", "entries", "perm"].contains(&key.as_str()))
    };
    value.as_object().is_some_and(known)
}

fn collect(
    entries: &Map<String, Value>,
    below: &str,
    depth: usize,
    files: &mut Vec<File>,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("`{below}` lies too deep"));
    }
    for (name, entry) in entries {
        let path = format!("{below}{name}");
        let plain =
            !name.is_empty() && !matches!(name.as_str(), "." | "..") && !name.contains(['/', '\0']);
        if !plain || !is_entry(entry) {
            return Err(format!("`{path}` is no file or directory"));
        }
        match (entry.get("content"), entry.get("entries")) {
            (Some(Value::String(contents)), None) => files.push(File {
                mode: mode(entry)
                    .ok_or_else(|| format!("`perm` of `{path}` is not octal, such as 0600"))?,
                contents: contents.clone(),
                path,
            }),
            (None, Some(Value::Object(inner))) => {
                collect(inner, &format!("{path}/"), depth + 1, files)?
            }
            _ => {
                return Err(format!(
                    "`{path}` has neither a text as `content` nor `entries`"
                ));
            }
        }
    }
    Ok(())
}

fn mode(entry: &Value) -> Option<u32> {
    match entry.get("perm") {
        None => Some(0o644),
        Some(Value::String(text)) => u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tree_becomes_files() {
        let data = br#"{"ssh": {"perm": "0700", "entries": {"config": {"perm": "0600", "content": "x"}}}, "name": {"content": "web"}}"#;
        let file = |path: &str, mode, contents: &str| File {
            path: path.into(),
            mode,
            contents: contents.into(),
        };
        assert_eq!(
            files(data).unwrap(),
            [file("name", 0o644, "web"), file("ssh/config", 0o600, "x")]
        );
    }

    #[test]
    fn other_user_data_makes_none_and_wrong_ones_are_told() {
        for other in [
            "#cloud-config\n",
            "#!/bin/sh\n",
            "{}",
            "[1]",
            r#"{"role": "web"}"#,
            r#"{"a": {"b": 1}}"#,
        ] {
            assert_eq!(files(other.as_bytes()), Ok(Vec::new()), "{other}");
        }
        for wrong in [
            r#"{"..": {"content": "x"}}"#,
            r#"{"a/b": {"content": "x"}}"#,
            r#"{"a": {"content": "x", "perm": "999"}}"#,
            r#"{"a": {"perm": "0600"}}"#,
            r#"{"a": {"entries": {"b": 1}}}"#,
        ] {
            assert!(files(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_path_leads_out(names in prop::collection::vec("[./a-z]{0,4}", 1..5)) {
            let mut value = serde_json::json!({"content": "x"});
            for name in &names {
                value = serde_json::json!({"entries": {name.clone(): value}});
            }
            let data = serde_json::to_vec(&value["entries"]).unwrap();
            for file in files(&data).unwrap_or_default() {
                prop_assert!(file.path.split('/').all(|part| !part.is_empty() && part != ".." && part != "."));
            }
        }
    }
}
