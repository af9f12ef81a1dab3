//! Which modules count, in which order, and what each of them needs.

use std::collections::HashMap;

use super::Module;

/// The modules of a kernel, one of each name, in the order of `modules.order`.
pub(super) struct Ordered {
    pub(super) modules: Vec<Module>,
    /// Indexes of what a module needs directly.
    needs: Vec<Vec<usize>>,
    /// Position in an order in which a module stands before all that it needs.
    ranks: Vec<usize>,
}

impl Ordered {
    /// Of modules of one name, that below `updates/` counts, as in depmod.d(5), else the first by path.
    /// Modules that `order` does not name come last, by path.
    pub(super) fn new(mut modules: Vec<Module>, order: &str) -> Self {
        let places: HashMap<&str, usize> = order
            .lines()
            .enumerate()
            .map(|(at, line)| (line.trim(), at))
            .collect();
        let place = |module: &Module| {
            places
                .get(uncompressed(&module.path))
                .copied()
                .unwrap_or(usize::MAX)
        };
        let by_name = |module: &Module| {
            (
                module.name.clone(),
                !module.path.starts_with("updates/"),
                module.path.clone(),
            )
        };
        modules.sort_by_cached_key(by_name);
        modules.dedup_by(|later, first| later.name == first.name);
        modules.sort_by_cached_key(|module| (place(module), module.path.clone()));
        let indexes: HashMap<&str, usize> = modules
            .iter()
            .enumerate()
            .map(|(at, module)| (module.name.as_str(), at))
            .collect();
        let find = |module: &Module| -> Vec<usize> {
            // What is not among the modules is built into the kernel.
            let mut found: Vec<usize> = Vec::new();
            for at in module
                .depends
                .iter()
                .filter_map(|name| indexes.get(name.as_str()).copied())
            {
                if !found.contains(&at) {
                    found.push(at);
                }
            }
            found
        };
        let needs: Vec<Vec<usize>> = modules.iter().map(find).collect();
        let ranks = ranks(&needs);
        Self {
            modules,
            needs,
            ranks,
        }
    }

    /// All that a module needs, each before what it needs itself.
    pub(super) fn all_needs(&self, module: usize) -> Vec<usize> {
        let mut all = Vec::new();
        let mut pending = self.needs[module].clone();
        while let Some(next) = pending.pop() {
            if next != module && !all.contains(&next) {
                all.push(next);
                pending.extend(&self.needs[next]);
            }
        }
        all.sort_unstable_by_key(|&at| self.ranks[at]);
        all
    }
}

fn uncompressed(path: &str) -> &str {
    path.find(".ko.").map_or(path, |at| &path[..at + 3])
}

/// Topological order: what nobody needs (any more) first, of several the one found last. Modules in a
/// cycle, which the kernel could not load anyway, come last.
fn ranks(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut users = vec![0_usize; needs.len()];
    for &needed in needs.iter().flatten() {
        users[needed] += 1;
    }
    let mut free: Vec<usize> = (0..needs.len()).filter(|&at| users[at] == 0).collect();
    let mut ranks = vec![usize::MAX; needs.len()];
    let mut rank = 0;
    while let Some(module) = free.pop() {
        ranks[module] = rank;
        rank += 1;
        for &needed in &needs[module] {
            users[needed] -= 1;
            if users[needed] == 0 {
                free.push(needed);
            }
        }
    }
    ranks
}
