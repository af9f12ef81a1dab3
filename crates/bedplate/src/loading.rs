//! Spec files from disk and standard input, and the fragments of this program.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bedplate_spec::{Load, LoadError, Scope, SourceText};
use bedplate_types::ByteSize;

use crate::fragments::{FRAGMENTS, Fragment, PREFIX};

/// No spec of a person is larger.
const MAX_SPEC: u64 = 16 << 20;

/// Reads what the command line and `include:` name.
pub struct Files;

impl Load for Files {
    fn load(&self, from: Option<&Path>, name: &str) -> Result<SourceText, LoadError> {
        read(from, name).map_err(|source| LoadError {
            name: name.to_owned(),
            source: source.into(),
        })
    }
}

fn read(from: Option<&Path>, name: &str) -> io::Result<SourceText> {
    let label = name.to_owned();
    if name == "-" {
        let text = text(io::stdin())?;
        return Ok(SourceText {
            label,
            id: PathBuf::from("-"),
            dir: std::env::current_dir()?,
            text,
            scope: Scope::Shared,
        });
    }
    if let Some(fragment) = name.strip_prefix(PREFIX) {
        return fragment_text(label, fragment);
    }
    let base = from.and_then(Path::parent).unwrap_or(Path::new(""));
    let path = fs::canonicalize(base.join(name))?;
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    let text = text(fs::File::open(&path)?)?;
    Ok(SourceText {
        label,
        id: path,
        dir,
        text,
        scope: Scope::Shared,
    })
}

fn fragment_text(label: String, name: &str) -> io::Result<SourceText> {
    let unknown = || {
        let names: Vec<&str> = FRAGMENTS.iter().map(|fragment| fragment.name).collect();
        let message = format!("there is no such fragment, but {}", names.join(", "));
        io::Error::new(io::ErrorKind::NotFound, message)
    };
    let fragment = Fragment::named(name).ok_or_else(unknown)?;
    Ok(SourceText {
        id: PathBuf::from(&label),
        label,
        dir: std::env::current_dir()?,
        text: fragment.text.to_owned(),
        scope: Scope::Own,
    })
}

fn text(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(MAX_SPEC + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SPEC {
        return Err(io::Error::other(format!(
            "it is longer than {}",
            ByteSize(MAX_SPEC)
        )));
    }
    Ok(text)
}
