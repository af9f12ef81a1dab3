//! A YAML document as a tree whose nodes know their places.

use crate::diagnostics::Position;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub at: Position,
    pub form: Form,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// A single value that could not be made out; why was reported, so nobody should again.
    Broken,
    /// Text; a plain one may stand for a number, a flag or nothing.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, without duplicates.
    Map(Vec<(Name, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub text: String,
    pub at: Position,
}

impl Node {
    /// Is this YAML's null: an empty value, `~` or `null`?
    pub fn is_null(&self) -> bool {
        matches!(&self.form, Form::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, with its article, for messages.
    pub fn noun(&self) -> &'static str {
        match &self.form {
            _ if self.is_null() => "empty",
            Form::Scalar { .. } | Form::Broken => "a single value",
            Form::List(_) => "a list",
            Form::Map(_) => "a map",
        }
    }
}
