//! The database of installed packages of Alpine Linux, `/lib/apk/db/installed` (apk-package(5) and the
//! "APK spec" of the Alpine wiki).
//!
//! One line a field, `X:value`, with a blank line after each package. `P` is its name, `V` its version,
//! `A` its architecture, `L` its licence; the other fields (files, checksums, …) are passed over.

use bedplate_types::Package;

/// The packages of an `installed` file. A paragraph without name or version is passed over.
pub fn installed(text: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut current = Fields::default();
    for line in text.lines().chain(std::iter::once("")) {
        if line.is_empty() {
            packages.extend(std::mem::take(&mut current).package());
            continue;
        }
        match line.split_once(':') {
            Some(("P", value)) => current.name = Some(value),
            Some(("V", value)) => current.version = Some(value),
            Some(("A", value)) => current.arch = Some(value),
            Some(("L", value)) => current.license = Some(value),
            _ => {}
        }
    }
    packages
}

#[derive(Default)]
struct Fields<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    arch: Option<&'a str>,
    license: Option<&'a str>,
}

impl Fields<'_> {
    fn package(self) -> Option<Package> {
        Some(Package {
            system: "apk".to_owned(),
            distribution: None,
            name: self.name?.to_owned(),
            version: self.version?.to_owned(),
            arch: self.arch.unwrap_or_default().to_owned(),
            license: self
                .license
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            sha256: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_the_database() {
        let text = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:busybox\nV:1.36.1-r29\nA:x86_64\n";
        let packages = installed(text);
        let shown: Vec<String> = packages
            .iter()
            .map(|p| format!("{} {} {} {:?}", p.name, p.version, p.arch, p.license))
            .collect();
        assert_eq!(
            shown,
            [
                "musl 1.2.5-r0 x86_64 Some(\"MIT\")",
                "busybox 1.36.1-r29 x86_64 None"
            ]
        );
    }
}
