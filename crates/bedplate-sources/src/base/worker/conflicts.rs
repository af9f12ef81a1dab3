//! Files that two packages have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bedplate_types::TreePath;

use super::choosing::names;
use super::unpacking::Package;

/// Whose each path is, by number of the package.
#[derive(Default)]
pub(super) struct Claims {
    owners: HashMap<TreePath, usize>,
    pub(super) conflicts: Vec<Conflict>,
}

/// A path that was unpacked from one package, and stands in another.
pub(super) struct Conflict {
    pub(super) path: TreePath,
    pub(super) first: usize,
    pub(super) second: usize,
}

impl Claims {
    /// Is the path now that package's? Otherwise the conflict is noted.
    pub(super) fn claim(&mut self, path: &TreePath, package: usize) -> bool {
        match self.owners.entry(merged(path)) {
            Entry::Vacant(vacant) => {
                vacant.insert(package);
                true
            }
            Entry::Occupied(occupied) if *occupied.get() == package => true,
            Entry::Occupied(occupied) => {
                self.conflicts.push(Conflict {
                    path: path.clone(),
                    first: *occupied.get(),
                    second: package,
                });
                false
            }
        }
    }
}

/// The path as it is with a merged `/usr`.
fn merged(path: &TreePath) -> TreePath {
    let is_moved = path.parent().is_some_and(|parent| !parent.is_root())
        && path
            .components()
            .next()
            .is_some_and(|first| matches!(first, b"bin" | b"sbin" | b"lib" | b"lib64"));
    if is_moved {
        let usr: TreePath = "usr".parse().expect("a plain name");
        usr.join(path)
    } else {
        path.clone()
    }
}

/// Does `package` say that it replaces files of `other`?
pub(super) fn replaces(package: &Package, other: &Package) -> bool {
    let field = package.fields.get("Replaces").unwrap_or_default();
    let provided = other.fields.get("Provides").unwrap_or_default();
    names(field).any(|name| name == other.name || names(provided).any(|one| one == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_first_ones_also_under_its_old_name() {
        let mut claims = Claims::default();
        let path = |text: &str| text.parse::<TreePath>().unwrap();
        assert!(claims.claim(&path("usr/bin/x"), 0));
        assert!(claims.claim(&path("usr/bin/x"), 0));
        assert!(!claims.claim(&path("bin/x"), 1));
        let Conflict { first, second, .. } = claims.conflicts[0];
        assert_eq!((first, second), (0, 1));
        assert!(claims.claim(&path("bin"), 1));
    }

    #[test]
    fn a_virtual_package_can_be_replaced() {
        let exim = Package::for_test("exim4", "Provides: mail-transport-agent", "");
        let postfix = Package::for_test("postfix", "Replaces: mail-transport-agent", "");
        assert!(replaces(&postfix, &exim));
        assert!(!replaces(&exim, &postfix));
    }
}
