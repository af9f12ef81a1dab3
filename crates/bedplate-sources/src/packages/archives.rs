//! Which archives a request means: those of the build machine, or the same mirror's for another suite.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_formats::deb822;
use bedplate_spec::lock::PackageRequest;
use bedplate_sys::tool::Tool;

use crate::error::{ErrorKind, SourceError};

/// Suites that are never followed by `-updates` and `-security`.
const ROLLING: [&str; 4] = ["sid", "unstable", "experimental", "rc-buggy"];

/// One line of a `sources.list`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Archive {
    uri: String,
    suite: String,
    components: Vec<String>,
    /// Keys that it is signed with, where not those that the machine trusts.
    keyring: Option<PathBuf>,
    /// Derived from another suite's, and perhaps not there.
    guessed: bool,
}

/// The archives that packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archives(Vec<Archive>);

/// The suite of the build machine, where it has one, and the suite that a request means.
pub(crate) fn host_suite(wanted: Option<&str>) -> Result<(Option<String>, String), SourceError> {
    let host = os_release("VERSION_CODENAME");
    match wanted.map(str::to_owned).or_else(|| host.clone()) {
        Some(suite) if is_suite(&suite) => Ok((host, suite)),
        Some(suite) => Err(SourceError::bad(format!(
            "`{suite}` is not the name of a suite"
        ))),
        None => Err(
            SourceError::bad("it names no suite, and the build machine has none")
                .with_hint("add one: `suite: trixie`"),
        ),
    }
}

/// What the build machine says of itself (os-release(5)).
fn os_release(key: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// The distribution that the packages of `request` are of; another mirror may serve another one.
pub(crate) fn distribution(request: &PackageRequest) -> Option<String> {
    os_release("ID").filter(|_| request.mirror.is_none())
}

fn is_suite(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b))
}

impl Archives {
    /// The archives for `request`, whose suite is filled in.
    /// Paths in it start from `base`.
    pub(crate) fn of(
        request: &PackageRequest,
        host: &Option<String>,
        base: &Path,
    ) -> Result<Self, SourceError> {
        let suite = request.suite.as_deref().unwrap_or_default();
        let components = match &request.components[..] {
            [] => vec!["main".to_owned()],
            some => some.to_vec(),
        };
        if let Some(uri) = &request.mirror {
            check_uri(uri)?;
            let archive = Archive {
                uri: uri.trim_end_matches('/').to_owned(),
                suite: suite.to_owned(),
                components,
                keyring: None,
                guessed: false,
            };
            return Self(vec![archive]).signed(request, base);
        }
        let targets = Tool::new("apt-get", "apt")
            .args(["indextargets", "--no-release-info", "Created-By: Packages"])
            .env("LC_ALL", "C.UTF-8")
            .output()?;
        Self::from_targets(
            &String::from_utf8_lossy(&targets),
            host.as_deref(),
            suite,
            &components,
        )?
        .signed(request, base)
    }

    /// With the keys that the request names.
    fn signed(mut self, request: &PackageRequest, base: &Path) -> Result<Self, SourceError> {
        let Some(keyring) = &request.keyring else {
            return Ok(self);
        };
        let path = base.join(keyring);
        let path = fs::canonicalize(&path).map_err(|e| SourceError::file("read", &path, e))?;
        let plain = |c: char| c.is_ascii_graphic() && !"[],".contains(c);
        if !path.to_str().is_some_and(|text| text.chars().all(plain)) {
            let message = format!("apt cannot be told the path `{}`", path.display());
            return Err(
                SourceError::bad(message).with_hint("it may have no blanks, commas and brackets")
            );
        }
        for archive in &mut self.0 {
            archive.keyring = Some(path.clone());
        }
        Ok(self)
    }

    /// From what `apt-get indextargets` says of the build machine's configuration, whichever form that has.
    fn from_targets(
        targets: &str,
        host: Option<&str>,
        suite: &str,
        components: &[String],
    ) -> Result<Self, SourceError> {
        let paragraphs = deb822::parse(targets).map_err(|e| {
            SourceError::bad("apt-get describes its configuration in an unknown form").because(e)
        })?;
        let configured = paragraphs.iter().filter_map(|target| {
            let release = target.get("Release")?.trim_end_matches('/');
            Some((target.get("Repo-URI")?.trim_end_matches('/'), release))
        });
        let mut archives: Vec<Archive> = Vec::new();
        for (uri, release) in configured {
            // `bookworm`, `bookworm-updates`, …; other archives than the distribution's own are left out.
            let own = host.and_then(|host| release.strip_prefix(host));
            let Some(rest) = own.filter(|rest| rest.is_empty() || rest.starts_with('-')) else {
                continue;
            };
            let same = host == Some(suite);
            if !same
                && !rest.is_empty()
                && (ROLLING.contains(&suite) || !["-updates", "-security"].contains(&rest))
            {
                continue;
            }
            let archive = Archive {
                uri: uri.to_owned(),
                suite: format!("{suite}{rest}"),
                components: components.to_vec(),
                keyring: None,
                guessed: !same && !rest.is_empty(),
            };
            if !archives.contains(&archive) {
                archives.push(archive);
            }
        }
        if archives.iter().all(|archive| archive.guessed) {
            let message = format!(
                "apt of the build machine has no mirror that suite {suite} could come from"
            );
            return Err(SourceError::new(ErrorKind::NotFound, message)
                .with_hint("add one: `mirror: https://…`"));
        }
        archives.sort();
        Ok(Self(archives))
    }

