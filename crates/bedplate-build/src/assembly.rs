//! The steps of a plan, one after another, into one tree.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bedplate_boot::{
    COMPLETE_MARKER, CONTROL_TOOL, Host as HostDocument, INIT, XATTR_TABLE, XattrTable,
    text_from_bytes,
};
use bedplate_spec::lock::{ImageId, Lock};
use bedplate_spec::planning::{Action, BuildPlan, FileContent, InitFlavour, Owner, Step};
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind, Meta, OriginId, Tree, TreeBuilder};
use bedplate_types::{Package, Progress, TreePath};

use crate::BuildError;
use crate::images::Images;
use crate::kernel::{Kernel, without_kernel};
use crate::layout;
use crate::packages::{APK_DATABASES, packages_in, read_text};
use crate::programs::Programs;

/// What a build works with.
pub struct Workshop<'a> {
    /// Holds the layers that the lock names.
    pub store: &'a Store,
    /// Is told what happens.
    pub progress: &'a dyn Progress,
    /// The programs that run inside the host.
    pub programs: &'a Programs,
}

/// A host that is put together and not written yet.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its root.
    pub tree: Tree,
    /// Its kernel; fragments have none.
    pub kernel: Option<Kernel>,
    /// The kernel command line, as it is written.
    pub cmdline: String,
    /// Who is PID 1.
    pub init: InitFlavour,
    /// The packages of each image, by the image's name.
    pub packages: BTreeMap<String, BTreeSet<Package>>,
}

/// Carries out the steps of `plan`.
pub fn assemble(
    plan: &BuildPlan,
    lock: &Lock,
    workshop: &Workshop<'_>,
) -> Result<Host, BuildError> {
    let mut images = Images::new(lock, workshop.store, plan.epoch);
    let cmdline = cmdline(plan);
    let kernel = match &plan.kernel {
        Some(kernel) => Some(Kernel::find(
            kernel,
            &mut images,
            workshop.store,
            (plan.arch, &cmdline, plan.epoch),
        )?),
        None => None,
    };
    let mut assembly = Assembly {
        workshop,
        plan,
        builder: TreeBuilder::new(),
        images,
        apk: Vec::new(),
    };
    let mut kernel_tree = kernel.as_ref().and_then(|kernel| kernel.tree.clone());
    for step in &plan.steps {
        // The kernel's files come after the images of the root and before the containers.
        let is_container = step.at.as_bytes().starts_with(b"containers");
        if is_container && let Some(tree) = kernel_tree.take() {
            assembly.join(&TreePath::root(), &tree, "kernel")?;
        }
        assembly.step(step)?;
    }
    if let Some(tree) = kernel_tree {
        assembly.join(&TreePath::root(), &tree, "kernel")?;
    }
    assembly.merge_apk_databases()?;
    let packages = assembly.packages()?;
    if plan.init == InitFlavour::Bedplate {
        assembly.insert_boot_tables()?;
    }
    let tree = assembly.builder.freeze(plan.epoch);
    Ok(Host {
        tree,
        kernel,
        cmdline,
        init: plan.init,
        packages,
    })
}

/// Our own PID 1 runs on a root without a size limit, which the kernel makes if asked to.
fn cmdline(plan: &BuildPlan) -> String {
    let decided = plan
        .cmdline
        .split_whitespace()
        .any(|word| word.starts_with("root=") || word.starts_with("rootfstype="));
    if plan.init != InitFlavour::Bedplate || decided {
        return plan.cmdline.clone();
    }
    format!("{} rootfstype=ramfs", plan.cmdline.trim_end())
        .trim_start()
        .to_owned()
}

pub(crate) struct Assembly<'a> {
    pub(crate) workshop: &'a Workshop<'a>,
    plan: &'a BuildPlan,
    builder: TreeBuilder,
    images: Images<'a>,
    /// Texts of the package databases of the images that were joined at the root, by path.
    apk: Vec<(&'static str, String)>,
}

