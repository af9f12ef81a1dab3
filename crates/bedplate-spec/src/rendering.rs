//! A spec to text again: merged, with variables replaced and paths as the first file would name them.

use serde_json::Value;

use crate::check::{KERNEL, TOOLS, default_dependencies};
use crate::language::{HOST, Kind};
use crate::lock::ImageRequest;
use crate::spec::{
    Container, HostFile, HostFileKind, Kernel, MetadataForm, Spec, Volume, VolumeFormat,
};
use crate::written::{self, InitEntry, Origin, Packages, SpecFile, Trust};
use crate::yaml;

static SPEC: Kind = Kind::Map(&HOST);

impl Spec {
    /// The merged spec as YAML: what `metadata: yaml` holds. Parsing it again
    /// gives an equal spec.
    pub fn to_yaml(&self) -> String {
        yaml::emit(&self.value(), &SPEC)
    }

    /// The merged spec as JSON, for `metadata: json`. Variables are not escaped in it, and a time is a number
    /// of milliseconds: it is for programs that want to know, not for parsing again.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.value()).expect("a spec is plain data");
        text.push('\n');
        text
    }

    fn value(&self) -> Value {
        let file = SpecFile {
            include: Vec::new(),
            hostname: self.hostname.clone(),
            base: self.base_image.as_ref().map(|base| base_of(&base.image)),
            zfs: self.has_zfs().then_some(true),
            root: (self.root != self.flavour.usual_root()).then_some(self.root),
            kernel: self.kernel.as_ref().map(kernel),
            init: self.init_entries(),
            onboot: self.onboot.iter().map(container).map(Some).collect(),
            onshutdown: self.onshutdown.iter().map(container).map(Some).collect(),
            services: self.services.iter().map(container).map(Some).collect(),
            volumes: self.volumes.iter().map(volume).map(Some).collect(),
            files: self.files.iter().map(file).map(Some).collect(),
            trust: (!self.trust.is_empty()).then(|| Trust {
                keys: Some(self.trust.clone()),
                ..Trust::default()
            }),
        };
        serde_json::to_value(file).expect("a spec is plain data")
    }

    fn init_entries(&self) -> Option<Vec<Option<InitEntry>>> {
        let own = self
            .names_bedplate
            .then(|| InitEntry::Text("bedplate".to_owned()));
        let images = self.init.iter().map(|entry| match origin(&entry.image) {
            Origin {
                image: Some(text), ..
            } => InitEntry::Text(text),
            packages => InitEntry::Image(packages),
        });
        let entries: Vec<_> = own.into_iter().chain(images).map(Some).collect();
        (!entries.is_empty()).then_some(entries)
    }
}

fn origin(image: &ImageRequest) -> Origin {
    origin_of("", image)
}

fn origin_of(what: &str, image: &ImageRequest) -> Origin {
    match image {
        ImageRequest::Reference(reference) => Origin {
            image: Some(reference.to_string()),
            packages: None,
        },
        ImageRequest::Packages(request) => Origin {
            image: None,
            packages: Some(Packages::from_request(request, default_dependencies(what))),
        },
        ImageRequest::Base(_) => unreachable!("only `base` asks for one"),
        ImageRequest::Tools(request) => Origin {
            image: Some(TOOLS.to_owned()),
            packages: request
                .as_ref()
                .map(|request| Packages::from_request(request, default_dependencies(what))),
        },
    }
}

fn base_of(image: &ImageRequest) -> written::Base {
    match image {
        ImageRequest::Base(request) => written::Base::Distribution(written::Distribution {
            debian: Some(request.clone().into()),
        }),
        reference => written::Base::Image(reference.describe()),
    }
}

fn kernel(kernel: &Kernel) -> written::Kernel {
    written::Kernel {
        origin: kernel
            .image
            .as_ref()
            .map(|image| origin_of(KERNEL, image))
            .unwrap_or_default(),
        cmdline: Some(kernel.cmdline.clone()).filter(|text| !text.is_empty()),
        binary: kernel.binary.clone(),
        tar: kernel.tar.clone(),
        ucode: kernel.ucode.clone(),
    }
}

fn container(container: &Container) -> written::Container {
    let ready = container.ready.as_ref().map(|ready| {
        use bedplate_boot::Probe;
        let mut written = written::Ready {
            interval: Some(ready.interval_ms),
            timeout: Some(ready.timeout_ms),
            ..written::Ready::default()
        };
        match &ready.probe {
            Probe::Tcp(port) => written.tcp = Some(*port),
            Probe::Http { port, path } => {
                written.http = Some(format!("http://127.0.0.1:{port}{path}"))
            }
            Probe::File(path) => written.file = Some(path.clone()),
            Probe::Exec(command) => written.exec = Some(command.clone()),
        }
        written
    });
    written::Container {
        name: container.name.clone(),
        origin: origin(&container.image),
        restart: container.restart,
        after: Some(container.after.clone()).filter(|names| !names.is_empty()),
        ready,
        on_failure: container.on_failure,
        settings: container.settings.clone(),
    }
}

fn volume(volume: &Volume) -> written::Volume {
    written::Volume {
        name: volume.name.clone(),
        origin: volume.image.as_ref().map(origin).unwrap_or_default(),
        readonly: volume.readonly.then_some(true),
        format: (volume.format == VolumeFormat::Oci).then(|| "oci".to_owned()),
        platforms: Some(volume.platforms.clone()).filter(|platforms| !platforms.is_empty()),
    }
}

fn file(file: &HostFile) -> written::File {
    let mut written = written::File {
        path: String::from_utf8_lossy(file.path.as_bytes()).into_owned(),
        mode: file.mode.map(|mode| format!("{mode:04o}")),
        uid: Some(file.uid.clone()).filter(|id| *id != crate::Id::Number(0)),
        gid: Some(file.gid.clone()).filter(|id| *id != crate::Id::Number(0)),
        ..written::File::default()
    };
    match &file.kind {
        HostFileKind::Directory => written.directory = Some(true),
        HostFileKind::Symlink(target) => written.symlink = Some(target.clone()),
        HostFileKind::Contents(text) => written.contents = Some(text.clone()),
        HostFileKind::Source {
            named, optional, ..
        } => {
            written.source = Some(named.clone());
            written.optional = optional.then_some(true);
        }
        HostFileKind::Metadata(MetadataForm::Yaml) => written.metadata = Some("yaml".to_owned()),
        HostFileKind::Metadata(MetadataForm::Json) => written.metadata = Some("json".to_owned()),
    }
    written
}
