//! Differences as people read them: `+` what is new, `-` what has gone, `~` what changed.

use std::fmt::{self, Display, Formatter};
use std::io::IsTerminal;

use bedplate_build::{
    Change, Diff, FileChange, PackageChange, Sizes, State, UnitChange, UnitState,
};
use bedplate_types::ByteSize;

/// A difference, to be printed.
pub struct Report<'a> {
    diff: &'a Diff,
    colours: bool,
}

/// What happened to something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Added,
    Removed,
    Changed,
}

impl Mark {
    fn of<T>(old: &Option<T>, new: &Option<T>) -> Self {
        match (old, new) {
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
            _ => Self::Changed,
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }

    /// Green, red, yellow (ECMA-48, "SGR").
    fn colour(self) -> u8 {
        match self {
            Self::Added => 32,
            Self::Removed => 31,
            Self::Changed => 33,
        }
    }
}

impl<'a> Report<'a> {
    /// With colours if standard output is a terminal whose user has nothing against them.
    pub fn new(diff: &'a Diff) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            diff,
            colours: !refused && std::io::stdout().is_terminal(),
        }
    }

    fn line(&self, f: &mut Formatter<'_>, mark: Mark, text: impl Display) -> fmt::Result {
        let text = visible(&text.to_string());
        match self.colours {
            true => writeln!(f, "\x1b[{}m  {} {text}\x1b[m", mark.colour(), mark.sign()),
            false => writeln!(f, "  {} {text}", mark.sign()),
        }
    }

    /// A heading with numbers, and a line for each change.
    fn part<T>(
        &self,
        f: &mut Formatter<'_>,
        what: &str,
        changes: Option<&Vec<T>>,
        line: impl Fn(&T) -> (Mark, String),
    ) -> fmt::Result {
        let Some(changes) = changes.filter(|changes| !changes.is_empty()) else {
            return Ok(());
        };
        let lines: Vec<(Mark, String)> = changes.iter().map(line).collect();
        let counted = [
            (Mark::Added, "added"),
            (Mark::Removed, "removed"),
            (Mark::Changed, "changed"),
        ];
        let counted = counted.iter().filter_map(|(mark, word)| {
            let count = lines.iter().filter(|(other, _)| other == mark).count();
            (count > 0).then(|| format!("{count} {word}"))
        });
        writeln!(f, "{what}: {}", counted.collect::<Vec<_>>().join(", "))?;
        for (mark, text) in lines {
            self.line(f, mark, text)?;
        }
        Ok(())
    }

    fn value(
        &self,
        f: &mut Formatter<'_>,
        what: &str,
        change: Option<&Change<String>>,
    ) -> fmt::Result {
        let Some(Change { old, new }) = change else {
            return Ok(());
        };
        writeln!(f, "{what}:")?;
        self.line(f, Mark::Removed, old)?;
        self.line(f, Mark::Added, new)
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let diff = self.diff;
        self.value(f, "kernel", diff.kernel.as_ref())?;
        self.value(f, "command line", diff.cmdline.as_ref())?;
        self.part(f, "packages", diff.packages.as_ref(), package)?;
        self.part(f, "units", diff.units.as_ref(), unit)?;
        self.part(f, "files", diff.files.as_ref(), file)?;
        match &diff.sizes {
            Some(sizes) => f.write_str(&self::sizes(sizes)),
            None => Ok(()),
        }
    }
}

fn package(change: &PackageChange) -> (Mark, String) {
    let some = |versions: &[String]| (!versions.is_empty()).then(|| versions.join(", "));
    let (old, new) = (some(&change.old), some(&change.new));
    let mark = Mark::of(&old, &new);
    let versions = [old, new].into_iter().flatten().collect::<Vec<_>>();
    let text = format!(
        "{} {} ({})",
        change.name,
        versions.join(" -> "),
        change.arch
    );
    (mark, text)
}

