//! The packages that an image says it holds, read from its package databases.

use std::collections::BTreeSet;
use std::io::{self, Write};

use bedplate_formats::content::ReadContent;
use bedplate_formats::{apk, deb822};
use bedplate_tree::{Content, InodeKind, Tree};
use bedplate_types::{Package, TreePath};

/// A package database over this size is not read: the largest seen are a few MiB.
const MAX_DATABASE: u64 = 64 << 20;

/// Where `dpkg` keeps its database, and where images without `dpkg` keep one file a package.
const DPKG_STATUS: &str = "var/lib/dpkg/status";
const DPKG_STATUS_D: &str = "var/lib/dpkg/status.d";
/// Where `apk` keeps its database, before and after the move to `/usr`.
pub(crate) const APK_DATABASES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Every package named by a database in `tree`, sorted. A database that cannot be read names none.
pub(crate) fn packages_in(
    tree: &Tree,
    contents: &dyn ReadContent,
) -> io::Result<BTreeSet<Package>> {
    let mut found = BTreeSet::new();
    for path in APK_DATABASES {
        if let Some(text) = read_text(tree, contents, path)? {
            found.extend(apk::installed(&text));
        }
    }
    let mut dpkg = vec![DPKG_STATUS.to_owned()];
    if let Some(InodeKind::Directory(children)) = get(tree, DPKG_STATUS_D) {
        let names = children
            .keys()
            .map(|name| String::from_utf8_lossy(name).into_owned());
        dpkg.extend(
            names
                .filter(|name| !name.ends_with(".md5sums"))
                .map(|name| format!("{DPKG_STATUS_D}/{name}")),
        );
    }
    for path in dpkg {
        if let Some(text) = read_text(tree, contents, &path)? {
            found.extend(deb822::installed(&text).unwrap_or_default());
        }
    }
    let distribution = distribution(tree, contents)?;
    Ok(found
        .into_iter()
        .map(|package| Package {
            distribution: distribution.clone(),
            ..package
        })
        .collect())
}

/// What the image says that it is (os-release(5), `ID`).
fn distribution(tree: &Tree, contents: &dyn ReadContent) -> io::Result<Option<String>> {
    for path in ["etc/os-release", "usr/lib/os-release"] {
        let text = read_text(tree, contents, path)?.unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("ID="));
        if let Some(id) = id.map(|id| id.trim_matches(['"', '\''])) {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}

/// The text of a file that is small enough, if there is one at `path`.
pub(crate) fn read_text(
    tree: &Tree,
    contents: &dyn ReadContent,
    path: &str,
) -> io::Result<Option<String>> {
    let Some(InodeKind::File(content)) = get(tree, path) else {
        return Ok(None);
    };
    if content.len() > MAX_DATABASE {
        return Ok(None);
    }
    let bytes = read_bytes(contents, content)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// All bytes of a content that the caller knows to be small.
pub(crate) fn read_bytes(contents: &dyn ReadContent, content: &Content) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    contents.copy(content, &mut bytes as &mut dyn Write)?;
    Ok(bytes)
}

fn get<'a>(tree: &'a Tree, path: &str) -> Option<&'a InodeKind> {
    let path: TreePath = path.parse().expect("database paths are normal");
    tree.get(&path).map(|inode| &inode.kind)
}
