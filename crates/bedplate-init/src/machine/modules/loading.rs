//! Loading modules, at boot for all devices and later as the kernel asks.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bedplate_sys::machine;

use super::aliases;
use super::dependencies::{Dependencies, module_name};
use crate::console;

/// The modules of the kernel that runs.
#[derive(Debug)]
pub struct Modules {
    directory: PathBuf,
    dependencies: Dependencies,
    aliases: String,
}

impl Modules {
    /// Reads their tables; `None` where the host has no modules for this kernel.
    pub fn read() -> Option<Self> {
        let directory = Path::new("/lib/modules").join(machine::kernel_release());
        if !directory.is_dir() {
            return None;
        }
        let table = |name: &str| fs::read_to_string(directory.join(name));
        let dep = match table("modules.dep") {
            Ok(dep) => dep,
            Err(error) => {
                console::warn(
                    format_args!("read `{}/modules.dep`", directory.display()),
                    &error,
                );
                return None;
            }
        };
        let dependencies = Dependencies::parse(&dep, &table("modules.softdep").unwrap_or_default());
        let aliases = table("modules.alias").unwrap_or_default();
        Some(Self {
            directory,
            dependencies,
            aliases,
        })
    }

    /// Loads what is known by these names: modules, or aliases (`fs-overlay`, `pci:v…`). `true` if there was
    /// anything to load or all of it was loaded already.
    pub fn load(&self, names: &[String]) -> bool {
        let (direct, other): (Vec<String>, Vec<String>) = names
            .iter()
            .cloned()
            .partition(|name| self.dependencies.has(name));
        let mut modules = direct;
        modules.extend(aliases::modules_for(&self.aliases, &other));
        for file in self.dependencies.files_for(&modules, &loaded()) {
            self.load_file(&file);
        }
        !modules.is_empty()
    }

    /// Loads the modules for all devices that are there. A driver may bring new devices to light, so this
    /// looks again until nothing new has come. Gives the names of what can wait: the abilities of the
    /// processor (`cpu:…`: faster ciphers, virtualization), which nothing needs to boot.
    pub fn load_for_devices(&self) -> Vec<String> {
        let mut known = BTreeSet::new();
        let mut later = Vec::new();
        loop {
            let mut present = BTreeSet::new();
            collect_aliases(Path::new("/sys/devices"), &mut present);
            let new: Vec<String> = present.difference(&known).cloned().collect();
            if new.is_empty() {
                return later;
            }
            known.extend(new.iter().cloned());
            let (processor, devices): (Vec<String>, Vec<String>) =
                new.into_iter().partition(|name| name.starts_with("cpu:"));
            later.extend(processor);
            self.load(&devices);
        }
    }

    fn load_file(&self, file: &str) {
        let compressed = !file.ends_with(".ko");
        let loaded = File::open(self.directory.join(file))
            .and_then(|module| machine::load_module(module, compressed, ""));
        match loaded {
            Ok(()) => console::detail(format_args!("loaded `{file}`")),
            // Many drivers look for a device and say that there is none.
            Err(error) if error.raw_os_error() == Some(NO_SUCH_DEVICE) => {}
            Err(error) => console::warn(format_args!("load the module `{file}`"), &error),
        }
    }
}

/// `ENODEV`
const NO_SUCH_DEVICE: i32 = 19;

fn loaded() -> BTreeSet<String> {
    let names = |path: &str| -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|entry| module_name(&entry.file_name().to_string_lossy()))
            .collect()
    };
    names("/sys/module").into_iter().collect()
}

/// As [`Modules::load_for_devices`], where the host has modules.
pub fn load_for_devices() -> Vec<String> {
    match Modules::read() {
        Some(modules) => modules.load_for_devices(),
        None => {
            console::detail("there are no modules for this kernel");
            Vec::new()
        }
    }
}

fn collect_aliases(directory: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_aliases(&entry.path(), into);
        } else if entry.file_name() == "modalias" {
            let alias = fs::read_to_string(entry.path()).unwrap_or_default();
            if !alias.trim().is_empty() {
                into.insert(alias.trim().to_owned());
            }
        }
    }
}
