//! The binary form of an index, which libkmod looks names up in.
//!
//! ```text
//! magic B007F457   version 00020001   offset of the root
//! node:  prefix, NUL | first, last (1 byte each), offsets of the children first..=last | count, values
//! value: priority, text, NUL
//! ```
//!
//! All numbers are 32 bits, big-endian. The top four bits of an offset say what its node has: prefix
//! (8), values (4), children (2). The byte that leads to a child is not part of the child's prefix. A
//! node's children follow it, each with its own. Source: the comments of `libkmod-index.c`.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xb007_f457;
const VERSION: u32 = 0x0002_0001;
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;

/// Keys with their values. Only 7-bit text can be a key or a value: others are left out.
#[derive(Default)]
pub(super) struct Trie<'a>(BTreeMap<&'a [u8], Vec<(u32, &'a str)>>);

impl<'a> Trie<'a> {
    /// Adds a value. Of the values of a key, those of lower priority come first, and of equal ones
    /// those that were added later.
    pub(super) fn insert(&mut self, key: &'a str, value: &'a str, priority: u32) {
        if key.is_ascii() && value.is_ascii() && !key.contains('\0') && !value.contains('\0') {
            let values = self.0.entry(key.as_bytes()).or_default();
            let at = values.partition_point(|&(known, _)| known < priority);
            values.insert(at, (priority, value));
        }
    }

    /// The bytes of the index file.
    pub(super) fn render(&self) -> Vec<u8> {
        let keys: Vec<Key<'_>> = self
            .0
            .iter()
            .map(|(key, values)| (*key, values.as_slice()))
            .collect();
        let mut out = Vec::new();
        out.extend(MAGIC.to_be_bytes());
        out.extend(VERSION.to_be_bytes());
        out.extend([0; 4]);
        // The root has no prefix, whatever its keys have in common.
        let root = node(&mut out, &keys, 0, 0);
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out
    }
}

type Key<'a> = (&'a [u8], &'a [(u32, &'a str)]);

/// Writes the node of `keys`, which are sorted and share their first `begin + prefix` bytes, of which
/// the last `prefix` are its prefix. Gives its offset with its flags.
fn node(out: &mut Vec<u8>, keys: &[Key<'_>], begin: usize, prefix: usize) -> u32 {
    let mut flags = 0;
    let offset = out.len();
    let depth = begin + prefix;
    if prefix > 0 {
        flags |= HAS_PREFIX;
        out.extend_from_slice(&keys[0].0[begin..depth]);
        out.push(0);
    }
    let (here, below) = keys.split_at(
        keys.iter()
            .take_while(|(key, _)| key.len() == depth)
            .count(),
    );
    let mut table = 0;
    let first = below.first().map_or(0, |(key, _)| key[depth]);
    if let Some((key, _)) = below.last() {
        flags |= HAS_CHILDREN;
        out.extend([first, key[depth]]);
        table = out.len();
        out.resize(table + 4 * (usize::from(key[depth] - first) + 1), 0);
    }
    if let Some((_, values)) = here.first() {
        flags |= HAS_VALUES;
        put_values(out, values);
    }
    for children in below.chunk_by(|(a, _), (b, _)| a[depth] == b[depth]) {
        let child = node(out, children, depth + 1, shared(children, depth + 1));
        let at = table + 4 * usize::from(children[0].0[depth] - first);
        out[at..at + 4].copy_from_slice(&child.to_be_bytes());
    }
    flags | u32::try_from(offset).expect("indexes have a few MiB")
}

fn put_values(out: &mut Vec<u8>, values: &[(u32, &str)]) {
    out.extend((values.len() as u32).to_be_bytes());
    for (priority, value) in values {
        out.extend(priority.to_be_bytes());
        out.extend_from_slice(value.as_bytes());
        out.push(0);
    }
}

/// How many bytes after `begin` all keys share: those that the first and the last of them share.
fn shared(keys: &[Key<'_>], begin: usize) -> usize {
    let (first, last) = (keys[0].0, keys[keys.len() - 1].0);
    first[begin..]
        .iter()
        .zip(&last[begin..])
        .take_while(|(a, b)| a == b)
        .count()
}
