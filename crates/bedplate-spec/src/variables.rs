//! `${NAME}` in the text of a spec.
//!
//! ```text
//! ${NAME}            the value of NAME; an error if it has none
//! ${NAME:-default}   the value of NAME, or `default` if it has none or is empty
//! $${                a literal `${`
//! ```
//!
//! Every other `$` stands for itself: specs hold shell text (`$HOME`, `$(date)`, `$$`, `${1}`,
//! `${x%.*}`) and password hashes. A variable stands in a value, never in a key, and what it brings
//! is text: it can be part of a word but adds no lines of YAML.

use std::collections::BTreeMap;

/// Values for `${NAME}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    set: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    /// Does `${NAME}` stand for itself?
    verbatim: bool,
}

impl Variables {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// For text in which `${NAME}` stands for itself: labels of images.
    pub(crate) fn none() -> Self {
        Self {
            verbatim: true,
            ..Self::default()
        }
    }

    /// Sets a variable, as `--set NAME=VALUE` does. Wins over [`Variables::environment`].
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.insert(name.into(), value.into());
        self
    }

    /// Adds variables of the environment. Pass only those that the user means a spec to see: shell
    /// text in a spec may name the rest. `HOME` is also what `~/` in `files:` sources stands for.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// These, with others that win over all of them: what an `include:` sets.
    pub(crate) fn under(&self, inner: &BTreeMap<String, String>) -> Self {
        let mut variables = self.clone();
        variables.set.extend(inner.clone());
        variables
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set
            .get(name)
            .or_else(|| self.environment.get(name))
            .map(String::as_str)
    }

    /// `text` with its variables replaced, or the name of a variable that has no value.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Unset> {
        if self.verbatim {
            return Ok(text.to_owned());
        }
        let mut out = String::with_capacity(text.len());
        // Behind the last brace there is no variable: a text of many `${` is read once.
        let last_brace = text.rfind('}').unwrap_or(0);
        let mut rest = text;
        while let Some(dollar) = rest.find("${") {
            if rest[..dollar].ends_with('$') {
                out.push_str(&rest[..dollar - 1]);
                out.push_str("${");
                rest = &rest[dollar + 2..];
                continue;
            }
            out.push_str(&rest[..dollar]);
            let is_closed = text.len() - rest.len() + dollar < last_brace;
            let parsed = is_closed
                .then(|| Reference::parse(&rest[dollar + 2..]))
                .flatten();
            let Some((reference, tail)) = parsed else {
                out.push_str("${");
                rest = &rest[dollar + 2..];
                continue;
            };
            out.push_str(self.resolve(&reference)?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn resolve<'a>(&'a self, reference: &Reference<'a>) -> Result<&'a str, Unset> {
        match (self.get(reference.name), reference.default) {
            (Some(""), Some(default)) | (None, Some(default)) => Ok(default),
            (Some(value), _) => Ok(value),
            (None, None) => Err(Unset(reference.name.to_owned())),
        }
    }
}

/// The variables that a text mentions, each with its default, in the order of their first mention.
pub fn mentioned(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut found: Vec<(&str, Option<&str>)> = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let is_escaped = rest[..dollar].ends_with('$');
        rest = &rest[dollar + 2..];
        // A name and its default stand in one line.
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let Some((reference, _)) = Reference::parse(line).filter(|_| !is_escaped) else {
            continue;
        };
        if !found.iter().any(|(name, _)| *name == reference.name) {
            found.push((reference.name, reference.default));
        }
    }
    found
}

/// A variable that has neither value nor default.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unset(pub String);

struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// What stands after `${`, and what follows the closing brace; `None` if it is not of our form.
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let end = text.find(|c: char| !letter(c) && !c.is_ascii_digit())?;
        let (name, rest) = text.split_at(end);
        if !name.starts_with(letter) {
            return None;
        }
        if let Some(tail) = rest.strip_prefix('}') {
            return Some((
                Self {
                    name,
                    default: None,
                },
                tail,
            ));
        }
        let (default, tail) = rest.strip_prefix(":-")?.split_once('}')?;
        Some((
            Self {
                name,
                default: Some(default),
            },
            tail,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, Unset> {
        let variables = Variables::new()
            .environment([
                ("A".to_owned(), "hidden".to_owned()),
                ("B".to_owned(), "env".to_owned()),
            ])
            .set("A", "one")
            .set("EMPTY", "");
        variables.expand(text)
    }

    #[test]
    fn values_defaults_and_precedence() {
        assert_eq!(expand("${A}-${B}-${C:-three}").unwrap(), "one-env-three");
        assert_eq!(
            expand("[${EMPTY}] [${EMPTY:-x}] [${C:-}]").unwrap(),
            "[] [x] []"
        );
        assert_eq!(expand("${C}"), Err(Unset("C".into())));
    }

    #[test]
    fn mentioned_variables_are_found_once_with_their_defaults() {
        let text = "a: ${A:-1} ${B}\nb: ${A:-2} $${C} $D ${E\nc: }";
        assert_eq!(mentioned(text), [("A", Some("1")), ("B", None)]);
    }

    #[test]
    fn other_dollars_stand_for_themselves() {
        for text in [
            "$A",
            "$(date)",
            "$$",
            "echo $$ > x",
            "${1}",
            "${A%x}",
            "${",
            "${A",
            "${}",
            "$6$x$y",
        ] {
            assert_eq!(expand(text).unwrap(), text);
        }
        assert_eq!(expand("$${A} $$${A}").unwrap(), "${A} $${A}");
    }
}
