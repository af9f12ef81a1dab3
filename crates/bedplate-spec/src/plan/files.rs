//! The files of the spec, which come last.

use super::{Planner, origin, path};
use crate::planning::{Action, FileContent, Owner};
use crate::spec::{HostFile, HostFileKind, MetadataForm};

impl Planner<'_> {
    pub(super) fn files(&mut self) {
        let spec = self.spec;
        if let Some(name) = &spec.hostname {
            self.text(path("etc/hostname"), "hostname", format!("{name}\n"));
        }
        for file in &spec.files {
            let origin = origin("files", &file.place);
            let action = self.file(file);
            self.step(file.path.clone(), &origin, action);
        }
    }

    fn file(&self, file: &HostFile) -> Action {
        let default = if file.kind == HostFileKind::Directory {
            0o700
        } else {
            0o600
        };
        let owner = Owner {
            mode: file.mode.unwrap_or(default),
            uid: self.id(&file.uid),
            gid: self.id(&file.gid),
        };
        let content = match &file.kind {
            HostFileKind::Directory => return Action::Directory(owner),
            HostFileKind::Symlink(target) => {
                return Action::Symlink {
                    target: target.clone(),
                    owner,
                };
            }
            HostFileKind::Contents(text) => FileContent::Inline(text.clone().into_bytes()),
            HostFileKind::Source { path, optional, .. } => FileContent::Host {
                path: path.clone(),
                optional: *optional,
            },
            HostFileKind::Metadata(MetadataForm::Yaml) => {
                FileContent::Inline(self.spec.to_yaml().into_bytes())
            }
            HostFileKind::Metadata(MetadataForm::Json) => {
                FileContent::Inline(self.spec.to_json().into_bytes())
            }
        };
        Action::File { content, owner }
    }
}
