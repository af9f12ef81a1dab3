//! The root: what every root needs, the init images over one another, and PID 1.

use bedplate_types::{Reference, TreePath};

use super::{Planner, origin, path};
use crate::lock::ImageRequest;
use crate::planning::{Action, InitFlavour, Owner};

/// Directories of a host with our own init, beside those of every root.
const HOST_DIRECTORIES: [(&str, u32); 7] = [
    ("containers", 0o755),
    ("mnt", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("var", 0o755),
];

/// PID 1 of a distribution.
const BASE_INIT: &str = "/sbin/init";

/// Where the resolver's configuration of the host is written at run time (LinuxKit's place).
const RESOLV_CONF: &str = "/run/resolvconf/resolv.conf";

/// Where a container with our own tools has them.
const TOOLS: &str = "usr/bin/bedplate-tools";

const HOSTS: &str = "127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
";

/// Say that `/etc` and `/var` fit `/usr`, as they do after an installation: without them, systemd makes the
/// linker's cache and other databases again at every boot (systemd-update-done.service(8)).
const UPDATED: [&str; 2] = ["etc/.updated", "var/.updated"];

const NO_RESOLV_CONF: &str = "\n# no resolv.conf configured\n";

impl Planner<'_> {
    /// Everything at `/` that comes before volumes and containers.
    pub(super) fn root(&mut self) {
        let is_ours = self.spec.flavour == InitFlavour::Bedplate;
        if self.spec.flavour == InitFlavour::Base {
            self.base_defaults();
        } else {
            self.root_defaults(&TreePath::root(), "every host");
        }
        if is_ours {
            self.text(path("etc/hosts"), "every host", HOSTS);
            for (directory, mode) in HOST_DIRECTORIES {
                let owner = Owner {
                    mode,
                    uid: 0,
                    gid: 0,
                };
                self.step(path(directory), "every host", Action::Directory(owner));
            }
        }
        if let Some(base) = &self.spec.base_image {
            let origin = origin("base", &base.place);
            self.resolved(&base.image, &base.place);
            self.image(TreePath::root(), &origin, &base.image);
        }
        for entry in &self.spec.init {
            let origin = origin(&format!("init `{}`", entry.image.describe()), &entry.place);
            self.resolved(&entry.image, &entry.place);
            self.image(TreePath::root(), &origin, &entry.image);
            if brings_dockers_files(&entry.image) {
                self.text(path("etc/hosts"), &origin, HOSTS);
            }
        }
        if is_ours {
            // After the images, so that none of them replaces PID 1.
            self.step(TreePath::root(), "init `bedplate`", Action::InitPrograms);
        }
        if self.spec.flavour == InitFlavour::Base {
            for stamp in UPDATED {
                self.text(path(stamp), "every host", "");
            }
        } else {
            self.symlink("etc/resolv.conf", "every host", RESOLV_CONF);
        }
    }

    /// What a base may lack to be booted; all else is the base's own.
    fn base_defaults(&mut self) {
        for name in ["dev", "proc", "sys"] {
            self.directory(path(name), "every host");
        }
        // Where the kernel looks for PID 1 in an initramfs.
        self.symlink("init", "every host", BASE_INIT);
    }

    /// An image as the root of a container at `at`.
    pub(super) fn container_root(&mut self, at: &TreePath, origin: &str, image: &ImageRequest) {
        self.directory(at.clone(), origin);
        self.root_defaults(at, origin);
        // Images that a container tool built hold its own `hosts` and `resolv.conf`, which LinuxKit replaces.
        // What is in a directory, a tar or a package was put there on purpose.
        let files = [("etc/hosts", HOSTS), ("etc/resolv.conf", NO_RESOLV_CONF)];
        let replace = brings_dockers_files(image);
        if replace {
            self.image(at.clone(), origin, image);
        }
        for (name, contents) in files {
            self.text(at.join(&path(name)), origin, contents);
        }
        if !replace {
            self.image(at.clone(), origin, image);
        }
        if matches!(image, ImageRequest::Tools(_)) {
            self.step(at.join(&path(TOOLS)), origin, Action::Tools);
        }
    }

    /// Mount points and links that every root has; what an image brings replaces them.
    fn root_defaults(&mut self, at: &TreePath, origin: &str) {
        for name in ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"] {
            self.directory(at.join(&path(name)), origin);
        }
        let mtab = at.join(&path("etc/mtab"));
        let owner = Owner {
            mode: 0o777,
            uid: 0,
            gid: 0,
        };
        self.step(
            mtab,
            origin,
            Action::Symlink {
                target: "/proc/mounts".to_owned(),
                owner,
            },
        );
    }

    fn symlink(&mut self, at: &str, origin: &str, target: &str) {
        let owner = Owner {
            mode: 0o777,
            uid: 0,
            gid: 0,
        };
        self.step(
            path(at),
            origin,
            Action::Symlink {
                target: target.to_owned(),
                owner,
            },
        );
    }
}

/// Was the image made by a container tool, which leaves files of its own in it?
fn brings_dockers_files(image: &ImageRequest) -> bool {
    match image {
        ImageRequest::Packages(_) | ImageRequest::Base(_) | ImageRequest::Tools(_) => false,
        ImageRequest::Reference(Reference::Dir(_) | Reference::Tar(_)) => false,
        ImageRequest::Reference(_) => true,
    }
}
