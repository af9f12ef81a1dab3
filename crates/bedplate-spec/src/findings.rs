//! Where diagnostics of one file gather while it is read.

use crate::diagnostics::{Diagnostic, Position, clipped};

/// As many mistakes of one file are told; the others are counted.
const LIMIT: usize = 200;

/// What was found in one file.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    label: &'a str,
    found: Vec<Diagnostic>,
    more: usize,
    /// What is written into once the limit is reached.
    unseen: Diagnostic,
}

/// The diagnostic that was added last, to be completed.
pub(crate) struct Added<'a>(&'a mut Diagnostic);

impl<'a> Findings<'a> {
    /// None yet, in the file of this name.
    pub fn new(label: &'a str) -> Self {
        Self {
            label,
            found: Vec::new(),
            more: 0,
            unseen: Diagnostic::error(""),
        }
    }

    /// Adds an error.
    pub fn error(&mut self, at: Option<Position>, message: impl Into<String>) -> Added<'_> {
        self.add(Diagnostic::error(message).in_file(self.label).at(at))
    }

    /// Would a further mistake be counted only?
    pub fn is_full(&self) -> bool {
        self.found.len() >= LIMIT
    }

    /// All that was found.
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        if self.more > 0 {
            let message = format!("{} more mistakes in this file are not shown", self.more);
            self.found
                .push(Diagnostic::error(message).in_file(self.label));
        }
        self.found
    }

    fn add(&mut self, diagnostic: Diagnostic) -> Added<'_> {
        if self.is_full() {
            self.more += 1;
            return Added(&mut self.unseen);
        }
        self.found.push(diagnostic);
        Added(self.found.last_mut().expect("one was pushed"))
    }
}

impl Added<'_> {
    /// Says what to do about it.
    pub fn hint(self, hint: impl Into<String>) {
        self.0.hint = Some(clipped(hint.into()));
    }
}
