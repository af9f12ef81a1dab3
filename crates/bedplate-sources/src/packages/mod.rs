//! `packages:`: packages of a distribution, each a layer, unpacked over one another.
//!
//! ```text
//! request --archives--> suites and mirrors --apt: update, resolve, download--> .deb files
//!         --unpack--> layer: symlinks of a merged /usr
//!                     layer per package, in order of name
//!                     layer: /var/lib/dpkg/status.d/NAME, the packages' control files
//! ```
//!
//! The engine is the build machine's own `apt-get`, run as the user who builds, with directories of its
//! own in the store: nothing of the build machine is read but its mirrors, its proxies and its keys,
//! and nothing of it is changed. apt checks the signatures.
//!
//! Packages are unpacked, not installed: no maintainer script runs, so what only a script makes (users,
//! alternatives, `ld.so.cache`, generated configuration) is not there. No package is added for being
//! essential: exactly what is named comes, with what it depends on. `status.d` is where scanners look
//! for packages in images that `dpkg` did not install.
//!
//! A kernel is one of these packages without its dependencies: see [`kernel_parts`].
//!
//! What a request was resolved to is noted: a second build runs no apt and touches no network.

pub(crate) mod apt;
mod archives;
pub(crate) mod listed;
pub(crate) mod unpack;

use std::path::Path;
use std::time::Duration;

use bedplate_spec::lock::{Dependencies, Layering, PackageRequest, PackageSet, ResolvedImage};
use bedplate_sys::scratch::Scratch;
use bedplate_types::{DiffId, Digest, ImageConfig, Package};

use crate::base::zfs;
use crate::error::{ErrorKind, SourceError};
use crate::options::Pull;
use crate::sources::Sources;
use apt::Apt;
use archives::Archives;
use listed::{Listed, plain_name};
use unpack::Unpacked;

/// Package lists older than this are fetched again before something new is resolved.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// What is made of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They are unpacked over one another.
    Unpacked,
    /// They are installed, with all that is essential: a base.
    Installed,
}

impl Kind {
    /// How the store's names of such images begin.
    fn noun(self) -> &'static str {
        match self {
            Self::Unpacked => "packages",
            Self::Installed => "debian",
        }
    }
}

/// Package files that were chosen: those of an image, and those of the root in which modules are built for it.
struct Chosen {
    listed: Vec<Listed>,
    builder: Option<Vec<Listed>>,
}

