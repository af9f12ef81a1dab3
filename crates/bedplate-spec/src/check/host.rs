//! Spec files to one checked spec.
//!
//! Files are joined in order first, so that names may be defined in any of them; then everything
//! that refers to a name is checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bedplate_boot::trust::is_public_key;

use super::containers::{self, Section};
use super::images::{KERNEL, request};
use super::settings::Known;
use super::{base, files, order, volumes};
use crate::diagnostics::{Diagnostic, Diagnostics, Position, Severity};
use crate::gathering::{Gathered, SourceFile};
use crate::planning::{InitFlavour, RootForm};
use crate::spec::{InitImage, Kernel, Place, Spec};
use crate::variables::Variables;
use crate::written;

/// Where something stands: a file, and a JSON pointer into it.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    pub source: &'a SourceFile,
    pub pointer: String,
}

impl<'a> Spot<'a> {
    pub fn new(source: &'a SourceFile, pointer: impl Into<String>) -> Self {
        Self {
            source,
            pointer: pointer.into(),
        }
    }

    /// Something inside.
    pub fn inner(&self, tail: &str) -> Self {
        Self {
            source: self.source,
            pointer: format!("{}{tail}", self.pointer),
        }
    }

    pub fn at(&self) -> Option<Position> {
        self.source.places.at(&self.pointer)
    }

    pub fn place(&self) -> Place {
        Place {
            file: self.source.label.clone(),
            at: self.at(),
        }
    }

    /// Was there a value for `key`, whether or not it could be read?
    pub fn has(&self, key: &str) -> bool {
        self.source.places.has(&format!("{}/{key}", self.pointer))
    }

    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message)
            .in_file(&self.source.label)
            .at(self.at())
    }

    pub fn warning(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(message)
            .in_file(&self.source.label)
            .at(self.at())
    }
}

/// Merges and checks all files. Errors that were found before come along.
pub(crate) fn merge(gathered: Gathered, variables: &Variables) -> Result<Spec, Diagnostics> {
    let Gathered {
        base,
        files: sources,
        mut found,
    } = gathered;
    let mut spec = Spec {
        base: base.unwrap_or_default(),
        ..empty()
    };
    let mut containers = Vec::new();
    let mut volumes = Vec::new();
    let mut files = Vec::new();
    for source in &sources {
        base::merge(source, &mut spec, &mut found);
        merge_kernel(source, &mut spec, &mut found);
        merge_init(source, &mut spec, &mut found);
        let file = &source.file;
        for (section, list) in [
            (Section::Onboot, &file.onboot),
            (Section::Onshutdown, &file.onshutdown),
            (Section::Services, &file.services),
        ] {
            containers.extend(
                located(source, section.key(), list)
                    .into_iter()
                    .map(|(spot, written)| (section, spot, written)),
            );
        }
        volumes.extend(located(source, "volumes", &file.volumes));
        files.extend(located(source, "files", &file.files));
        if let Some(name) = &file.hostname {
            set_hostname(&Spot::new(source, "/hostname"), name, &mut spec, &mut found);
        }
        if let Some(trust) = &file.trust {
            merge_trust(&Spot::new(source, "/trust"), trust, &mut spec, &mut found);
        }
    }
    spec.flavour = match (&spec.base_image, spec.init.is_empty(), spec.names_bedplate) {
        (_, _, true) | (None, true, false) => InitFlavour::Bedplate,
        (_, false, false) => InitFlavour::Images,
        (Some(_), true, false) => InitFlavour::Base,
    };
    base::add_zfs(&sources, &mut spec, &mut found);
    if spec.flavour == InitFlavour::Base {
        base::refuse_containers(&containers, &volumes, &mut found);
    }
    let told = sources.iter().rev().find_map(|source| source.file.root);
    spec.root = told.unwrap_or(spec.flavour.usual_root());
    check_root(&sources, &spec, &mut found);
    volumes::merge(&volumes, &mut spec, &mut found);
    let known = Known {
        volumes: volumes
            .iter()
            .map(|(_, volume)| (volume.name.clone(), volume.readonly.unwrap_or(false)))
            .collect(),
        containers: containers
            .iter()
            .map(|(_, _, container)| container.name.clone())
            .collect(),
    };
    containers::merge(&containers, &known, &mut spec, &mut found);
    order::check(&containers, &mut found);
    files::merge(&files, &known, variables, &mut spec, &mut found);
    finish(spec, found, &sources)
}

