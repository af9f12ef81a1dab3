//! YAML text to nodes, with limits on what a hostile text can make of itself.
//!
//! One document a file. Anchors, aliases and merge keys (`<<`) work; the nodes that aliases make are
//! counted against a budget, nesting is limited, duplicate keys are errors. Variables are replaced
//! in values here, so that a plain `${X}` is typed by what it becomes.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Form, Name, Node};
use super::open::{Content, Open, Refused};
use crate::diagnostics::Position;
use crate::findings::Findings;
use crate::variables::{Unset, Variables};

/// Length of a text, in bytes.
const MAX_TEXT: usize = 16 << 20;
/// Nesting of lists and maps.
const MAX_DEPTH: usize = 64;
/// Bytes that all nodes may take, aliases written out.
const BUDGET: usize = 64 << 20;
/// What a node takes beside its text.
const NODE_COST: usize = 64;

/// The document of `text`; `None` for an empty one, or when it is not YAML (then that was reported).
pub(crate) fn compose(
    text: &str,
    variables: &Variables,
    findings: &mut Findings<'_>,
) -> Option<Node> {
    if text.len() > MAX_TEXT {
        findings.error(
            None,
            format!("the file is longer than {} MiB", MAX_TEXT >> 20),
        );
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer = Composer {
        variables,
        findings,
        anchors: HashMap::new(),
        open: Vec::new(),
        root: None,
        budget: BUDGET,
    };
    for event in Parser::new_from_str(text) {
        let proceed = match event {
            Ok((event, span)) => composer.event(event, span),
            Err(error) => {
                let at = Position {
                    line: error.marker().line(),
                    column: error.marker().col() + 1,
                };
                composer.findings.error(
                    Some(at),
                    format!("this is not valid YAML: {}", error.info()),
                );
                Err(Stop)
            }
        };
        if proceed.is_err() {
            return None;
        }
    }
    composer.root
}

/// The text cannot be read any further; why was reported.
struct Stop;

struct Composer<'a, 'f> {
    variables: &'a Variables,
    findings: &'a mut Findings<'f>,
    anchors: HashMap<usize, Node>,
    open: Vec<Open>,
    root: Option<Node>,
    budget: usize,
}

impl Composer<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let at = Position {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                self.findings
                    .error(Some(at), "a second YAML document begins here")
                    .hint("put it into a file of its own, and give both files or use `include:`");
                Err(Stop)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let plain = style == ScalarStyle::Plain && !is_text_tag(tag.as_deref());
                self.scalar(text, plain, at, anchor)
            }
            Event::SequenceStart(anchor, _) => self.start(at, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let content = Content::map();
                self.start(at, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.check_depth(self.open.len() + height(&node), at)?;
                    self.spend_tree(&node, at)?;
                    self.value(Node { at, ..node })
                }
                None => {
                    self.findings.error(
                        Some(at),
                        "this alias stands inside the value that it repeats",
                    );
                    Err(Stop)
                }
            },
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: String,
        plain: bool,
        at: Position,
        anchor: usize,
    ) -> Result<(), Stop> {
        self.spend(text.len(), at)?;
        if let Some(open) = self.open.last_mut().filter(|open| open.content.wants_key()) {
            open.content.set_key(Name { text, at });
            return Ok(());
        }
        let text = match self.variables.expand(&text) {
            Ok(text) => text,
            Err(Unset(name)) => {
                self.findings.error(Some(at), format!("the variable `{name}` is not set")).hint(format!(
                    "set it with `--set {name}=VALUE` or where the file is included, give a default with `${{{name}:-VALUE}}`, or write `$${{{name}}}` for the text itself"
                ));
                return self.value(Node {
                    at,
                    form: Form::Broken,
                });
            }
        };
        self.spend(text.len(), at)?;
        let node = Node {
            at,
            form: Form::Scalar { text, plain },
        };
        self.remember(anchor, &node)?;
        self.value(node)
    }

    fn wants_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.content.wants_key())
    }

    fn start(&mut self, at: Position, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.wants_key() {
            self.findings
                .error(Some(at), "the key of a map must be a single value");
            return Err(Stop);
        }
        self.check_depth(self.open.len() + 1, at)?;
        self.spend(0, at)?;
        self.open.push(Open {
            at,
            anchor,
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open {
            at,
            anchor,
            content,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let (form, bad_merges) = content.close();
        for at in bad_merges {
            self.findings.error(
                Some(at),
                "the merge key `<<` needs a map, or a list of maps",
            );
        }
        let node = Node { at, form };
        self.remember(anchor, &node)?;
        self.value(node)
    }

    fn value(&mut self, node: Node) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let at = node.at;
        match open.content.take(node) {
            Ok(()) => Ok(()),
            Err(Refused::Duplicate { name, first_line }) => {
                self.findings
                    .error(
                        Some(name.at),
                        format!("the key `{}` is here a second time", name.text),
                    )
                    .hint(format!(
                        "it stands in line {first_line} already; one of them must go"
                    ));
                Ok(())
            }
            Err(Refused::NoKey) => {
                self.findings
                    .error(Some(at), "the key of a map must be a single value");
                Err(Stop)
            }
        }
    }

    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), Stop> {
        if anchor != 0 {
            self.spend_tree(node, node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }

    fn check_depth(&mut self, depth: usize, at: Position) -> Result<(), Stop> {
        if depth > MAX_DEPTH {
            self.findings.error(
                Some(at),
                format!("lists and maps are nested more than {MAX_DEPTH} deep here"),
            );
            return Err(Stop);
        }
        Ok(())
    }

    fn spend(&mut self, text: usize, at: Position) -> Result<(), Stop> {
        match self.budget.checked_sub(NODE_COST + text) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => {
                self.findings
                    .error(Some(at), "the aliases of this file make it far too large");
                Err(Stop)
            }
        }
    }

    fn spend_tree(&mut self, node: &Node, at: Position) -> Result<(), Stop> {
        match &node.form {
            Form::Broken => Ok(()),
            Form::Scalar { text, .. } => self.spend(text.len(), at),
            Form::List(items) => {
                self.spend(0, at)?;
                items.iter().try_for_each(|item| self.spend_tree(item, at))
            }
            Form::Map(entries) => {
                self.spend(0, at)?;
                entries.iter().try_for_each(|(name, value)| {
                    self.spend(name.text.len(), at)?;
                    self.spend_tree(value, at)
                })
            }
        }
    }
}

/// How many levels of lists and maps there are from here down; at most [`MAX_DEPTH`] by construction.
fn height(node: &Node) -> usize {
    match &node.form {
        Form::Scalar { .. } | Form::Broken => 0,
        Form::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Form::Map(entries) => {
            1 + entries
                .iter()
                .map(|(_, value)| height(value))
                .max()
                .unwrap_or(0)
        }
    }
}

fn is_text_tag(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| {
        tag.is_yaml_core_schema() && tag.suffix == "str"
            || tag.handle.is_empty() && tag.suffix == "!"
    })
}
