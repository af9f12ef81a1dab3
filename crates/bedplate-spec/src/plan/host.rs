//! The host document for our own init.

use bedplate_boot::{HOST_DOCUMENT, Host, OnFailure, Service, Unit, Volume};

use super::{Planner, path};
use crate::spec::Container;

impl Planner<'_> {
    pub(super) fn host_document(&mut self) {
        let spec = self.spec;
        let unit = |section: &str, on_failure: OnFailure| {
            let section = section.to_owned();
            move |(index, container): (usize, &Container)| Unit {
                name: container.name.clone(),
                bundle: format!("/containers/{section}/{index:03}-{}", container.name),
                on_failure: container.on_failure.unwrap_or(on_failure),
            }
        };
        let service = |container: &Container| Service {
            name: container.name.clone(),
            bundle: format!("/containers/services/{}", container.name),
            restart: container.restart.unwrap_or_default(),
            after: container.after.clone(),
            ready: container.ready.clone(),
        };
        let volume = |volume: &crate::spec::Volume| Volume {
            name: volume.name.clone(),
            readonly: volume.readonly,
        };
        let host = Host {
            version: Host::VERSION,
            onboot: spec
                .onboot
                .iter()
                .enumerate()
                .map(unit("onboot", OnFailure::Stop))
                .collect(),
            services: spec.services.iter().map(service).collect(),
            // The host goes down anyway: what fails must not keep the rest from running.
            onshutdown: spec
                .onshutdown
                .iter()
                .enumerate()
                .map(unit("onshutdown", OnFailure::Continue))
                .collect(),
            volumes: spec.volumes.iter().map(volume).collect(),
        };
        self.text(path(HOST_DOCUMENT), "init `bedplate`", host.render());
    }
}