fn empty() -> Spec {
    Spec {
        base: PathBuf::new(),
        hostname: None,
        base_image: None,
        kernel: None,
        flavour: InitFlavour::Images,
        root: RootForm::Initramfs,
        trust: Vec::new(),
        names_bedplate: false,
        init: Vec::new(),
        onboot: Vec::new(),
        onshutdown: Vec::new(),
        services: Vec::new(),
        volumes: Vec::new(),
        files: Vec::new(),
        warnings: Diagnostics::default(),
    }
}

/// The entries of a list that could be read, with their spots.
fn located<'a, T>(
    source: &'a SourceFile,
    key: &str,
    list: &'a [Option<T>],
) -> Vec<(Spot<'a>, &'a T)> {
    let spot = |(index, entry): (usize, &'a Option<T>)| {
        Some((
            Spot::new(source, format!("/{key}/{index}")),
            entry.as_ref()?,
        ))
    };
    list.iter().enumerate().filter_map(spot).collect()
}

fn merge_kernel(source: &SourceFile, spec: &mut Spec, found: &mut Vec<Diagnostic>) {
    let Some(written::Kernel {
        origin,
        cmdline,
        binary,
        tar,
        ucode,
    }) = &source.file.kernel
    else {
        return;
    };
    let spot = Spot::new(source, "/kernel");
    let kernel = spec.kernel.get_or_insert_with(Kernel::default);
    if let Some(image) = request(origin, &spot, KERNEL, found) {
        kernel.image = Some(image);
        kernel.place = spot.place();
    } else if kernel.image.is_none() {
        kernel.place = spot.place();
    }
    // Of scalars the last that is not empty holds; an empty `tar` or `ucode` says "none" though.
    if let Some(cmdline) = cmdline.as_ref().filter(|text| !text.is_empty()) {
        kernel.cmdline.clone_from(cmdline);
    }
    if let Some(binary) = binary.as_ref().filter(|text| !text.is_empty()) {
        kernel.binary = Some(binary.clone());
    }
    kernel.tar = tar.clone().or(kernel.tar.take());
    kernel.ucode = ucode.clone().or(kernel.ucode.take());
    for (key, name) in [("binary", binary), ("tar", tar), ("ucode", ucode)] {
        if name.as_ref().is_some_and(|name| name.contains("..")) {
            found.push(
                spot.inner(&format!("/{key}"))
                    .error(format!("`{key}` must be a name in the kernel's image")),
            );
        }
    }
    if origin.packages.is_some() && (binary.is_some() || tar.is_some() || ucode.is_some()) {
        let message = "`binary`, `tar` and `ucode` name files of a kernel image, and packages have none of them";
        found.push(spot.warning(message));
    }
}

fn merge_init(source: &SourceFile, spec: &mut Spec, found: &mut Vec<Diagnostic>) {
    for (spot, entry) in located(
        source,
        "init",
        source.file.init.as_deref().unwrap_or_default(),
    ) {
        let origin = match entry {
            written::InitEntry::Text(text) if text == "bedplate" => {
                spec.names_bedplate = true;
                continue;
            }
            written::InitEntry::Text(text) => written::Origin {
                image: Some(text.clone()),
                packages: None,
            },
            written::InitEntry::Image(origin) => origin.clone(),
        };
        match request(&origin, &spot, "entry of `init`", found) {
            Some(image) => spec.init.push(InitImage {
                image,
                place: spot.place(),
            }),
            None if origin.image.as_deref() == Some("")
                || !spot.has("image") && !spot.has("packages") && origin.image.is_none() =>
            {
                found.push(
                    spot.error("an entry of `init` has no image")
                        .hint("write `image:` or `packages:`"),
                );
            }
            None => {}
        }
    }
}

