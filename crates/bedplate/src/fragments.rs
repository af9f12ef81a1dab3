//! Fragments: spec files inside this program, which specs include as `bedplate:NAME`.
//!
//! ```text
//! # What it does, in one sentence.
//! #
//! # More about it.
//! #
//! # Settings:
//! #   NAME  What it is.
//! onboot: …
//! ```
//!
//! The settings are the variables that the text mentions, and their defaults stand there.

use std::fmt::Write as _;

/// What names of fragments begin with.
pub const PREFIX: &str = "bedplate:";

/// A fragment.
pub struct Fragment {
    /// Its name, without the prefix.
    pub name: &'static str,
    /// Its YAML.
    pub text: &'static str,
}

macro_rules! fragments {
    ($($name:literal),* $(,)?) => {
        &[$(Fragment {
            name: $name,
            text: include_str!(concat!("../../../fragments/", $name, ".yml")),
        }),*]
    };
}

/// All of them: network, kernel, disks, then what runs.
pub const FRAGMENTS: &[Fragment] = fragments![
    "dhcp", "network", "sysctl", "modprobe", "format", "extend", "mount", "swap", "metadata",
    "ssh", "getty", "time", "logs", "metrics",
];

/// A variable of a fragment.
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it holds where nothing is set; `None` if something must be.
    pub default: Option<String>,
    /// What it is.
    pub meaning: String,
}

impl Fragment {
    /// The fragment of this name, with or without the prefix.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        FRAGMENTS.iter().find(|fragment| fragment.name == name)
    }

    /// The sentence at its beginning.
    pub fn summary(&self) -> &'static str {
        self.head().next().unwrap_or_default()
    }

    /// The comment at its beginning, line by line.
    fn head(&self) -> impl Iterator<Item = &'static str> {
        let comment = |line: &'static str| {
            line.strip_prefix('#')
                .map(|rest| rest.strip_prefix(' ').unwrap_or(rest))
        };
        self.text.lines().map_while(comment)
    }

    /// What is said of it behind the first sentence.
    fn description(&self) -> String {
        let lines: Vec<&str> = self
            .head()
            .skip(1)
            .take_while(|line| *line != "Settings:")
            .collect();
        lines.join("\n").trim().to_owned()
    }

    /// Its variables, as its head describes them.
    pub fn settings(&self) -> Vec<Setting> {
        let defaults = bedplate_spec::mentioned(self.text);
        let described = self.head().skip_while(|line| *line != "Settings:").skip(1);
        let setting = |line: &str| {
            let (name, meaning) = line.trim().split_once("  ")?;
            let default = defaults.iter().find(|(known, _)| *known == name)?.1;
            Some(Setting {
                name: name.to_owned(),
                default: default.map(str::to_owned),
                meaning: meaning.trim().to_owned(),
            })
        };
        described.filter_map(setting).collect()
    }
}

/// All fragments as one Markdown page.
pub fn reference() -> String {
    let mut page = String::from(PREFACE);
    for fragment in FRAGMENTS {
        let summary = fragment.summary();
        let description = fragment.description();
        let _ = write!(
            page,
            "\n## {PREFIX}{}\n\n{summary}\n\n{description}\n\n| Setting | Default | Meaning |\n|---|---|---|\n",
            fragment.name
        );
        for Setting {
            name,
            default,
            meaning,
        } in fragment.settings()
        {
            let default = match default.as_deref() {
                None => "required".to_owned(),
                Some("") => String::new(),
                Some(text) => format!("`{text}`"),
            };
            let _ = writeln!(page, "| `{name}` | {default} | {meaning} |");
        }
    }
    page
}

const PREFACE: &str = "\
# Fragments

System containers that come with Bedplate, to [include](spec.md#include) in a spec. [The
guide](../guide/system-containers.md) shows how they go together.

```yaml
include:
  - bedplate:dhcp
  - {file: bedplate:ssh, set: {KEYS: ssh-ed25519 AAAA… me}}
```

A fragment is an ordinary spec file. `bedplate fragments show NAME` prints one, to be copied and changed; a setting is a
variable in it, which `set` gives a value. What comes first in `include` runs first at boot.
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use bedplate_spec::{Load, LoadError, Scope, SourceText, Variables, parse};

    use super::*;
    use crate::loading::Files;

    #[test]
    fn every_file_of_the_directory_is_a_fragment() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fragments");
        let files = std::fs::read_dir(directory).unwrap();
        let files: BTreeSet<String> = files
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let known = FRAGMENTS
            .iter()
            .map(|fragment| format!("{}.yml", fragment.name));
        assert_eq!(files, known.collect());
    }

    /// LinuxKit's keys alone: no init is needed that knows more.
    #[test]
    fn fragments_suit_any_init() {
        struct Texts(String);
        impl Load for Texts {
            fn load(&self, from: Option<&Path>, name: &str) -> Result<SourceText, LoadError> {
                match from {
                    Some(_) => Files.load(from, name),
                    None => Ok(SourceText {
                        label: name.to_owned(),
                        id: name.into(),
                        dir: "/".into(),
                        text: self.0.clone(),
                        scope: Scope::Shared,
                    }),
                }
            }
        }
        for fragment in FRAGMENTS {
            let required = fragment.settings().into_iter();
            let required = required.filter(|setting| setting.default.is_none());
            let set: Vec<String> = required
                .map(|setting| format!("{}: x", setting.name))
                .collect();
            let text = format!(
                "init: [example.org/init:1]\ninclude: [{{file: {PREFIX}{}, set: {{{}}}}}]\n",
                fragment.name,
                set.join(", ")
            );
            let spec = parse(&["host.yml".to_owned()], &Texts(text), &Variables::new());
            let spec = spec.unwrap_or_else(|found| panic!("{}: {found}", fragment.name));
            assert_eq!(spec.warnings.to_string(), "");
        }
    }

    #[test]
    fn heads_describe_exactly_the_variables() {
        for fragment in FRAGMENTS {
            let described = fragment.settings().into_iter().map(|setting| setting.name);
            let described: BTreeSet<String> = described.collect();
            let mentioned = bedplate_spec::mentioned(fragment.text).into_iter();
            let mentioned = mentioned.map(|(name, _)| name.to_owned()).collect();
            assert_eq!(described, mentioned, "{}", fragment.name);
            assert!(fragment.summary().ends_with('.'), "{}", fragment.name);
            assert!(!fragment.description().is_empty(), "{}", fragment.name);
        }
    }
}
