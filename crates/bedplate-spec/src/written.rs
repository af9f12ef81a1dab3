//! A spec file as it was written: what [`reading`](crate::reading) lets through, as types.
//!
//! The table of keys was checked already, so making these from a value cannot fail; a test holds the
//! two together. An entry of a top-level list that could not be read is `None`.

use std::collections::BTreeMap;

use bedplate_boot::{OnFailure, Restart};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::{Dependencies, PackageRequest};
use crate::planning::RootForm;
use crate::settings::{Id, Settings};

/// A whole spec file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SpecFile {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Option<Include>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<Vec<Option<InitEntry>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zfs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<RootForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub onboot: Vec<Option<Container>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub onshutdown: Vec<Option<Container>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Option<Container>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Option<Volume>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Option<File>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Base {
    Image(String),
    Distribution(Distribution),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Distribution {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debian: Option<Debian>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Debian {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
}

impl From<Debian> for PackageRequest {
    fn from(written: Debian) -> Self {
        Self {
            suite: written.suite,
            components: written.components.unwrap_or_default(),
            mirror: written.mirror,
            keyring: written.keyring,
            include: written.packages,
            dependencies: Dependencies::Required,
            zfs: false,
        }
    }
}

impl From<PackageRequest> for Debian {
    fn from(request: PackageRequest) -> Self {
        Self {
            suite: request.suite,
            components: Some(request.components).filter(|components| !components.is_empty()),
            mirror: request.mirror,
            keyring: request.keyring,
            packages: request.include,
        }
    }
}

/// A file to include.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Include {
    Name(String),
    With {
        file: String,
        #[serde(default)]
        set: BTreeMap<String, String>,
    },
}

impl Include {
    /// The file's name, and the variables that are set in it.
    pub fn parts(&self) -> (&str, BTreeMap<String, String>) {
        match self {
            Self::Name(name) => (name, BTreeMap::new()),
            Self::With { file, set } => (file, set.clone()),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kernel {
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ucode: Option<String>,
}

/// Where an image comes from: one of the two, if the rules hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Origin {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Packages {
    Names(Vec<String>),
    Full(PackageList),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PackageList {
    pub include: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
}

impl Packages {
    /// In full; `dependencies` is what holds where nothing is said of them.
    pub fn into_request(self, dependencies: Dependencies) -> PackageRequest {
        let list = match self {
            Self::Full(list) => list,
            Self::Names(include) => PackageList {
                include,
                ..PackageList::default()
            },
        };
        PackageRequest {
            suite: list.suite,
            components: list.components.unwrap_or_default(),
            mirror: list.mirror,
            keyring: list.keyring,
            include: list.include,
            dependencies: list.dependencies.unwrap_or(dependencies),
            zfs: false,
        }
    }

    /// As short as it can be written where `dependencies` is the default.
    pub fn from_request(request: &PackageRequest, dependencies: Dependencies) -> Self {
        let short = Self::Names(request.include.clone());
        if short.clone().into_request(dependencies) == *request {
            return short;
        }
        let PackageRequest {
            suite,
            components,
            mirror,
            keyring,
            include,
            ..
        } = request.clone();
        Self::Full(PackageList {
            include,
            suite,
            components: Some(components).filter(|components| !components.is_empty()),
            mirror,
            keyring,
            dependencies: Some(request.dependencies).filter(|written| *written != dependencies),
        })
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum InitEntry {
    Text(String),
    Image(Origin),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub name: String,
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    #[serde(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ready {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub name: String,
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<Id>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Trust {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Vec<String>>,
}

impl SpecFile {
    /// From a value that the table let through.
    pub fn from_value(value: Value) -> Self {
        serde_json::from_value(value)
            .expect("the table of keys lets only what these types hold through")
    }
}

impl Settings {
    /// From the value of a label that the table let through.
    pub(crate) fn from_value(value: Value) -> Self {
        serde_json::from_value(value)
            .expect("the table of keys lets only what these types hold through")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{HOST, Kind};

    /// A value of this kind with every key; of several kinds, the one with this number.
    fn sample(kind: &'static Kind, choice: usize) -> Value {
        match kind {
            Kind::Text => Value::from("text"),
            Kind::Flag => Value::from(true),
            Kind::Integer(low, _) => Value::from(i64::try_from(*low).unwrap_or(0).max(1)),
            Kind::Mode => Value::from("0644"),
            Kind::Id | Kind::Duration => Value::from(7),
            Kind::Choice(words) => Value::from(words[words.len() - 1]),
            Kind::TextMap => serde_json::json!({"a": "b"}),
            Kind::List(item) => Value::Array(vec![sample(item, choice)]),
            Kind::Map(map) => whole(map, choice),
            Kind::Maps(map) => Value::Array(vec![whole(map, choice)]),
            Kind::Any(kinds) => sample(&kinds[choice % kinds.len()], choice),
        }
    }

    fn whole(map: &'static crate::language::Map, choice: usize) -> Value {
        map.all_keys()
            .map(|key| (key.name.to_owned(), sample(&key.kind, choice)))
            .collect()
    }

    #[test]
    fn types_hold_every_key_of_the_table_and_give_it_back() {
        for choice in 0..2 {
            let value = whole(&HOST, choice);
            let again = serde_json::to_value(SpecFile::from_value(value.clone())).unwrap();
            assert!(again == value, "{value:#}\nbecame\n{again:#}");
        }
    }
}
