//! Documents with a version, as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A document that this program does not know.
#[derive(Debug, thiserror::Error)]
pub enum UnknownVersion {
    /// Not JSON of this shape.
    #[error("the {what} is malformed")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another version.
    #[error("the {what} has version {found}, this program knows version {known}")]
    Version {
        /// What it is.
        what: &'static str,
        /// What the document says.
        found: u32,
        /// What is known here.
        known: u32,
    },
}

pub(crate) fn parse<T: DeserializeOwned>(
    what: &'static str,
    json: &[u8],
    known: u32,
) -> Result<T, UnknownVersion> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let malformed = |source| UnknownVersion::Malformed { what, source };
    let Versioned { version } = serde_json::from_slice(json).map_err(malformed)?;
    if version != known {
        return Err(UnknownVersion::Version {
            what,
            found: version,
            known,
        });
    }
    serde_json::from_slice(json).map_err(malformed)
}

/// Ends in a newline.
pub(crate) fn render(document: &impl Serialize) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(document).expect("documents are plain data");
    json.push(b'\n');
    json
}
