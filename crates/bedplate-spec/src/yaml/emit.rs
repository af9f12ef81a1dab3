//! Values to YAML text, with keys in the order of the table of keys.
//!
//! What is written reads back as the same value, by this crate and by any other reader of YAML: a
//! text that could be taken for something else is quoted, and `${` in a value is escaped.

use std::fmt::Write as _;

use serde_json::Value;

use crate::language::Kind;

/// `value`, which is of kind `kind`, as a block of YAML that ends in a newline.
pub(crate) fn emit(value: &Value, kind: &Kind) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => block(value, kind, 0, &mut out),
        _ => {
            out.push_str(&scalar(value, kind, 0));
            out.push('\n');
        }
    }
    out
}

/// A list or map that is not empty, each entry on a line of its own.
fn block(value: &Value, kind: &Kind, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (name, value, kind) in entries(map, kind) {
                pad(indent, out);
                entry(&name, value, kind, indent, out);
            }
        }
        Value::Array(items) => {
            let kind = match choose(kind, value) {
                Kind::List(item) => item,
                Kind::Maps(map) => &Kind::Map(map),
                _ => &Kind::Text,
            };
            for item in items {
                pad(indent, out);
                out.push_str("- ");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        for (index, (name, value, kind)) in
                            entries(map, kind).into_iter().enumerate()
                        {
                            if index > 0 {
                                pad(indent + 2, out);
                            }
                            entry(&name, value, kind, indent + 2, out);
                        }
                    }
                    item => {
                        out.push_str(&scalar(item, kind, indent + 2));
                        out.push('\n');
                    }
                }
            }
        }
        _ => {}
    }
}

fn entry(name: &str, value: &Value, kind: &Kind, indent: usize, out: &mut String) {
    out.push_str(&text(name, None));
    out.push(':');
    if matches!(value, Value::Object(_) | Value::Array(_)) && !is_empty(value) {
        out.push('\n');
        block(value, kind, indent + 2, out);
    } else {
        out.push(' ');
        out.push_str(&scalar(value, kind, indent + 2));
        out.push('\n');
    }
}

/// The entries of a map: by the table where it has fixed keys, else by name.
fn entries<'a>(
    map: &'a serde_json::Map<String, Value>,
    kind: &'a Kind,
) -> Vec<(String, &'a Value, &'a Kind)> {
    let whole = Value::Object(serde_json::Map::new());
    match choose(kind, &whole) {
        Kind::Map(table) => {
            let of = |key: &'static crate::language::Key| {
                map.get(key.name)
                    .map(|value| (key.name.to_owned(), value, &key.kind))
            };
            table.all_keys().filter_map(of).collect()
        }
        _ => map
            .iter()
            .map(|(name, value)| (name.clone(), value, &Kind::Text))
            .collect(),
    }
}

/// Of several kinds, the one that suits the form of the value.
fn choose<'a>(kind: &'a Kind, value: &Value) -> &'a Kind {
    let Kind::Any(kinds) = kind else { return kind };
    let suits = |kind: &&Kind| match value {
        Value::Object(_) => matches!(kind, Kind::Map(_) | Kind::TextMap),
        Value::Array(_) => matches!(kind, Kind::List(_) | Kind::Maps(_)),
        _ => !matches!(
            kind,
            Kind::Map(_) | Kind::TextMap | Kind::List(_) | Kind::Maps(_)
        ),
    };
    kinds.iter().find(suits).unwrap_or(kind)
}

fn scalar(value: &Value, kind: &Kind, indent: usize) -> String {
    match value {
        Value::String(string) => text(&string.replace("${", "$${"), Some(indent)),
        Value::Number(number) if matches!(choose(kind, value), Kind::Duration) => {
            match number.as_u64() {
                Some(ms) if ms % 1000 == 0 => format!("{}s", ms / 1000),
                _ => format!("{number}ms"),
            }
        }
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// A text, as a block of lines at `block` columns where that reads better.
fn text(text: &str, block: Option<usize>) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    match block {
        Some(indent) if is_block(text) => literal(text, indent),
        _ => quoted(text),
    }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan",
    ];
    let inner = |c: char| c.is_ascii_alphanumeric() || " /_.,+=@-:()$".contains(c);
    let edge = |c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_' || c == ')';
    let first = |c: char| c.is_ascii_alphabetic() || c == '/' || c == '_';
    text.starts_with(first)
        && text.ends_with(edge)
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn is_block(text: &str) -> bool {
    let Some(body) = text.strip_suffix('\n') else {
        return false;
    };
    let printable = |c: char| {
        c == '\n' || c == '\t' || (!c.is_control() && !"\u{85}\u{2028}\u{2029}\u{feff}".contains(c))
    };
    !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !body
            .lines()
            .any(|line| line.trim().is_empty() && !line.is_empty())
        && body.chars().all(printable)
}

fn literal(text: &str, indent: usize) -> String {
    let mut out = "|".to_owned();
    for line in text.lines() {
        out.push('\n');
        if !line.is_empty() {
            pad(indent, &mut out);
            out.push_str(line);
        }
    }
    out
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}".contains(c) => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
