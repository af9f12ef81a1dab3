//! Lists and maps whose end has not come, while a document is composed.

use std::collections::{HashMap, HashSet};

use super::node::{Form, Name, Node};
use crate::diagnostics::Position;

/// A list or map that is open.
pub(super) struct Open {
    pub at: Position,
    /// The anchor that names it; 0 for none.
    pub anchor: usize,
    pub content: Content,
}

/// What has come of it.
pub(super) enum Content {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
pub(super) struct OpenMap {
    entries: Vec<(Name, Node)>,
    /// The line of each key, to find duplicates.
    lines: HashMap<String, usize>,
    /// Values of `<<`.
    merged: Vec<Node>,
    /// A key whose value has not come.
    key: Option<Name>,
}

/// Why a value has no place.
pub(super) enum Refused {
    /// A list or map where a key should be.
    NoKey,
    /// The key is there already.
    Duplicate { name: Name, first_line: usize },
}

impl Content {
    /// A map without entries.
    pub fn map() -> Self {
        Self::Map(OpenMap::default())
    }

    /// Is this a map whose next value is a key?
    pub fn wants_key(&self) -> bool {
        matches!(self, Self::Map(OpenMap { key: None, .. }))
    }

    /// The key of the value that comes next.
    pub fn set_key(&mut self, name: Name) {
        if let Self::Map(map) = self {
            map.key = Some(name);
        }
    }

    /// The next value.
    pub fn take(&mut self, node: Node) -> Result<(), Refused> {
        let map = match self {
            Self::List(items) => {
                items.push(node);
                return Ok(());
            }
            Self::Map(map) => map,
        };
        let name = map.key.take().ok_or(Refused::NoKey)?;
        if name.text == "<<" {
            map.merged.push(node);
        } else if let Some(&first_line) = map.lines.get(&name.text) {
            return Err(Refused::Duplicate { name, first_line });
        } else {
            map.lines.insert(name.text.clone(), name.at.line);
            map.entries.push((name, node));
        }
        Ok(())
    }

    /// The finished form, and the places of merge keys with values of no use.
    pub fn close(self) -> (Form, Vec<Position>) {
        let map = match self {
            Self::List(items) => return (Form::List(items), Vec::new()),
            Self::Map(map) => map,
        };
        let mut bad = Vec::new();
        let mut entries = map.entries;
        let mut known: HashSet<String> = map.lines.into_keys().collect();
        for node in map.merged {
            merge(node, &mut entries, &mut known, &mut bad);
        }
        (Form::Map(entries), bad)
    }
}

/// `<<`: what a map has itself wins, then what was merged first.
fn merge(
    from: Node,
    entries: &mut Vec<(Name, Node)>,
    known: &mut HashSet<String>,
    bad: &mut Vec<Position>,
) {
    match from.form {
        Form::Map(more) => {
            for (name, node) in more {
                if known.insert(name.text.clone()) {
                    entries.push((name, node));
                }
            }
        }
        Form::List(maps) if maps.iter().all(|map| matches!(map.form, Form::Map(_))) => {
            for map in maps {
                merge(map, entries, known, bad);
            }
        }
        _ => bad.push(from.at),
    }
}