fn unit(change: &UnitChange) -> (Mark, String) {
    let mark = Mark::of(&change.old, &change.new);
    let none = UnitState::default();
    let (old, new) = (
        change.old.as_ref().unwrap_or(&none),
        change.new.as_ref().unwrap_or(&none),
    );
    let mut notes = Vec::new();
    if mark == Mark::Changed && old.exists != new.exists {
        notes.push(
            if new.exists {
                "has a file"
            } else {
                "lost its file"
            }
            .to_owned(),
        );
    }
    if old.masked != new.masked {
        notes.push(if new.masked { "masked" } else { "not masked" }.to_owned());
    }
    let gone = old.enabled_by.difference(&new.enabled_by);
    let come = new.enabled_by.difference(&old.enabled_by);
    match mark {
        Mark::Removed => notes.extend(gone.map(|by| format!("was enabled by {by}"))),
        _ => {
            notes.extend(come.map(|by| format!("enabled by {by}")));
            notes.extend(gone.map(|by| format!("not enabled by {by} any more")));
        }
    }
    (mark, with_notes(&change.unit, &notes))
}

fn file(change: &FileChange) -> (Mark, String) {
    let mark = Mark::of(&change.old, &change.new);
    let notes = match (&change.old, &change.new) {
        (Some(old), Some(new)) => change
            .changed
            .iter()
            .map(|aspect| aspect_of(aspect, old, new))
            .collect(),
        (Some(only), None) | (None, Some(only)) => vec![described(only)],
        (None, None) => Vec::new(),
    };
    (mark, with_notes(&change.path, &notes))
}

fn with_notes(name: &str, notes: &[String]) -> String {
    match notes {
        [] => name.to_owned(),
        notes => format!("{name}: {}", notes.join(", ")),
    }
}

fn described(state: &State) -> String {
    let (size, target) = (state.size, state.target.as_deref());
    let more = match (size, target, &state.device) {
        (Some(size), ..) => format!(", {}", ByteSize(size)),
        (_, Some(target), _) => format!(" to {target}"),
        (.., Some(device)) => format!(" {device}"),
        _ => String::new(),
    };
    format!("{}{more}", state.kind)
}

fn aspect_of(aspect: &str, old: &State, new: &State) -> String {
    let arrow = |old: &dyn Display, new: &dyn Display| format!("{aspect} {old} -> {new}");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match aspect {
        "kind" => format!("{} -> {}", described(old), described(new)),
        "mode" => arrow(&old.mode, &new.mode),
        "owner" => format!(
            "{aspect} {}:{} -> {}:{}",
            old.uid, old.gid, new.uid, new.gid
        ),
        "size" => arrow(
            &ByteSize(old.size.unwrap_or(0)),
            &ByteSize(new.size.unwrap_or(0)),
        ),
        "target" => arrow(&text(&old.target), &text(&new.target)),
        "device" => arrow(&text(&old.device), &text(&new.device)),
        "xattrs" => {
            let names = old.xattrs.keys().chain(new.xattrs.keys());
            let mut changed: Vec<&str> = names
                .filter(|name| old.xattrs.get(*name) != new.xattrs.get(*name))
                .map(String::as_str)
                .collect();
            changed.sort_unstable();
            changed.dedup();
            format!("attributes {}", changed.join(" "))
        }
        other => other.to_owned(),
    }
}

fn sizes(sizes: &Sizes) -> String {
    let row = |what: &str, change: &Change<u64>| {
        let &Change { old, new } = change;
        let step = stepped(old, new);
        format!(
            "  {what}: {} -> {} ({step})\n",
            ByteSize(old),
            ByteSize(new)
        )
    };
    let mut text = String::new();
    let rows = [("image", &sizes.image), ("contents", &sizes.contents)];
    for (what, change) in rows {
        if change.old != change.new {
            text += &row(what, change);
        }
    }
    for artefact in &sizes.artefacts {
        text += &row(&format!("the {} artefact", artefact.kind), &artefact.size);
    }
    if !sizes.largest.is_empty() {
        text += "  largest changes:\n";
    }
    for path in &sizes.largest {
        let step = stepped(path.size.old, path.size.new);
        text += &format!("  {step:>12} {}\n", visible(&path.path));
    }
    match text.is_empty() {
        true => text,
        false => format!("sizes:\n{text}"),
    }
}

fn stepped(old: u64, new: u64) -> String {
    let sign = if new < old { '-' } else { '+' };
    format!("{sign}{}", ByteSize(new.abs_diff(old)))
}

/// Without control characters: names from an image must not move the cursor.
fn visible(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect::<String>(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}
