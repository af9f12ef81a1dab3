//! Arguments: `--name=value`, each at most once. One with nothing behind `=` counts as not given, so that a fragment can
//! pass a variable on that has no value.

use std::collections::BTreeMap;

use crate::Result;
use crate::error::Error;

/// The options that were given.
#[derive(Debug)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// Reads `arguments`, which may be those in `known`.
    pub fn parse(arguments: &[String], known: &[&str]) -> Result<Self> {
        let mut options = BTreeMap::new();
        for argument in arguments {
            let parts = argument
                .strip_prefix("--")
                .and_then(|rest| rest.split_once('='));
            let Some((name, value)) = parts.filter(|(name, _)| known.contains(name)) else {
                return Err(Error::Usage(format!(
                    "`{argument}` is not one of {}",
                    known
                        .iter()
                        .map(|name| format!("--{name}=…"))
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            };
            let value = value.trim();
            if !value.is_empty() && options.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Error::Usage(format!("`--{name}` is given twice")));
            }
        }
        Ok(Self(options))
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of an option that must be given.
    pub fn need(&self, name: &str) -> Result<&str> {
        self.get(name)
            .ok_or_else(|| Error::Usage(format!("`--{name}=…` is missing")))
    }

    /// The value of an option as a number of seconds.
    pub fn seconds(&self, name: &str, default: u64) -> Result<std::time::Duration> {
        let text = self.get(name);
        let seconds = text.map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| Error::Usage(format!("`--{name}={text}` is not a number of seconds")))
        });
        Ok(std::time::Duration::from_secs(seconds?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_and_given_once_and_empty_ones_are_absent() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            Options::parse(&words, &["label", "wait"])
        };
        let options = parse("--label=data --wait=").unwrap();
        assert_eq!(options.get("label"), Some("data"));
        assert_eq!(options.seconds("wait", 7).unwrap().as_secs(), 7);
        assert!(options.need("wait").is_err());
        for bad in ["--lable=x", "label=x", "--label", "--label=a --label=b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("--wait=soon").unwrap().seconds("wait", 1).is_err());
    }
}
