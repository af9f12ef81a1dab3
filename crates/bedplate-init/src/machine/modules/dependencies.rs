//! `modules.dep` and `modules.softdep`: which files a module needs, in the order of loading.
//!
//! ```text
//! kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko
//! softdep libcrc32c pre: crc32c
//! ```

use std::collections::{BTreeMap, BTreeSet};

/// What depmod(8) found out.
#[derive(Debug, Default)]
pub struct Dependencies {
    /// Module name to its file and the files that it needs, the deepest last.
    files: BTreeMap<String, (String, Vec<String>)>,
    /// Module name to names that should be loaded before it if they are there.
    before: BTreeMap<String, Vec<String>>,
}

impl Dependencies {
    /// Reads the two tables; lines of other forms are passed over.
    pub fn parse(dep: &str, softdep: &str) -> Self {
        let mut all = Self::default();
        for (file, needs) in dep.lines().filter_map(|line| line.split_once(':')) {
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            all.files
                .insert(module_name(file), (file.to_owned(), needs));
        }
        for line in softdep.lines() {
            let mut words = line.split_whitespace();
            if words.next() != Some("softdep") {
                continue;
            }
            let Some(module) = words.next() else { continue };
            let before = words
                .skip_while(|word| *word != "pre:")
                .skip(1)
                .take_while(|word| !word.ends_with(':'));
            all.before
                .entry(module_name(module))
                .or_default()
                .extend(before.map(module_name));
        }
        all
    }

    /// Is there a module of this name (not of this alias)?
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(&module_name(name))
    }

    /// The files to load for these modules, in order, each once, without those in `loaded`.
    pub fn files_for(&self, names: &[String], loaded: &BTreeSet<String>) -> Vec<String> {
        let mut order = Vec::new();
        let mut seen = loaded.clone();
        for name in names {
            self.add(&module_name(name), &mut seen, &mut order);
        }
        order
    }

    fn add(&self, name: &str, seen: &mut BTreeSet<String>, order: &mut Vec<String>) {
        let Some((file, needs)) = self.files.get(name) else {
            return;
        };
        if !seen.insert(name.to_owned()) {
            return;
        }
        for before in self.before.get(name).into_iter().flatten() {
            self.add(before, seen, order);
        }
        for needed in needs.iter().rev() {
            self.add(&module_name(needed), seen, order);
        }
        order.push(file.clone());
    }
}

/// `kernel/fs/overlayfs/overlay.ko.zst` and `overlay` are the same; `-` is `_`.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split_once(".ko").map_or(file, |(stem, _)| stem);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "k/virtio_net.ko: k/net_failover.ko k/failover.ko\nk/net_failover.ko: k/failover.ko\n\
        k/failover.ko:\nk/btrfs.ko.xz: k/raid6-pq.ko.xz\nk/raid6-pq.ko.xz:\nk/crc32c.ko:\n";

    fn files(names: &[&str], loaded: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        let loaded = loaded.iter().map(|&name| name.into()).collect();
        Dependencies::parse(DEP, "softdep btrfs pre: crc32c post: zlib\n")
            .files_for(&names, &loaded)
    }

    #[test]
    fn what_is_needed_comes_first() {
        assert_eq!(
            files(&["virtio-net"], &[]),
            ["k/failover.ko", "k/net_failover.ko", "k/virtio_net.ko"]
        );
        assert_eq!(
            files(&["virtio_net"], &["failover"]),
            ["k/net_failover.ko", "k/virtio_net.ko"]
        );
    }

    #[test]
    fn soft_dependencies_are_loaded_where_they_exist() {
        assert_eq!(
            files(&["btrfs"], &[]),
            ["k/crc32c.ko", "k/raid6-pq.ko.xz", "k/btrfs.ko.xz"]
        );
        assert!(files(&["unknown"], &[]).is_empty());
    }
}
