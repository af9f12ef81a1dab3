//! From names of spec files to all files that make the spec, in the order in which they are merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::diagnostics::{Diagnostic, Position};
use crate::findings::Findings;
use crate::language::HOST;
use crate::loading::{Load, LoadError, Scope, SourceText};
use crate::reading::{self, Places};
use crate::suggestions::nearest;
use crate::variables::{Variables, mentioned};
use crate::written::SpecFile;
use crate::yaml::compose;

/// Files of one spec, includes and all.
const MAX_FILES: usize = 1000;
/// Files that include one another in a row.
const MAX_CHAIN: usize = 32;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub label: String,
    pub dir: PathBuf,
    /// The way from the directory of the first SPEC to `dir`.
    pub way: PathBuf,
    pub file: SpecFile,
    pub places: Places,
}

/// All files, and what was found in them.
pub(crate) struct Gathered {
    /// Directory of the first SPEC.
    pub base: Option<PathBuf>,
    pub files: Vec<SourceFile>,
    pub found: Vec<Diagnostic>,
}

/// Reads `specs` in order; what a file includes comes before it.
pub(crate) fn gather(specs: &[String], load: &dyn Load, variables: &Variables) -> Gathered {
    let mut gatherer = Gatherer {
        load,
        known: BTreeMap::new(),
        chain: Vec::new(),
        gathered: Gathered {
            base: None,
            files: Vec::new(),
            found: Vec::new(),
        },
    };
    for name in specs {
        match load.load(None, name) {
            Ok(source) => drop(gatherer.file(source, variables)),
            Err(error) => gatherer
                .gathered
                .found
                .push(Diagnostic::error(reason(&error))),
        }
    }
    gatherer.gathered
}

/// The files of a text that includes nothing.
pub(crate) fn gather_text(source: SourceText, variables: &Variables) -> Gathered {
    struct Nothing;
    impl Load for Nothing {
        fn load(&self, _: Option<&Path>, name: &str) -> Result<SourceText, LoadError> {
            let source = "a text alone includes nothing".into();
            Err(LoadError {
                name: name.to_owned(),
                source,
            })
        }
    }
    let gathered = Gathered {
        base: None,
        files: Vec::new(),
        found: Vec::new(),
    };
    let mut gatherer = Gatherer {
        load: &Nothing,
        known: BTreeMap::new(),
        chain: Vec::new(),
        gathered,
    };
    gatherer.file(source, variables);
    gatherer.gathered
}

/// A file that was read, once or several times.
#[derive(Debug, Clone, Default)]
struct Read {
    /// The variables that it and what it includes take from outside.
    names: BTreeSet<String>,
    /// Their values, of each reading.
    values: Vec<Vec<Option<String>>>,
}

impl Read {
    fn values(&self, variables: &Variables) -> Vec<Option<String>> {
        let value = |name: &String| variables.get(name).map(str::to_owned);
        self.names.iter().map(value).collect()
    }
}

struct Gatherer<'a> {
    load: &'a dyn Load,
    /// What was read, by identity.
    known: BTreeMap<PathBuf, Read>,
    /// The files that are being read: identity and name.
    chain: Vec<(PathBuf, String)>,
    gathered: Gathered,
}

