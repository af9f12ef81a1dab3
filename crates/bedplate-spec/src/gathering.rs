//! From names of spec files to all files that make the spec, in the order in which they are merged.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::diagnostics::{Diagnostic, Position};
use crate::findings::Findings;
use crate::language::HOST;
use crate::loading::{Load, LoadError, SourceText};
use crate::reading::{self, Places};
use crate::variables::Variables;
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
        variables,
        known: BTreeSet::new(),
        chain: Vec::new(),
        gathered: Gathered {
            base: None,
            files: Vec::new(),
            found: Vec::new(),
        },
    };
    for name in specs {
        match load.load(None, name) {
            Ok(source) => gatherer.file(source),
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
        variables,
        known: BTreeSet::new(),
        chain: Vec::new(),
        gathered,
    };
    gatherer.file(source);
    gatherer.gathered
}

struct Gatherer<'a> {
    load: &'a dyn Load,
    variables: &'a Variables,
    known: BTreeSet<PathBuf>,
    /// The files that are being read: identity and name.
    chain: Vec<(PathBuf, String)>,
    gathered: Gathered,
}

impl Gatherer<'_> {
    fn file(&mut self, source: SourceText) {
        let SourceText {
            label,
            id,
            dir,
            text,
        } = source;
        self.known.insert(id.clone());
        let base = self.gathered.base.get_or_insert_with(|| dir.clone());
        let way = way(base, &dir);
        let mut findings = Findings::new(&label);
        let read = compose(&text, self.variables, &mut findings)
            .filter(|node| !node.is_null())
            .map(|node| reading::read(&node, &HOST, &mut findings));
        self.gathered.found.extend(findings.into_vec());
        let (value, places) = read.unwrap_or_else(|| (serde_json::json!({}), Places::default()));
        let file = SpecFile::from_value(value);
        self.chain.push((id, label.clone()));
        for (index, name) in file.include.iter().enumerate() {
            let Some(name) = name else { continue };
            self.include(name, &label, places.at(&format!("/include/{index}")));
        }
        self.chain.pop();
        self.gathered.files.push(SourceFile {
            label,
            way,
            dir,
            file,
            places,
        });
    }

    fn include(&mut self, name: &str, label: &str, at: Option<Position>) {
        let from = self.chain.last().map(|(id, _)| id.as_path());
        let source = match self.load.load(from, name) {
            Ok(source) => source,
            Err(error) => return self.wrong(label, at, reason(&error), None),
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
            return self.wrong(label, at, message, Some("remove one of these includes"));
        }
        if self.known.contains(&source.id) {
            return; // Read already, so that its lists are not joined twice.
        }
        if self.chain.len() >= MAX_CHAIN || self.known.len() >= MAX_FILES {
            let message = format!(
                "more than {MAX_FILES} files, or more than {MAX_CHAIN} in a row, include each other"
            );
            return self.wrong(label, at, message, None);
        }
        self.file(source);
    }

    fn wrong(&mut self, label: &str, at: Option<Position>, message: String, hint: Option<&str>) {
        let mut found = Diagnostic::error(message).in_file(label).at(at);
        found.hint = hint.map(str::to_owned);
        self.gathered.found.push(found);
    }
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