impl Sources<'_> {
    /// What a set of packages comes to; asked only where it is not noted.
    pub(crate) fn resolve_set(
        &self,
        kind: Kind,
        request: &PackageRequest,
    ) -> Result<ResolvedImage, SourceError> {
        match kind {
            Kind::Unpacked => listed::check_names(&request.include)?,
            Kind::Installed => listed::check_each(&request.include)?,
        }
        let (host, request) = with_suite(request)?;
        let json = serde_json::to_string(&request).expect("a request is plain data");
        let names = request.include.join(" ");
        let suite = request.suite.as_deref().unwrap_or_default();
        let noun = kind.noun();
        let name = format!(
            "{noun} {names} ({suite}) linux/{} {json}",
            self.options.arch
        );
        if let Some(noted) = self.noted(&name)? {
            return Ok(noted);
        }
        let archives = Archives::of(&request, &host, &self.options.base)?;
        let image = match self.resolve_from(kind, &request, &archives) {
            // Not every suite has updates; those of another suite were only a guess.
            Err(error) if error.kind() == ErrorKind::Network && archives.has_guesses() => {
                self.progress.warn(&format!(
                    "suite {suite} has no updates or security archive here"
                ));
                self.resolve_from(kind, &request, &archives.without_guesses())
            }
            result => result,
        }?;
        self.note(&name, &image)?;
        Ok(image)
    }

    /// The same from the files that a lock names. apt's lists are not asked.
    pub(crate) fn bring_locked(
        &self,
        kind: Kind,
        request: &PackageRequest,
        (set, builder): (&PackageSet, Option<&PackageSet>),
    ) -> Result<ResolvedImage, SourceError> {
        let request = PackageRequest {
            suite: Some(set.suite.clone()),
            ..request.clone()
        };
        let (host, request) = with_suite(&request)?;
        let archives = Archives::of(&request, &host, &self.options.base)?;
        let list = archives.sources_list();
        let apt = Apt::prepare(self.store, &self.options, &list, self.progress)?;
        let listed = |set: &PackageSet| -> Result<Vec<Listed>, SourceError> {
            let locked = |package| Listed::locked(package, &archives);
            set.packages.iter().map(locked).collect()
        };
        let chosen = Chosen {
            listed: listed(set)?,
            builder: builder.map(listed).transpose()?,
        };
        self.bring(kind, (&request, &archives), &chosen, &apt)
    }

    fn resolve_from(
        &self,
        kind: Kind,
        request: &PackageRequest,
        archives: &Archives,
    ) -> Result<ResolvedImage, SourceError> {
        let list = archives.sources_list();
        let apt = Apt::prepare(self.store, &self.options, &list, self.progress)?;
        let age = if self.options.pull == Pull::Always {
            Duration::ZERO
        } else {
            LISTS_AGE
        };
        let fresh = apt.update_if_older(age, self.progress)?;
        let bring = || {
            let listed = choose(kind, request, &apt)?;
            let builder = match request.zfs {
                false => None,
                true => Some(zfs::choose_builder(&listed, &apt)?),
            };
            let chosen = Chosen { listed, builder };
            self.bring(kind, (request, archives), &chosen, &apt)
        };
        match bring() {
            // The mirror has moved on since the lists were fetched.
            Err(error)
                if !fresh && matches!(error.kind(), ErrorKind::Network | ErrorKind::NotFound) =>
            {
                apt.update_if_older(Duration::ZERO, self.progress)?;
                bring()
            }
            result => result,
        }
    }

    fn bring(
        &self,
        kind: Kind,
        (request, archives): (&PackageRequest, &Archives),
        chosen: &Chosen,
        apt: &Apt,
    ) -> Result<ResolvedImage, SourceError> {
        let Chosen { listed, builder } = chosen;
        let mut layers = match kind {
            Kind::Unpacked => self.fetch_packages(listed, apt)?,
            Kind::Installed => vec![self.install(listed, apt)?],
        };
        if let Some(builder) = builder {
            layers.push(self.zfs_modules(builder, apt)?);
        }
        let set = |listed: &[Listed]| PackageSet {
            suite: request.suite.clone().unwrap_or_default(),
            packages: listed.iter().map(|deb| deb.lock(archives)).collect(),
        };
        let distribution = archives::distribution(request);
        Ok(ResolvedImage {
            manifest: None,
            arch: Some(self.options.arch),
            config: ImageConfig::default(),
            layers,
            layering: Layering::Union,
            packages: listed
                .iter()
                .map(|deb| package(deb, &distribution))
                .collect(),
            archives: Some(set(listed)),
            builder: builder.as_deref().map(set),
        })
    }

    /// Downloads packages, if that is allowed.
    pub(crate) fn download(
        &self,
        packages: &[&Listed],
        directory: &Path,
        apt: &Apt,
    ) -> Result<(), SourceError> {
        if self.options.pull == Pull::Never {
            let message = format!(
                "{} packages are not in the cache, and may not be fetched",
                packages.len()
            );
            return Err(SourceError::new(ErrorKind::NotFound, message)
                .with_hint("allow it: --pull missing"));
        }
        apt.download(packages, directory, self.progress)
    }

    /// The layers of packages that are unpacked.
    fn fetch_packages(
        &self,
        listed: &[Listed],
        apt: &Apt,
    ) -> Result<Vec<Digest<DiffId>>, SourceError> {
        let mut unpacked: Vec<Option<Unpacked>> =
            listed.iter().map(|deb| self.known_package(deb)).collect();
        let missing: Vec<&Listed> = listed
            .iter()
            .zip(&unpacked)
            .filter(|(_, known)| known.is_none())
            .map(|(deb, _)| deb)
            .collect();
        if !missing.is_empty() {
            let scratch = Scratch::directory_in(&self.store.dir().join("tmp"))
                .map_err(|e| SourceError::file("make a directory in", self.store.dir(), e))?;
            self.download(&missing, scratch.path(), apt)?;
            self.unpack_packages(listed, &mut unpacked, scratch.path())?;
        }
        let unpacked: Vec<Unpacked> = unpacked.into_iter().flatten().collect();
        let mut layers = vec![self.merged_usr()?];
        layers.extend(unpacked.iter().map(|package| package.layer));
        layers.push(self.status(&unpacked)?);
        Ok(layers)
    }
}

