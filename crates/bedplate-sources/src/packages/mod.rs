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

use std::time::Duration;

use bedplate_spec::lock::{Dependencies, Layering, PackageRequest, ResolvedImage};
use bedplate_sys::scratch::Scratch;
use bedplate_types::{ImageConfig, Package};

use crate::error::{ErrorKind, SourceError};
use crate::options::Pull;
use crate::sources::Sources;
use apt::Apt;
use archives::Archives;
pub(crate) use archives::distribution;
use listed::{Listed, plain_name};
use unpack::Unpacked;

/// Package lists older than this are fetched again before something new is resolved.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// Makes an image of a request, with an apt for its archives.
pub(crate) type Fetch<'a> =
    dyn Fn(&PackageRequest, &Apt) -> Result<ResolvedImage, SourceError> + 'a;

impl Sources<'_> {
    pub(crate) fn resolve_packages(
        &self,
        request: &PackageRequest,
    ) -> Result<ResolvedImage, SourceError> {
        listed::check_names(&request.include)?;
        self.resolve_set("packages", request, &|request, apt| {
            self.fetch_packages(request, apt)
        })
    }

    /// What `fetch` makes of a request, which is asked only where it is not noted; `what` names the kind of
    /// request in the store.
    pub(crate) fn resolve_set(
        &self,
        what: &str,
        request: &PackageRequest,
        fetch: &Fetch<'_>,
    ) -> Result<ResolvedImage, SourceError> {
        let (host, suite) = archives::host_suite(request.suite.as_deref())?;
        let request = PackageRequest {
            suite: Some(suite),
            ..request.clone()
        };
        let json = serde_json::to_string(&request).expect("a request is plain data");
        let names = request.include.join(" ");
        let suite = request.suite.as_deref().unwrap_or_default();
        let name = format!(
            "{what} {names} ({suite}) linux/{} {json}",
            self.options.arch
        );
        if let Some(noted) = self.noted(&name)? {
            return Ok(noted);
        }
        let archives = Archives::of(&request, &host)?;
        let image = match self.resolve_from(&request, &archives, fetch) {
            // Not every suite has updates; those of another suite were only a guess.
            Err(error) if error.kind() == ErrorKind::Network && archives.has_guesses() => {
                self.progress.warn(&format!(
                    "suite {suite} has no updates or security archive here"
                ));
                self.resolve_from(&request, &archives.without_guesses(), fetch)
            }
            result => result,
        }?;
        self.note(&name, &image)?;
        Ok(image)
    }

    fn resolve_from(
        &self,
        request: &PackageRequest,
        archives: &Archives,
        fetch: &Fetch<'_>,
    ) -> Result<ResolvedImage, SourceError> {
        let list = archives.sources_list();
        let apt = Apt::prepare(self.store, &self.options, &list, self.progress)?;
        let age = if self.options.pull == Pull::Always {
            Duration::ZERO
        } else {
            LISTS_AGE
        };
        let fresh = apt.update_if_older(age, self.progress)?;
        match fetch(request, &apt) {
            // The mirror has moved on since the lists were fetched.
            Err(error)
                if !fresh && matches!(error.kind(), ErrorKind::Network | ErrorKind::NotFound) =>
            {
                apt.update_if_older(Duration::ZERO, self.progress)?;
                fetch(request, &apt)
            }
            result => result,
        }
    }

    fn fetch_packages(
        &self,
        request: &PackageRequest,
        apt: &Apt,
    ) -> Result<ResolvedImage, SourceError> {
        let listed = choose(request, apt)?;
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
            apt.download(&missing, scratch.path(), self.progress)?;
            self.unpack_packages(&listed, &mut unpacked, scratch.path())?;
        }
        let unpacked: Vec<Unpacked> = unpacked.into_iter().flatten().collect();
        let mut layers = vec![self.merged_usr()?];
        layers.extend(unpacked.iter().map(|package| package.layer));
        layers.push(self.status(&unpacked)?);
        let distribution = distribution(request);
        let packages = listed
            .iter()
            .zip(&unpacked)
            .map(|(deb, unpacked)| package(deb, unpacked, &distribution))
            .collect();
        Ok(ResolvedImage {
            manifest: None,
            arch: Some(self.options.arch),
            config: ImageConfig::default(),
            layers,
            layering: Layering::Union,
            packages,
        })
    }
}

/// The packages that a request comes to, in order of name.
fn choose(request: &PackageRequest, apt: &Apt) -> Result<Vec<Listed>, SourceError> {
    let names = &request.include;
    let alone = request.dependencies == Dependencies::None;
    let mut listed = if alone && names.iter().any(|name| is_kernel(name)) {
        kernel_parts(names, apt.resolve(names, Dependencies::Required)?)
    } else {
        apt.resolve(names, request.dependencies)?
    };
    listed.sort_by(|a, b| a.file.cmp(&b.file));
    listed.dedup_by(|a, b| a.file == b.file);
    Ok(listed)
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

fn package(deb: &Listed, unpacked: &Unpacked, distribution: &Option<String>) -> Package {
    Package {
        system: "deb".into(),
        distribution: distribution.clone(),
        name: unpacked.name.clone(),
        version: unpacked.version.clone(),
        arch: unpacked.arch.clone(),
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