    /// The suite that a package is from, and its path below the mirror.
    pub(crate) fn locate(&self, uri: &str) -> (String, String) {
        let below = |archive: &Archive| {
            let path = uri.strip_prefix(&archive.uri)?.strip_prefix('/')?;
            Some((archive.suite.clone(), path.to_owned()))
        };
        let found = self.0.iter().find_map(below);
        found.unwrap_or_else(|| (String::new(), uri.to_owned()))
    }

    /// Where the mirror of a suite has `path`.
    pub(crate) fn uri(&self, suite: &str, path: &str) -> Option<String> {
        let archive = self.0.iter().find(|archive| archive.suite == suite)?;
        Some(format!("{}/{path}", archive.uri))
    }

    pub(crate) fn has_guesses(&self) -> bool {
        self.0.iter().any(|archive| archive.guessed)
    }

    pub(crate) fn without_guesses(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|archive| !archive.guessed)
                .cloned()
                .collect(),
        )
    }

    /// As apt wants it. Only the package lists are fetched, whatever else the build machine likes.
    pub(crate) fn sources_list(&self) -> String {
        let line = |archive: &Archive| {
            let Archive {
                uri,
                suite,
                components,
                keyring,
                ..
            } = archive;
            let keyring = keyring
                .as_ref()
                .map(|path| format!(" signed-by={}", path.display()));
            let keyring = keyring.unwrap_or_default();
            format!(
                "deb [target=Packages{keyring}] {uri} {suite} {}\n",
                components.join(" ")
            )
        };
        self.0.iter().map(line).collect()
    }
}

/// A mirror is one word with a scheme: anything else would say more to apt than where packages are.
fn check_uri(uri: &str) -> Result<(), SourceError> {
    let schemes = ["http://", "https://", "file:/"];
    let plain = uri
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"[]\"'".contains(&b));
    if plain && schemes.iter().any(|scheme| uri.starts_with(scheme)) {
        return Ok(());
    }
    Err(
        SourceError::bad(format!("`{uri}` is not the address of a mirror"))
            .with_hint("write `http://`, `https://` or `file:` and where it is"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
Repo-URI: http://mirror.test/debian/
Release: bookworm
Component: main

Repo-URI: http://mirror.test/debian/
Release: bookworm-updates
Component: main

Repo-URI: http://mirror.test/debian-security/
Release: bookworm-security
Component: main

Repo-URI: https://elsewhere.test/node/
Release: nodistro
Component: main
";

    fn list(suite: &str, components: &[&str]) -> String {
        let components: Vec<String> = components.iter().map(|&c| c.to_owned()).collect();
        Archives::from_targets(TARGETS, Some("bookworm"), suite, &components)
            .unwrap()
            .sources_list()
    }

    #[test]
    fn the_own_suite_comes_with_its_updates_and_without_strangers() {
        insta::assert_snapshot!(list("bookworm", &["main"]), @r"
        deb [target=Packages] http://mirror.test/debian bookworm main
        deb [target=Packages] http://mirror.test/debian bookworm-updates main
        deb [target=Packages] http://mirror.test/debian-security bookworm-security main
        ");
    }

    #[test]
    fn another_suite_comes_from_the_same_mirrors() {
        insta::assert_snapshot!(list("trixie", &["main", "contrib"]), @r"
        deb [target=Packages] http://mirror.test/debian trixie main contrib
        deb [target=Packages] http://mirror.test/debian trixie-updates main contrib
        deb [target=Packages] http://mirror.test/debian-security trixie-security main contrib
        ");
        assert_eq!(
            list("sid", &["main"]),
            "deb [target=Packages] http://mirror.test/debian sid main\n"
        );
    }

    #[test]
    fn a_package_is_found_again_at_another_mirror() {
        let archives = Archives::from_targets(TARGETS, Some("bookworm"), "trixie", &[]).unwrap();
        let uri = "http://mirror.test/debian-security/pool/updates/x.deb";
        let (suite, path) = archives.locate(uri);
        assert_eq!(
            (suite.as_str(), path.as_str()),
            ("trixie-security", "pool/updates/x.deb")
        );
        assert_eq!(archives.uri(&suite, &path).as_deref(), Some(uri));
        assert_eq!(archives.uri("sid", &path), None);
    }

    #[test]
    fn a_machine_without_mirror_needs_one_in_the_request() {
        let error = Archives::from_targets("", Some("bookworm"), "trixie", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(check_uri("http://mirror.test/debian").is_ok());
        for bad in [
            "mirror.test",
            "http://a b",
            "http://x [trusted=yes]",
            "cdrom:[x]/",
        ] {
            assert!(check_uri(bad).is_err(), "{bad}");
        }
    }
}
