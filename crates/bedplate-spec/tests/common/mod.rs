//! What the tests of this crate share: specs from text, and stand-ins for images.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bedplate_spec::lock::{ImageRequest, Layering, Lock, ResolvedImage};
use bedplate_spec::planning::{Action, BuildPlan, FileContent};
use bedplate_spec::{
    Diagnostics, Load, LoadError, PlanOptions, Scope, SourceText, Spec, Variables, parse, plan,
};
use bedplate_types::{Arch, Epoch, ImageConfig};

/// Spec files in memory, all in the directory `/spec`.
pub struct Texts(pub BTreeMap<String, String>);

impl Texts {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self(
            files
                .iter()
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect(),
        )
    }
}

impl Load for Texts {
    fn load(&self, _from: Option<&Path>, name: &str) -> Result<SourceText, LoadError> {
        let missing = || LoadError {
            name: name.to_owned(),
            source: "No such file or directory".into(),
        };
        let text = self.0.get(name).ok_or_else(missing)?.clone();
        let id = Path::new("/spec").join(name);
        let dir = id.parent().unwrap().to_owned();
        Ok(SourceText {
            label: name.to_owned(),
            id,
            dir,
            text,
            scope: if name.starts_with("own") {
                Scope::Own
            } else {
                Scope::Shared
            },
        })
    }
}

/// Parses `host.yml` with this text.
pub fn parse_text(text: &str) -> Result<Spec, Diagnostics> {
    parse_files(&[("host.yml", text)], &["host.yml"])
}

pub fn parse_files(files: &[(&str, &str)], specs: &[&str]) -> Result<Spec, Diagnostics> {
    let specs: Vec<String> = specs.iter().map(|name| name.to_string()).collect();
    parse(&specs, &Texts::new(files), &home())
}

pub fn home() -> Variables {
    Variables::new().environment([("HOME".to_owned(), "/home/me".to_owned())])
}

/// What is wrong with this text.
pub fn mistakes(text: &str) -> String {
    match parse_text(text) {
        Ok(spec) => format!("no mistakes\n{}", spec.warnings),
        Err(found) => found.to_string(),
    }
}

/// An image with a command, an environment and no label.
pub fn stand_in() -> ResolvedImage {
    ResolvedImage {
        manifest: None,
        arch: Some(Arch::Amd64),
        config: ImageConfig {
            entrypoint: Some(vec!["/entry".to_owned()]),
            cmd: Some(vec!["arg".to_owned()]),
            env: Some(vec!["PATH=/usr/bin:/bin".to_owned()]),
            ..ImageConfig::default()
        },
        layers: Vec::new(),
        layering: Layering::Image,
        packages: Vec::new(),
        archives: None,
        builder: None,
    }
}

/// A stand-in with this `org.mobyproject.config`.
pub fn labelled(label: &str) -> ResolvedImage {
    let mut image = stand_in();
    image
        .config
        .labels
        .insert("org.mobyproject.config".to_owned(), label.to_owned());
    image
}

/// Stand-ins for all that a spec asks for; `special` are images by their short name.
pub fn lock(spec: &Spec, special: &[(&str, ResolvedImage)]) -> Lock {
    let named = |request: &ImageRequest| {
        let image = special
            .iter()
            .find(|(name, _)| request.describe().contains(&format!("/{name}:")));
        image.map_or_else(stand_in, |(_, image)| image.clone())
    };
    Lock {
        images: spec
            .requests()
            .into_iter()
            .map(|request| (request.clone(), named(&request)))
            .collect(),
    }
}

pub const OPTIONS: PlanOptions = PlanOptions {
    arch: Arch::Amd64,
    epoch: Epoch(1_700_000_000),
};

/// The plan of a text with stand-ins.
pub fn plan_text(text: &str, special: &[(&str, ResolvedImage)]) -> Result<BuildPlan, Diagnostics> {
    let spec = parse_text(text)?;
    plan(&spec, &lock(&spec, special), &OPTIONS)
}

/// The text of a file that a plan makes.
pub fn file(plan: &BuildPlan, path: &str) -> String {
    let made = plan
        .steps
        .iter()
        .rev()
        .find(|step| step.at.to_string() == path);
    match made.map(|step| &step.action) {
        Some(Action::File {
            content: FileContent::Inline(bytes),
            ..
        }) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{path} is not a file of the plan: {other:?}"),
    }
}

/// The steps of a plan, a line each: what goes where, and why.
pub fn steps(plan: &BuildPlan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let what = match &step.action {
            Action::Image { image } => format!("image {}", image.0.describe()),
            Action::OciLayout { image, platforms } => {
                format!("oci layout {} {platforms:?}", image.0.describe())
            }
            Action::Directory(owner) => {
                format!("directory {:04o} {}:{}", owner.mode, owner.uid, owner.gid)
            }
            Action::File {
                content: FileContent::Inline(bytes),
                owner,
            } => {
                format!(
                    "file {:04o} {}:{} ({} bytes)",
                    owner.mode,
                    owner.uid,
                    owner.gid,
                    bytes.len()
                )
            }
            Action::File {
                content: FileContent::Host { path, optional },
                owner,
            } => {
                let optional = if *optional { ", optional" } else { "" };
                format!(
                    "file {:04o} {}:{} from {}{optional}",
                    owner.mode,
                    owner.uid,
                    owner.gid,
                    path.display()
                )
            }
            Action::Symlink { target, .. } => format!("symlink to {target}"),
            Action::InitPrograms => "init programs".to_owned(),
            Action::Tools => "tools".to_owned(),
        };
        out.push_str(&format!("{}  {what}  <- {}\n", step.at, step.origin));
    }
    out
}

/// Files of the build machine, for corpora.
pub struct Disk;

impl Load for Disk {
    fn load(&self, from: Option<&Path>, name: &str) -> Result<SourceText, LoadError> {
        let path = from
            .and_then(Path::parent)
            .map_or_else(|| PathBuf::from(name), |dir| dir.join(name));
        let error = |error: std::io::Error| LoadError {
            name: name.to_owned(),
            source: error.into(),
        };
        let text = std::fs::read_to_string(&path).map_err(error)?;
        let id = path.canonicalize().map_err(error)?;
        let dir = id.parent().unwrap().to_owned();
        Ok(SourceText {
            label: path.display().to_string(),
            id,
            dir,
            text,
            scope: if name.starts_with("own") {
                Scope::Own
            } else {
                Scope::Shared
            },
        })
    }
}