/// Our own init is both PID 1 of the initramfs and of the host: it does not enter another root.
fn check_root(sources: &[SourceFile], spec: &Spec, found: &mut Vec<Diagnostic>) {
    let asking = sources
        .iter()
        .rfind(|source| source.file.root.is_some())
        .filter(|_| spec.root == RootForm::Image && spec.flavour == InitFlavour::Bedplate);
    if let Some(source) = asking {
        let message = "`root: image` is for hosts whose root brings its own PID 1, and this one has `bedplate`";
        let hint = "leave `root` out, or name images in `init` that hold `/sbin/init`, such as those of systemd";
        found.push(Spot::new(source, "/root").error(message).hint(hint));
    }
}

fn set_hostname(spot: &Spot<'_>, name: &str, spec: &mut Spec, found: &mut Vec<Diagnostic>) {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 64 && name.split('.').all(label) {
        spec.hostname = Some(name.to_owned());
    } else {
        let hint = "it has letters, digits, `-` and `.`, and at most 64 characters (hostname(7))";
        found.push(
            spot.error(format!("`{name}` is not a host name"))
                .hint(hint),
        );
    }
}

fn merge_trust(
    spot: &Spot<'_>,
    trust: &written::Trust,
    spec: &mut Spec,
    found: &mut Vec<Diagnostic>,
) {
    for (number, key) in trust.keys.iter().flatten().enumerate() {
        if !is_public_key(key) {
            let spot = spot.inner(&format!("/keys/{number}"));
            let message = format!("`{key}` is no public key of ed25519");
            let hint = "it has 64 digits of 0 to 9 and a to f; `bedplate key show FILE` prints that of a secret key";
            found.push(spot.error(message).hint(hint));
        } else if !spec.trust.contains(key) {
            spec.trust.push(key.clone());
        }
    }
    if trust.keys.is_none() || trust.image.is_some() || trust.org.is_some() {
        found.push(warn_of_trust(spot, trust));
    }
}

fn warn_of_trust(spot: &Spot<'_>, trust: &written::Trust) -> Diagnostic {
    let keys = [
        ("image", trust.image.is_some()),
        ("org", trust.org.is_some()),
    ];
    let keys: Vec<String> = keys
        .iter()
        .filter(|(_, there)| *there)
        .map(|(key, _)| format!("`trust.{key}`"))
        .collect();
    let what = if keys.is_empty() {
        "`trust`".to_owned()
    } else {
        keys.join(" and ")
    };
    let verb = if keys.len() > 1 { "have" } else { "has" };
    spot.warning(format!(
        "{what} {verb} no effect: image signatures of this kind no longer exist"
    ))
    .hint("pin images by digest: `image: NAME@sha256:…`")
}

/// Orders what was found by file and line, and parts errors from warnings.
fn finish(
    mut spec: Spec,
    mut found: Vec<Diagnostic>,
    sources: &[SourceFile],
) -> Result<Spec, Diagnostics> {
    let ranks: BTreeMap<&str, usize> = sources
        .iter()
        .enumerate()
        .map(|(rank, source)| (source.label.as_str(), rank))
        .collect();
    found.sort_by_key(|one| {
        (
            one.file
                .as_deref()
                .and_then(|file| ranks.get(file).copied()),
            one.at,
        )
    });
    found.dedup();
    if found.iter().any(|one| one.severity == Severity::Error) {
        found.retain(|one| one.severity == Severity::Error);
        return Err(Diagnostics(found));
    }
    spec.warnings = Diagnostics(found);
    Ok(spec)
}
