//! Nodes to values, by the table of keys: what a key may hold, and nothing about what it means.
//!
//! The result is a JSON value in one form (numbers as numbers, permissions as four octal digits, times
//! in milliseconds, aliases as the key itself) that holds only what the table allows, and the
//! [`Places`] of all that is in it. What does not fit is reported and left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::diagnostics::Position;
use crate::findings::Findings;
use crate::language::{self, Key, Kind};
use crate::scalars;
use crate::suggestions::nearest;
use crate::yaml::{Form, Name, Node};

/// Where the parts of a value stand, by JSON pointer (without its escapes: no key has a `/`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places(BTreeMap<String, Position>);

impl Places {
    /// Was there a value at `pointer`?
    pub fn has(&self, pointer: &str) -> bool {
        self.0.contains_key(pointer)
    }

    /// The place of the value at `pointer`, or of the nearest one that it lies in.
    pub fn at(&self, pointer: &str) -> Option<Position> {
        let mut pointer = pointer;
        loop {
            if let Some(at) = self.0.get(pointer) {
                return Some(*at);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// Reads a map with the keys of `table`.
pub(crate) fn read(
    node: &Node,
    table: &'static language::Map,
    findings: &mut Findings<'_>,
) -> (Value, Places) {
    let mut reader = Reader {
        findings,
        places: Places::default(),
    };
    let value = reader.map(node, table, String::new(), &format!("a {}", table.name));
    (
        value.unwrap_or_else(|| Value::Object(Map::new())),
        reader.places,
    )
}

struct Reader<'a, 'f> {
    findings: &'a mut Findings<'f>,
    places: Places,
}

impl Reader<'_, '_> {
    /// `what` names the value in messages: `` `mode` `` or ``an entry of `binds` ``.
    fn value(
        &mut self,
        node: &Node,
        kind: &'static Kind,
        pointer: String,
        what: &str,
    ) -> Option<Value> {
        self.places.0.insert(pointer.clone(), node.at);
        match (kind, &node.form) {
            (_, Form::Broken) => None,
            (Kind::Any(kinds), _) => {
                let kind = kinds
                    .iter()
                    .find(|kind| suits(kind, &node.form))
                    .unwrap_or(&kinds[0]);
                self.value(node, kind, pointer, what)
            }
            (Kind::Map(table), _) => self.map(node, table, pointer, what),
            (Kind::TextMap, Form::Map(entries)) => Some(self.text_map(entries, &pointer)),
            (Kind::List(item), Form::List(items)) => {
                let what = format!("an entry of {what}");
                let read =
                    |(index, node)| self.value(node, item, format!("{pointer}/{index}"), &what);
                collect(items.iter().enumerate().map(read), &pointer)
            }
            (Kind::Maps(table), Form::List(items)) => {
                let what = format!("an entry of {what}");
                let read =
                    |(index, node)| self.map(node, table, format!("{pointer}/{index}"), &what);
                collect(items.iter().enumerate().map(read), &pointer)
            }
            (kind, Form::Scalar { text, plain }) if scalars::is_scalar(kind) && !node.is_null() => {
                match scalars::read(kind, text, *plain) {
                    Ok(value) => Some(value),
                    Err(wrong) => {
                        let found = self
                            .findings
                            .error(Some(node.at), format!("{what} {}", wrong.message));
                        if let Some(hint) = wrong.hint {
                            found.hint(hint);
                        }
                        None
                    }
                }
            }
            _ => {
                self.mismatch(node, kind, what);
                None
            }
        }
    }

    fn map(
        &mut self,
        node: &Node,
        table: &'static language::Map,
        pointer: String,
        what: &str,
    ) -> Option<Value> {
        self.places.0.insert(pointer.clone(), node.at);
        let Form::Map(entries) = &node.form else {
            if matches!(node.form, Form::Broken) {
                return None;
            }
            self.mismatch(node, &Kind::Map(table), what);
            return None;
        };
        let mut map = Map::new();
        let mut seen: Vec<&'static str> = Vec::new();
        for (name, node) in entries {
            match table.key(&name.text) {
                Some(key) => self.entry(key, (name, node), &pointer, &mut seen, &mut map),
                None if table.extensible && name.text.starts_with("x-") => {}
                None => self.unknown(name, table),
            }
        }
        let required = || table.all_keys().filter(|key| key.required);
        for key in required().filter(|key| !seen.contains(&key.name)) {
            self.findings
                .error(Some(node.at), format!("{what} has no `{}`", key.name));
        }
        // A map without what it must have cannot be used further.
        let is_whole = required().all(|key| map.contains_key(key.name));
        is_whole.then_some(Value::Object(map))
    }

    fn entry(
        &mut self,
        key: &'static Key,
        (name, node): (&Name, &Node),
        pointer: &str,
        seen: &mut Vec<&'static str>,
        map: &mut Map<String, Value>,
    ) {
        if node.is_null() {
            return; // `key:` with nothing is as good as no key.
        }
        if seen.contains(&key.name) {
            let message = format!("`{}` and another spelling of it are both here", name.text);
            self.findings
                .error(Some(name.at), message)
                .hint(format!("write `{}` once", key.name));
            return;
        }
        seen.push(key.name);
        let what = format!("`{}`", key.name);
        if let Some(value) = self.value(node, &key.kind, format!("{pointer}/{}", key.name), &what) {
            map.insert(key.name.to_owned(), value);
        }
    }

    fn text_map(&mut self, entries: &[(Name, Node)], pointer: &str) -> Value {
        let mut map = Map::new();
        for (name, node) in entries {
            let what = format!("`{}`", name.text);
            let value = self.value(node, &Kind::Text, format!("{pointer}/{}", name.text), &what);
            if let Some(value) = value {
                map.insert(name.text.clone(), value);
            }
        }
        Value::Object(map)
    }

    fn unknown(&mut self, name: &Name, table: &'static language::Map) {
        // Looking for what was meant takes a while, and a hostile file may have very many keys.
        let hint = if self.findings.is_full() {
            None
        } else {
            where_it_belongs(&name.text, table)
        };
        let found = self.findings.error(
            Some(name.at),
            format!("unknown key `{}` in a {}", name.text, table.name),
        );
        if let Some(hint) = hint {
            found.hint(hint);
        }
    }

    fn mismatch(&mut self, node: &Node, kind: &Kind, what: &str) {
        let message = format!(
            "{what} must be {}, but this is {}",
            scalars::describe(kind),
            node.noun()
        );
        let found = self.findings.error(Some(node.at), message);
        if let (Kind::List(Kind::Text), Form::Scalar { text, .. }) = (kind, &node.form)
            && !node.is_null()
        {
            found.hint(format!(
                "write it as a list: `[{}]`",
                Value::String(text.clone())
            ));
        }
    }
}

/// The entries of a list. One that could not be read stays as null in a list of the top level, whose
/// entries are used one by one; any other list is then left out.
fn collect(entries: impl Iterator<Item = Option<Value>>, pointer: &str) -> Option<Value> {
    let entries: Vec<Option<Value>> = entries.collect();
    let is_top_level = pointer.rfind('/') == Some(0);
    if !is_top_level && entries.contains(&None) {
        return None;
    }
    Some(
        entries
            .into_iter()
            .map(|entry| entry.unwrap_or(Value::Null))
            .collect(),
    )
}

/// What to do about a key that a map does not have.
fn where_it_belongs(name: &str, table: &'static language::Map) -> Option<String> {
    /// Maps with more keys than this are not listed in a hint.
    const LISTED: usize = 12;
    if let Some(near) = nearest(name, table.all_keys().map(|key| key.name)) {
        return Some(format!("did you mean `{near}`?"));
    }
    if std::ptr::eq(table, &language::LABEL) && language::CONTAINER.key(name).is_some() {
        return Some(format!("only a spec can say `{name}`, a label cannot"));
    }
    let holds = |key: &&Key| matches!(key.kind, Kind::Map(inner) | Kind::Maps(inner) if inner.key(name).is_some());
    let below: Vec<String> = table
        .all_keys()
        .filter(holds)
        .map(|key| format!("`{}`", key.name))
        .collect();
    if !below.is_empty() {
        return Some(format!("`{name}` is a key below {}", below.join(", ")));
    }
    let known: Vec<String> = table
        .all_keys()
        .map(|key| format!("`{}`", key.name))
        .collect();
    (known.len() <= LISTED).then(|| format!("a {} has the keys {}", table.name, known.join(", ")))
}

fn suits(kind: &Kind, form: &Form) -> bool {
    match form {
        Form::Scalar { .. } | Form::Broken => scalars::is_scalar(kind),
        Form::List(_) => matches!(kind, Kind::List(_) | Kind::Maps(_)),
        Form::Map(_) => matches!(kind, Kind::Map(_) | Kind::TextMap),
    }
}
