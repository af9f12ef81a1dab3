//! YAML in both directions: text to nodes that know where they stand, and values to text.

mod compose;
mod emit;
mod node;
mod open;

pub(crate) use compose::compose;
pub(crate) use emit::emit;
pub(crate) use node::{Form, Name, Node};
