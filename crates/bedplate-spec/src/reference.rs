//! The reference of the language for the manual, made from the table of keys.

use std::fmt::Write as _;

use crate::language::{HOST, Key, Kind, Map, Since};
use crate::scalars;

const PREFACE: &str = "\
# Spec reference

A spec is YAML. [LinuxKit](https://github.com/linuxkit/linuxkit)'s specs are valid as they are, with the same
meaning; keys marked **+** are not in LinuxKit's language. Every mistake of all files is reported at once, with
file, line and column.

**Files.** `bedplate build A.yml B.yml` merges the files in order: lists are joined, and of the kernel's
keys the last one that is not empty holds. `include:` names files that come before the one that holds it.

**Variables.** `${NAME}` in a value is replaced by what `--set NAME=VALUE` says, `${NAME:-default}` by the default
if nothing is set, and `$${` stands for `${` itself. A variable that is neither set nor has a default is an error.
Every other `$` stands for itself (`$HOME`, `$(date)`, `$$`).

**Single values.** Where text is expected, what is written is taken as it is, quoted or not. `yes`, `no`, `on` and
`off` are flags, and `mode: 0644` is octal, as YAML 1.1 has it. A key with nothing behind it is as good as
none. Anchors, aliases and `<<` work.

**Relative paths** start from the directory of the spec file that holds them. (LinuxKit: the working directory.)
";

const DIFFERENCES: &str = "
## Differences from LinuxKit

What LinuxKit drops or breaks in silence is honoured here, or refused with a message:

- Keys of `resources` in camel case (`disableOOMKiller`, `realtimePeriod`, `classID`, …) and `hostID` in id mappings
  take effect.
- `capabilities.add` and `binds.add` append also where the spec sets the base list, and in labels.
- Names of volumes work in `mounts:` as in `binds:`, and across several files.
- Read-only volumes are mounted read-only by Bedplate's init. (LinuxKit's init mounts them for writing, so a
  warning says so; containers cannot write to them in either case.)
- Missing parents of `files:` have mode 0755 and owner root, not the mode and owner of the file.
- A device without `mode` has mode 0600. LinuxKit fails.
- `trust.image` and `trust.org` have no effect, and a warning says so.
- A second YAML document in a file, a value that is given in two ways, and a host name without a UTS namespace of
  its own are errors.
- A container that neither the spec nor its image gives a command is an error at build time.

Other choices:

- Relative paths start from the spec file, and `source:` may be a directory.
- `/etc/hosts` and `/etc/resolv.conf` are replaced in images of container tools, as LinuxKit does; what a `dir:`, a
  `tar:` or packages bring is kept.
- An image in a volume is stored as it is. (LinuxKit adds `/dev`, `/etc/hosts` and the like.)
- The user that an image names is not looked at, as in LinuxKit, but a warning says so.
- With Bedplate's init, the failure of an onboot container stops the boot unless it has `onFailure: continue`.
- `@pkg:` references are refused: they need LinuxKit's own package build.
";

/// The reference of the language as Markdown.
pub fn reference_markdown() -> String {
    let mut sections = Vec::new();
    collect(&HOST, &mut sections);
    let mut out = PREFACE.to_owned();
    for map in sections {
        write!(out, "\n## {}\n\n{}\n\n", title(map), map.doc)
            .expect("writing to a String cannot fail");
        out.push_str("| Key | Holds | Default | Meaning |\n|---|---|---|---|\n");
        map.all_keys().for_each(|key| row(key, &mut out));
    }
    out.push_str(DIFFERENCES);
    out
}

/// All maps that can be reached, each once, a map before what it holds.
fn collect(map: &'static Map, sections: &mut Vec<&'static Map>) {
    if sections.iter().any(|known| std::ptr::eq(*known, map)) {
        return;
    }
    sections.push(map);
    for key in map.all_keys() {
        inner_maps(&key.kind)
            .into_iter()
            .for_each(|inner| collect(inner, sections));
    }
}

fn inner_maps(kind: &'static Kind) -> Vec<&'static Map> {
    match kind {
        Kind::Map(map) | Kind::Maps(map) => vec![map],
        Kind::List(item) => inner_maps(item),
        Kind::Any(kinds) => kinds.iter().flat_map(inner_maps).collect(),
        _ => Vec::new(),
    }
}

fn title(map: &Map) -> String {
    let mut letters = map.name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn row(key: &Key, out: &mut String) {
    let since = match key.since {
        Since::LinuxKit => "",
        Since::Bedplate => " **+**",
    };
    let default = if key.required {
        "required"
    } else {
        key.default
    };
    let cell = |text: &str| text.replace('|', "\\|");
    writeln!(
        out,
        "| `{}`{since} | {} | {} | {} |",
        key.name,
        cell(&holds(&key.kind)),
        cell(default),
        cell(key.doc)
    )
    .expect("writing to a String cannot fail");
}

/// The kind, with links to the sections of maps.
fn holds(kind: &Kind) -> String {
    let link = |map: &Map| format!("[{}](#{})", map.name, map.name.replace(' ', "-"));
    match kind {
        Kind::Map(map) => link(map),
        Kind::Maps(map) => format!("list of {}", link(map)),
        Kind::List(Kind::Any(kinds)) => format!(
            "list of {}",
            kinds.iter().map(holds).collect::<Vec<_>>().join(" or ")
        ),
        Kind::Any(kinds) => kinds.iter().map(holds).collect::<Vec<_>>().join(", or "),
        other => scalars::describe(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_to_a_section_of_its_own() {
        let text = reference_markdown();
        let headings: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(|title| title.to_lowercase().replace(' ', "-"))
            .collect();
        let unique: std::collections::BTreeSet<&String> = headings.iter().collect();
        assert_eq!(unique.len(), headings.len(), "two maps have one name");
        for link in text.split("](#").skip(1) {
            let target = link.split(')').next().unwrap().to_owned();
            assert!(headings.contains(&target), "{target}");
        }
    }
}