impl Assembly<'_> {
    fn step(&mut self, step: &Step) -> Result<(), BuildError> {
        let origin = self.builder.origin(&step.origin);
        match &step.action {
            Action::Image { image } => self.image(step, image),
            Action::OciLayout { image, platforms } => self.layout(step, image, platforms),
            Action::Directory(owner) => {
                self.insert(entry(&step.at, EntryKind::Directory, *owner), origin, step)
            }
            Action::Symlink { target, owner } => {
                let kind = EntryKind::Symlink(target.as_bytes().into());
                self.insert(entry(&step.at, kind, *owner), origin, step)
            }
            Action::File {
                content: FileContent::Inline(bytes),
                owner,
            } => {
                let kind = EntryKind::File(Content::inline(bytes.clone()));
                self.insert(entry(&step.at, kind, *owner), origin, step)
            }
            Action::File {
                content: FileContent::Host { path, optional },
                owner,
            } => self.host_file(step, path, *optional, *owner, origin),
            Action::Tools => {
                let bytes = self.workshop.programs.tools(self.plan.arch)?;
                self.program(step.at.clone(), &bytes, origin, step)
            }
            Action::InitPrograms => self.init_programs(step, origin),
        }
    }

    pub(crate) fn insert(
        &mut self,
        entry: Entry,
        origin: OriginId,
        step: &Step,
    ) -> Result<(), BuildError> {
        self.builder
            .insert(entry, origin)
            .map_err(|source| BuildError::Merge {
                what: step.origin.clone(),
                source,
            })
    }

    fn join(&mut self, at: &TreePath, tree: &Tree, what: &str) -> Result<(), BuildError> {
        self.builder
            .join(at, tree)
            .map_err(|source| BuildError::Merge {
                what: what.to_owned(),
                source,
            })
    }

    fn image(&mut self, step: &Step, image: &ImageId) -> Result<(), BuildError> {
        let mut tree = self.images.tree(image)?;
        let kernel = self.plan.kernel.as_ref().map(|kernel| &kernel.image);
        if step.at.is_root() && kernel == Some(image) {
            tree = Rc::new(without_kernel(&tree, self.plan.epoch).map_err(|source| {
                BuildError::Merge {
                    what: step.origin.clone(),
                    source,
                }
            })?);
        }
        if step.at.is_root() {
            for path in APK_DATABASES {
                let text = read_text(&tree, self.workshop.store, path)
                    .map_err(BuildError::io(format!("read {path} of {}", step.origin)))?;
                self.apk.extend(text.map(|text| (path, text)));
            }
        }
        self.join(&step.at, &tree, &step.origin)
    }

    fn layout(
        &mut self,
        step: &Step,
        image: &ImageId,
        platforms: &[String],
    ) -> Result<(), BuildError> {
        let maker = layout::Maker {
            store: self.workshop.store,
            arch: self.plan.arch,
            epoch: self.plan.epoch,
        };
        let resolved = self.images.resolved(image)?;
        let layout = maker.layout(image, resolved, platforms)?;
        self.join(&step.at, &layout, &step.origin)
    }

    /// Several images at the root each bring a package database: the root has what all of them have.
    fn merge_apk_databases(&mut self) -> Result<(), BuildError> {
        for path in APK_DATABASES {
            let texts: Vec<&str> = self
                .apk
                .iter()
                .filter(|(at, _)| *at == path)
                .map(|(_, text)| text.trim_end())
                .collect();
            if texts.len() < 2 {
                continue;
            }
            let kind = EntryKind::File(Content::inline(texts.join("\n\n") + "\n\n"));
            let owner = Owner {
                mode: 0o644,
                uid: 0,
                gid: 0,
            };
            let origin = self
                .builder
                .origin("package databases of all images of `init`");
            self.builder
                .insert(
                    entry(&path.parse().expect("a plain path"), kind, owner),
                    origin,
                )
                .map_err(|source| BuildError::Merge {
                    what: path.to_owned(),
                    source,
                })?;
        }
        Ok(())
    }

    fn program(
        &mut self,
        at: TreePath,
        bytes: &[u8],
        origin: OriginId,
        step: &Step,
    ) -> Result<(), BuildError> {
        let store = self.workshop.store;
        let (object, len) = store
            .insert(&mut &bytes[..], None)
            .map_err(BuildError::store(format!("keep {at}")))?;
        let content = Content::Stored {
            object,
            offset: 0,
            len,
        };
        let owner = Owner {
            mode: 0o755,
            uid: 0,
            gid: 0,
        };
        self.insert(entry(&at, EntryKind::File(content), owner), origin, step)
    }

    fn init_programs(&mut self, step: &Step, origin: OriginId) -> Result<(), BuildError> {
        for (at, program) in self.workshop.programs.load(self.plan.arch)? {
            let at = at.parse().expect("the contract's paths are normal");
            self.program(at, &program, origin, step)?;
        }
        let kind = EntryKind::Symlink(INIT.as_bytes().into());
        let owner = Owner {
            mode: 0o777,
            uid: 0,
            gid: 0,
        };
        self.insert(
            entry(&CONTROL_TOOL.parse().expect("a normal path"), kind, owner),
            origin,
            step,
        )
    }

    /// What cpio cannot carry, and the marker that tells PID 1 that all was unpacked.
    fn insert_boot_tables(&mut self) -> Result<(), BuildError> {
        let origin = self.builder.origin("bedplate");
        let owner = Owner {
            mode: 0o644,
            uid: 0,
            gid: 0,
        };
        let table = xattrs(&self.builder.clone().freeze(self.plan.epoch));
        let json = serde_json::to_vec(&table).expect("a table of text is plain data");
        let marker = HostDocument::VERSION.to_string();
        let tables = [
            (XATTR_TABLE, json, !table.0.is_empty()),
            (COMPLETE_MARKER, marker.into_bytes(), true),
        ];
        for (at, bytes, _) in tables.into_iter().filter(|(_, _, wanted)| *wanted) {
            let at = at.parse().expect("the contract's paths are normal");
            self.builder
                .insert(
                    entry(&at, EntryKind::File(Content::inline(bytes)), owner),
                    origin,
                )
                .map_err(|source| BuildError::Merge {
                    what: at.to_string(),
                    source,
                })?;
        }
        Ok(())
    }

    fn packages(&mut self) -> Result<BTreeMap<String, BTreeSet<Package>>, BuildError> {
        let kernel = self.plan.kernel.iter().map(|kernel| &kernel.image);
        let named = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Image { image } | Action::OciLayout { image, .. } => Some(image),
                _ => None,
            });
        let images: BTreeSet<ImageId> = kernel.chain(named).cloned().collect();
        let mut packages = BTreeMap::new();
        for image in images {
            let tree: Rc<Tree> = self.images.tree(&image)?;
            let name = image.0.describe();
            let mut found = packages_in(&tree, self.workshop.store).map_err(BuildError::io(
                format!("read the package databases of {name}"),
            ))?;
            let known = &self.images.resolved(&image)?.packages;
            // What the source knows has digests too; it stands for the same package in a database.
            found.retain(|package| {
                !known
                    .iter()
                    .any(|other| other.name == package.name && other.arch == package.arch)
            });
            found.extend(known.iter().cloned());
            packages.insert(name, found);
        }
        Ok(packages)
    }
}

pub(crate) fn entry(at: &TreePath, kind: EntryKind, owner: Owner) -> Entry {
    Entry {
        path: at.clone(),
        meta: Meta {
            uid: owner.uid,
            gid: owner.gid,
            ..Meta::with_mode(owner.mode)
        },
        kind,
    }
}

/// Every extended attribute of the tree, under every name of its file.
fn xattrs(tree: &Tree) -> XattrTable {
    let of = |visit: bedplate_tree::Visit<'_>| {
        let attributes: BTreeMap<String, String> = visit
            .inode
            .meta
            .xattrs
            .iter()
            .map(|(name, value)| (text_from_bytes(name), text_from_bytes(value)))
            .collect();
        (!attributes.is_empty()).then(|| {
            (
                format!("/{}", text_from_bytes(visit.path.as_bytes())),
                attributes,
            )
        })
    };
    XattrTable(tree.walk().filter_map(of).collect())
}
