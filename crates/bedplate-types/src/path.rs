//! Paths inside an image. They never touch a host path: no conversion to [`std::path::Path`] exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A normal path in an image: components joined by `/`, without leading slash; the root is empty.
///
/// No component is empty, `.`, `..`, over 255 bytes, or holds a NUL; the whole is under 4096 bytes.
/// Bytes, not text: an image may hold names that are not UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath(Box<[u8]>);

/// Why bytes are not a path in an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is `..`, so the path could leave the image.
    #[error("path `{0}` leaves the image: a component is `..`")]
    Leaves(String),
    /// A NUL byte, which no Linux path can hold.
    #[error("path `{0}` holds a NUL byte")]
    Nul(String),
    /// A component over 255 bytes, or a path of 4096 bytes or more.
    #[error("path `{0}…` is too long")]
    TooLong(String),
}

impl TreePath {
    /// The root of the image.
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalises `bytes`: leading slashes, doubled slashes, trailing slashes and `.` go; `..` is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        let lossy = || {
            String::from_utf8_lossy(bytes)
                .chars()
                .take(80)
                .collect::<String>()
        };
        if bytes.contains(&0) {
            return Err(PathError::Nul(lossy()));
        }
        let mut normal = Vec::with_capacity(bytes.len());
        for component in bytes.split(|&b| b == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return Err(PathError::Leaves(lossy())),
                long if long.len() > 255 => return Err(PathError::TooLong(lossy())),
                _ => {}
            }
            if !normal.is_empty() {
                normal.push(b'/');
            }
            normal.extend_from_slice(component);
        }
        if normal.len() >= 4096 {
            return Err(PathError::TooLong(lossy()));
        }
        Ok(Self(normal.into()))
    }

    /// This path with `tail` below it.
    pub fn join(&self, tail: &Self) -> Self {
        match (self.is_root(), tail.is_root()) {
            (true, _) => tail.clone(),
            (_, true) => self.clone(),
            _ => Self([&self.0, &b"/"[..], &tail.0].concat().into()),
        }
    }

    /// This path with one more component, which must be a normal name.
    pub fn child(&self, name: &[u8]) -> Self {
        debug_assert!(!name.is_empty() && !name.contains(&b'/'));
        if self.is_root() {
            Self(name.into())
        } else {
            Self([&self.0, &b"/"[..], name].concat().into())
        }
    }

    /// The path without its last component; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(Self(self.0[..end].into()))
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        if self.is_root() {
            None
        } else {
            self.components().last()
        }
    }

    /// The components from the root down. The root has none.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|c| !c.is_empty())
    }

    /// Is this the root of the image?
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Is `self` equal to `base`, or below it?
    pub fn starts_with(&self, base: &Self) -> bool {
        base.is_root()
            || self
                .0
                .strip_prefix(&*base.0)
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// The bytes, without leading slash: `etc/hosts`; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// With a leading slash, as a user of the image would write it.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_dots_are_normalised() {
        for text in ["/etc/hosts", "etc/hosts", "./etc//hosts/", "/./etc/./hosts"] {
            assert_eq!(text.parse::<TreePath>().unwrap().as_bytes(), b"etc/hosts");
        }
        assert!("/".parse::<TreePath>().unwrap().is_root());
    }

    #[test]
    fn paths_that_leave_the_image_are_refused() {
        for text in ["..", "../etc", "/etc/../../shadow", "a/.."] {
            assert!(
                matches!(text.parse::<TreePath>(), Err(PathError::Leaves(_))),
                "{text}"
            );
        }
        assert!(matches!("a\0b".parse::<TreePath>(), Err(PathError::Nul(_))));
        assert!(matches!(
            "a".repeat(256).parse::<TreePath>(),
            Err(PathError::TooLong(_))
        ));
    }

    #[test]
    fn parent_name_and_join_agree() {
        let path: TreePath = "usr/lib/os-release".parse().unwrap();
        assert_eq!(path.parent().unwrap().child(path.name().unwrap()), path);
        assert!(path.starts_with(&"usr/lib".parse().unwrap()));
        assert!(!path.starts_with(&"usr/li".parse().unwrap()));
        assert_eq!(TreePath::root().join(&path), path);
    }
}
