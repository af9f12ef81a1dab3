//! Which packages cannot be unpacked blindly.
//!
//! A preinst that diverts files must run before its package's own files are there (dpkg-divert(1)), so
//! dpkg unpacks such packages itself, after all others. What dpkg and scripts themselves run on, the
//! essential packages and all that they depend on, must be there first and is never left to it.

use std::collections::{BTreeMap, BTreeSet};

use super::unpacking::Package;

/// Names of the packages that dpkg must unpack.
pub(super) fn left_to_dpkg(packages: &[Package]) -> BTreeSet<String> {
    let diverts = |package: &&Package| {
        let preinst = package.files.get("preinst");
        preinst.is_some_and(|bytes| contains(bytes, b"dpkg-divert"))
    };
    packages
        .iter()
        .filter(diverts)
        .filter(|package| !package.is_first)
        .map(|package| package.name.clone())
        .collect()
}

/// The essential packages and what they depend on.
pub(super) fn essential(packages: &[Package]) -> BTreeSet<&str> {
    let mut providers: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        let provided = package.fields.get("Provides").unwrap_or_default();
        for name in names(provided).chain([package.name.as_str()]) {
            providers.entry(name).or_default().push(package);
        }
    }
    let is_essential = |package: &&Package| package.fields.get("Essential") == Some("yes");
    let mut pending: Vec<&Package> = packages.iter().filter(is_essential).collect();
    let mut found = BTreeSet::new();
    while let Some(package) = pending.pop() {
        if !found.insert(package.name.as_str()) {
            continue;
        }
        for field in ["Pre-Depends", "Depends"] {
            let wanted = names(package.fields.get(field).unwrap_or_default());
            pending.extend(wanted.flat_map(|name| providers.get(name).into_iter().flatten()));
        }
    }
    found
}

/// The names in a relationship field (Debian policy 7.1), without versions and architectures.
pub(super) fn names(field: &str) -> impl Iterator<Item = &str> {
    field
        .split([',', '|'])
        .filter_map(|part| part.trim().split([' ', '(', ':', '[', '\n']).next())
        .filter(|name| !name.is_empty())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, control: &str, preinst: &str) -> Package {
        Package::for_test(name, control, preinst)
    }

    #[test]
    fn what_diverts_is_left_to_dpkg_unless_dpkg_runs_on_it() {
        let divert = "#!/bin/sh\ndpkg-divert --rename /bin/x\n";
        let mut packages = [
            package(
                "dash",
                "Essential: yes\nPre-Depends: libc6 (>= 2.3)",
                divert,
            ),
            package("libc6", "Depends: libgcc-s1", divert),
            package("mawk", "Provides: awk", divert),
            package("base-files", "Essential: yes\nPre-Depends: awk | gawk", ""),
            package("molly-guard", "Depends: dash", divert),
            package("hello", "", "#!/bin/sh\n"),
        ];
        let first: Vec<String> = essential(&packages)
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(first, ["base-files", "dash", "libc6", "mawk"]);
        for package in &mut packages {
            package.is_first = first.contains(&package.name);
        }
        let left = left_to_dpkg(&packages);
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["molly-guard"]);
    }

    #[test]
    fn relationship_fields_are_read() {
        let field = "libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0, perl:any,\n gcc [amd64]";
        let found: Vec<&str> = names(field).collect();
        assert_eq!(found, ["libc6", "debconf", "debconf-2.0", "perl", "gcc"]);
    }
}