/// The suite of the build machine, and the request with the suite that it means.
fn with_suite(request: &PackageRequest) -> Result<(Option<String>, PackageRequest), SourceError> {
    let (host, suite) = archives::host_suite(request.suite.as_deref())?;
    let request = PackageRequest {
        suite: Some(suite),
        ..request.clone()
    };
    Ok((host, request))
}

/// The packages that a request comes to, in order of name.
fn choose(kind: Kind, request: &PackageRequest, apt: &Apt) -> Result<Vec<Listed>, SourceError> {
    let names = &request.include;
    let alone = request.dependencies == Dependencies::None;
    let listed = if kind == Kind::Installed {
        apt.resolve_base(names)?
    } else if alone && names.iter().any(|name| is_kernel(name)) {
        kernel_parts(names, apt.resolve(names, Dependencies::Required)?)
    } else {
        apt.resolve(names, request.dependencies)?
    };
    Ok(in_order(listed))
}

/// Each package once, in order of its file's name.
pub(crate) fn in_order(mut listed: Vec<Listed>) -> Vec<Listed> {
    listed.sort_by(|a, b| a.file.cmp(&b.file));
    listed.dedup_by(|a, b| a.file == b.file);
    listed
}

/// Without dependencies, a `linux-image-*` that was named still brings the kernel that it stands for:
/// of what it depends on, all that is part of a kernel too, and nothing that only installs one.
fn kernel_parts(names: &[String], mut listed: Vec<Listed>) -> Vec<Listed> {
    let is_named = |deb: &Listed| names.iter().any(|name| plain_name(name) == deb.name);
    listed.retain(|deb| is_named(deb) || is_kernel(&deb.name));
    listed
}

fn is_kernel(name: &str) -> bool {
    let parts = ["linux-image-", "linux-binary-", "linux-modules-"];
    parts.iter().any(|part| name.starts_with(part))
}

fn package(deb: &Listed, distribution: &Option<String>) -> Package {
    Package {
        system: "deb".into(),
        distribution: distribution.clone(),
        name: deb.name.clone(),
        version: deb.version.clone(),
        arch: deb.arch.clone(),
        license: None,
        sha256: Some(deb.digest.hex()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_comes_whole_but_without_what_installs_it() {
        let line = |name: &str| format!("'u' {name}_1_amd64.deb 1 SHA256:{}\n", "00".repeat(32));
        let all = [
            "kmod",
            "linux-base",
            "linux-image-7.2-cloud-amd64",
            "linux-modules-7.2-cloud-amd64",
            "linux-image-cloud-amd64",
            "hello",
        ];
        let listed = listed::parse(&all.map(line).concat()).unwrap();
        let names = ["linux-image-cloud-amd64".to_owned(), "hello=1".to_owned()];
        let kept: Vec<String> = kernel_parts(&names, listed)
            .into_iter()
            .map(|deb| deb.name)
            .collect();
        assert_eq!(
            kept,
            [
                "linux-image-7.2-cloud-amd64",
                "linux-modules-7.2-cloud-amd64",
                "linux-image-cloud-amd64",
                "hello"
            ]
        );
    }
}
