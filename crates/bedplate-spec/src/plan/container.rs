//! Containers: an image and settings to an OCI bundle.

use bedplate_boot::Runtime;
use bedplate_types::TreePath;

use super::bundle::bundle_mounts;
use super::effective::effective;
use super::{Planner, oci, origin, path};
use crate::check::check_settings;
use crate::diagnostics::Diagnostic;
use crate::findings::Findings;
use crate::language::LABEL;
use crate::lock::ImageRequest;
use crate::reading;
use crate::settings::{Id, Settings};
use crate::spec::Container;
use crate::variables::Variables;
use crate::yaml::compose;

/// The label of an image that holds settings.
const LABEL_NAME: &str = "org.mobyproject.config";

impl<'a> Planner<'a> {
    pub(super) fn containers(&mut self) {
        let spec = self.spec;
        for (index, container) in spec.onboot.iter().enumerate() {
            self.container(
                container,
                "onboot",
                &format!("{index:03}-{}", container.name),
            );
        }
        for (index, container) in spec.onshutdown.iter().enumerate() {
            self.container(
                container,
                "onshutdown",
                &format!("{index:03}-{}", container.name),
            );
        }
        for container in &spec.services {
            self.container(container, "services", &container.name);
        }
    }

    fn container(&mut self, container: &'a Container, section: &str, directory: &str) {
        let Some(image) = self.resolved(&container.image, &container.place) else {
            return;
        };
        let label = image.config.labels.get(LABEL_NAME);
        let label = label.map(String::as_str).unwrap_or_default();
        let Some(label) = self.label(label, &container.image, container) else {
            return;
        };
        let settings = effective(&label, &container.settings);
        let mut config = match oci::config(&settings, &image.config, self.user(&settings)) {
            Ok(config) => config,
            Err(problem) => return self.problem(container, problem.0, problem.1),
        };
        self.check_sense(container, &settings, &config, &image.config.user);
        for mount in &mut config.mounts {
            if mount.kind == "bind" && !mount.source.starts_with('/') {
                mount.source = super::volumes::merged(&mount.source);
            }
        }
        let base = path(&format!("containers/{section}/{directory}"));
        let origin = origin(&format!("{section} `{}`", container.name), &container.place);
        let runtime = settings.runtime.unwrap_or_default();
        self.bundle(&base, &origin, &container.image, &config, runtime);
    }

    /// The directory of a container: its root or the places for one, `config.json` and `runtime.json`.
    fn bundle(
        &mut self,
        base: &TreePath,
        origin: &str,
        image: &'a ImageRequest,
        config: &oci::Config,
        mut runtime: Runtime,
    ) {
        let readonly = config.root.readonly;
        let own_root = base.join(&path(if readonly { "rootfs" } else { "lower" }));
        let root = match self.roots.get(image) {
            Some(elsewhere) => elsewhere.clone(),
            None => {
                self.container_root(&own_root, origin, image);
                self.roots.insert(image, own_root.clone());
                own_root
            }
        };
        self.text(base.join(&path("config.json")), origin, oci::render(config));
        if !readonly {
            self.directory(base.join(&path("tmp")), origin);
        }
        if !readonly || !root.starts_with(base) {
            self.directory(base.join(&path("rootfs")), origin);
        }
        let own = runtime.mounts.take().unwrap_or_default();
        let mounts = bundle_mounts(base, &root, readonly);
        runtime.mounts = Some(mounts.into_iter().chain(own).collect());
        self.text(
            base.join(&path("runtime.json")),
            origin,
            oci::render(&runtime),
        );
    }

    fn user(&self, settings: &Settings) -> oci::User {
        let id = |id: &Option<Id>| id.as_ref().map_or(0, |id| self.id(id));
        let groups = settings.additional_gids.iter().flatten();
        oci::User {
            uid: id(&settings.uid),
            gid: id(&settings.gid),
            additional_gids: groups.map(|id| self.id(id)).collect(),
        }
    }

    /// The settings in the label of an image; `None` if something is wrong with them, which was reported.
    fn label(
        &mut self,
        text: &str,
        image: &ImageRequest,
        container: &Container,
    ) -> Option<Settings> {
        let mut findings = Findings::new("");
        let node = compose(text, &Variables::none(), &mut findings).filter(|node| !node.is_null());
        let settings =
            node.map(|node| Settings::from_value(reading::read(&node, &LABEL, &mut findings).0));
        let settings = settings.unwrap_or_default();
        let mut wrong: Vec<(String, Option<String>)> = findings
            .into_vec()
            .into_iter()
            .map(|found| (found.message, found.hint))
            .collect();
        for problem in check_settings(&settings, &self.known) {
            let pointer = problem.pointer.trim_start_matches('/');
            wrong.push((format!("{}, in `{pointer}`", problem.message), problem.hint));
        }
        let is_good = wrong.is_empty();
        for (message, hint) in wrong {
            let message = format!(
                "in the label `{LABEL_NAME}` of `{}`: {message}",
                image.describe()
            );
            self.problem(container, message, hint);
        }
        is_good.then_some(settings)
    }

    fn check_sense(
        &mut self,
        container: &Container,
        settings: &Settings,
        config: &oci::Config,
        user: &str,
    ) {
        let name = &container.name;
        if config.process.args.is_empty() {
            let hint = "add `command:` with the program and its arguments".to_owned();
            self.problem(
                container,
                format!("neither the spec nor its image gives `{name}` a command"),
                Some(hint),
            );
        }
        let own_uts = config
            .linux
            .namespaces
            .iter()
            .any(|namespace| namespace.kind == "uts");
        if !config.hostname.is_empty() && !own_uts {
            let hint = "add `uts: new`".to_owned();
            self.problem(
                container,
                format!("`{name}` has a `hostname` but shares the host's name"),
                Some(hint),
            );
        }
        if settings.uid.is_none()
            && !matches!(user.split(':').next(), None | Some("" | "0" | "root"))
        {
            let message = format!(
                "the image of `{name}` asks for the user `{user}`, which is not looked at: it runs as root"
            );
            let warning = Diagnostic::warning(message)
                .in_file(&container.place.file)
                .at(container.place.at);
            self.found
                .push(warning.hint("set `uid:` and `gid:` to numbers, or to 0 to keep root"));
        }
    }

    fn problem(&mut self, container: &Container, message: String, hint: Option<String>) {
        let mut found = Diagnostic::error(message)
            .in_file(&container.place.file)
            .at(container.place.at);
        found.hint = hint;
        self.found.push(found);
    }
}
