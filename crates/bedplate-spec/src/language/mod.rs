//! The language as one table of keys.
//!
//! Parsing, the hints of its messages, the JSON Schema, the reference in the manual and the order of
//! keys in rendered YAML are all driven by it, so they cannot disagree. The table says what a key
//! may hold; what a combination of keys means is checked elsewhere.

mod container;
mod host;
mod parts;
mod resources;
mod settings;

pub use container::{CONTAINER, LABEL};
pub use host::{HOST, PACKAGES};

/// A map with a fixed set of keys.
#[derive(Debug)]
pub struct Map {
    /// What one such map is called in messages and in the schema: `service`, `volume`.
    pub name: &'static str,
    /// What it is for: sentences of Markdown.
    pub doc: &'static str,
    /// Are keys that begin with `x-` passed over? They are a place for anchors.
    pub extensible: bool,
    /// Its keys, in the order of the reference and of rendered YAML.
    pub keys: &'static [&'static [Key]],
}

/// A key of a [`Map`].
#[derive(Debug)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// Other spellings that mean the same.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// What it is for: sentences of Markdown.
    pub doc: &'static str,
    /// What holds where the key is absent, as text for the reference; empty where nothing does.
    pub default: &'static str,
    /// Must it be there?
    pub required: bool,
    /// Whose language it belongs to.
    pub since: Since,
}

/// Whose language a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// LinuxKit has it, with the same meaning.
    LinuxKit,
    /// Bedplate adds it.
    Bedplate,
}

/// What a key may hold. A scalar that is text is taken as it is written: `10` and `yes` too.
#[derive(Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// `true` or `false`, as YAML 1.1 writes them (`yes` and `no`, `on` and `off` too).
    Flag,
    /// An integer in a range, both ends included. A leading 0 makes it octal, as in YAML 1.1.
    Integer(i128, i128),
    /// Permission bits as octal digits, quoted or not: `0644`, `"644"`.
    Mode,
    /// A number from 0 to 2³²−1, or the name of a container.
    Id,
    /// A time: `500ms`, `10s`, `2m`, or a number of seconds. Kept as milliseconds.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any names with text as values.
    TextMap,
    /// A list.
    List(&'static Kind),
    /// A map with fixed keys.
    Map(&'static Map),
    /// A list of them.
    Maps(&'static Map),
    /// The first of these that suits the form of what is written: scalar, list or map.
    Any(&'static [Kind]),
}

impl Map {
    /// All keys.
    pub fn all_keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|part| part.iter())
    }

    /// The key of this name or alias.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.all_keys()
            .find(|key| key.name == name || key.aliases.contains(&name))
    }
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        aliases: &[],
        kind,
        doc,
        default: "",
        required: false,
        since: Since::LinuxKit,
    }
}

impl Key {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    const fn bedplate(mut self) -> Self {
        self.since = Since::Bedplate;
        self
    }

    const fn alias(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }
}

const TEXTS: Kind = Kind::List(&Kind::Text);
const U16: Kind = Kind::Integer(0, u16::MAX as i128);
const U32: Kind = Kind::Integer(0, u32::MAX as i128);
const U64: Kind = Kind::Integer(0, u64::MAX as i128);
const I64: Kind = Kind::Integer(i64::MIN as i128, i64::MAX as i128);