impl Gatherer<'_> {
    /// Reads a file with what it includes, and gives the names of the variables that they take from outside.
    fn file(&mut self, source: SourceText, variables: &Variables) -> BTreeSet<String> {
        let SourceText {
            label,
            id,
            dir,
            text,
            ..
        } = source;
        let own = mentioned(&text).into_iter();
        let mut names: BTreeSet<String> = own.map(|(name, _)| name.to_owned()).collect();
        let base = self.gathered.base.get_or_insert_with(|| dir.clone());
        let way = way(base, &dir);
        let mut findings = Findings::new(&label);
        let read = compose(&text, variables, &mut findings)
            .filter(|node| !node.is_null())
            .map(|node| reading::read(&node, &HOST, &mut findings));
        self.gathered.found.extend(findings.into_vec());
        let (value, places) = read.unwrap_or_else(|| (serde_json::json!({}), Places::default()));
        let file = SpecFile::from_value(value);
        self.chain.push((id.clone(), label.clone()));
        for (index, entry) in file.include.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let spot = Spot {
                label: &label,
                places: &places,
                pointer: format!("/include/{index}"),
            };
            let (name, set) = entry.parts();
            names.extend(self.include(name, &set, variables, &spot));
        }
        self.chain.pop();
        let known = self.known.entry(id).or_default();
        known.names.clone_from(&names);
        known.values.push(known.values(variables));
        self.gathered.files.push(SourceFile {
            label,
            way,
            dir,
            file,
            places,
        });
        names
    }

    /// Reads what an entry of `include` names, and gives the variables that it takes from outside.
    fn include(
        &mut self,
        name: &str,
        set: &BTreeMap<String, String>,
        variables: &Variables,
        spot: &Spot<'_>,
    ) -> BTreeSet<String> {
        let nothing = BTreeSet::new();
        let at = spot.places.at(&spot.pointer);
        let from = self.chain.last().map(|(id, _)| id.as_path());
        let source = match self.load.load(from, name) {
            Ok(source) => source,
            Err(error) => {
                self.wrong(spot.label, at, reason(&error), None);
                return nothing;
            }
        };
        if let Some(start) = self.chain.iter().position(|(id, _)| *id == source.id) {
            let names: Vec<&str> = self.chain[start..]
                .iter()
                .map(|(_, name)| name.as_str())
                .collect();
            let message = format!(
                "this include leads back to itself: {} -> {}",
                names.join(" -> "),
                self.chain[start].1
            );
            self.wrong(
                spot.label,
                at,
                message,
                Some("remove one of these includes"),
            );
            return nothing;
        }
        // What was read already is passed over, so that its lists are not joined twice.
        let outer = match source.scope {
            Scope::Shared => variables.clone(),
            Scope::Own => Variables::new(),
        };
        let variables = outer.under(set);
        let known = self.known.get(&source.id);
        let known = known.filter(|read| read.values.contains(&read.values(&variables)));
        let known = known.map(|read| read.names.clone());
        if known.is_none()
            && (self.chain.len() >= MAX_CHAIN || self.gathered.files.len() >= MAX_FILES)
        {
            let message = format!(
                "more than {MAX_FILES} files, or more than {MAX_CHAIN} in a row, include each other"
            );
            self.wrong(spot.label, at, message, None);
            return nothing;
        }
        let mut names = known.unwrap_or_else(|| self.file(source, &variables));
        for unused in set.keys().filter(|key| !names.contains(*key)) {
            let at = spot.places.at(&format!("{}/set/{unused}", spot.pointer));
            let hint = match nearest(unused, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "it uses none".to_owned(),
                None => {
                    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    format!("it uses {}", names.join(", "))
                }
            };
            let message = format!("`{name}` does not use the variable `{unused}`");
            self.wrong(spot.label, at, message, Some(&hint));
        }
        names.retain(|name| !set.contains_key(name));
        names
    }

    fn wrong(&mut self, label: &str, at: Option<Position>, message: String, hint: Option<&str>) {
        let mut found = Diagnostic::error(message).in_file(label).at(at);
        found.hint = hint.map(str::to_owned);
        self.gathered.found.push(found);
    }
}

/// An entry of `include`.
struct Spot<'a> {
    label: &'a str,
    places: &'a Places,
    pointer: String,
}

/// The relative path that leads from `base` to `dir`, both absolute and normal.
fn way(base: &Path, dir: &Path) -> PathBuf {
    let shared = base
        .components()
        .zip(dir.components())
        .take_while(|(base, dir)| base == dir)
        .count();
    let up = base.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(dir.components().skip(shared)).collect()
}

/// An error with its causes in one clause.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_lead_from_directory_to_directory() {
        let of = |base: &str, dir: &str| way(Path::new(base), Path::new(dir));
        assert_eq!(of("/a/b", "/a/b"), Path::new(""));
        assert_eq!(of("/a/b", "/a/b/c"), Path::new("c"));
        assert_eq!(of("/a/b/c", "/a/x"), Path::new("../../x"));
        assert_eq!(of("/", "/a"), Path::new("a"));
    }
}
