//! The index files themselves.

use super::order::Ordered;
use super::trie::Trie;
use super::{Module, elf, module_name};

/// What the kernel package itself brings in `/lib/modules/VERSION`; empty where it does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Packaged<'a> {
    /// `modules.order`: the order in which modules are tried.
    pub order: &'a str,
    /// `modules.builtin`: paths of the modules that are part of the kernel.
    pub builtin: &'a str,
    /// `modules.builtin.modinfo`: their `.modinfo`, each field with the name of its module.
    pub builtin_modinfo: &'a [u8],
}

/// A file of `/lib/modules/VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name, such as `modules.dep`.
    pub name: &'static str,
    /// Its contents.
    pub content: Vec<u8>,
}

/// Makes the index files of a kernel. The order of `modules` makes no difference.
pub fn indexes(modules: Vec<Module>, packaged: &Packaged<'_>) -> Vec<Index> {
    let ordered = Ordered::new(modules, packaged.order);
    let dependencies = dependencies(&ordered);
    let modules = &ordered.modules;
    let text = |name, text: String| Index {
        name,
        content: text.into_bytes(),
    };
    vec![
        text("modules.alias", aliases(modules)),
        Index {
            name: "modules.alias.bin",
            content: aliases_bin(modules),
        },
        Index {
            name: "modules.builtin.alias.bin",
            content: builtin_aliases_bin(packaged),
        },
        Index {
            name: "modules.builtin.bin",
            content: builtin_bin(packaged),
        },
        text("modules.dep", dependencies.concat()),
        Index {
            name: "modules.dep.bin",
            content: dependencies_bin(modules, &dependencies),
        },
        text("modules.devname", device_names(modules)),
        text(
            "modules.softdep",
            listed("# Soft", "softdep", modules, |module| &module.softdeps),
        ),
        text("modules.symbols", symbols(modules)),
        Index {
            name: "modules.symbols.bin",
            content: symbols_bin(modules),
        },
        text(
            "modules.weakdep",
            listed("# Weak", "weakdep", modules, |module| &module.weakdeps),
        ),
    ]
}

/// One line a module: `path: path…`, what it needs in the reverse of the order of loading.
fn dependencies(ordered: &Ordered) -> Vec<String> {
    let line = |(at, module): (usize, &Module)| {
        let mut line = format!("{}:", module.path);
        for needed in ordered.all_needs(at) {
            line.push(' ');
            line.push_str(&ordered.modules[needed].path);
        }
        line + "\n"
    };
    ordered.modules.iter().enumerate().map(line).collect()
}

fn dependencies_bin(modules: &[Module], lines: &[String]) -> Vec<u8> {
    let mut trie = Trie::default();
    for ((at, module), line) in modules.iter().enumerate().zip(lines) {
        trie.insert(&module.name, line.trim_end(), at as u32);
    }
    trie.render()
}

fn aliases(modules: &[Module]) -> String {
    let mut text = "# Aliases extracted from modules themselves.\n".to_owned();
    for module in modules {
        for alias in &module.aliases {
            text += &format!("alias {alias} {}\n", module.name);
        }
    }
    text
}

fn aliases_bin(modules: &[Module]) -> Vec<u8> {
    let normal: Vec<(String, &str, u32)> = modules
        .iter()
        .enumerate()
        .flat_map(|(at, module)| module.aliases.iter().map(move |alias| (alias, module, at)))
        .filter_map(|(alias, module, at)| {
            Some((normal_alias(alias)?, module.name.as_str(), at as u32))
        })
        .collect();
    let mut trie = Trie::default();
    for (alias, name, priority) in &normal {
        trie.insert(alias, name, *priority);
    }
    trie.render()
}

/// `-` and `_` are the same outside of brackets. `None` if a bracket has no partner.
fn normal_alias(alias: &str) -> Option<String> {
    let mut inside = false;
    let mut normal = String::with_capacity(alias.len());
    for c in alias.chars() {
        match c {
            '[' => inside = true,
            ']' if !inside => return None,
            ']' => inside = false,
            _ => {}
        }
        normal.push(if c == '-' && !inside { '_' } else { c });
    }
    (!inside).then_some(normal)
}

fn symbols(modules: &[Module]) -> String {
    let mut text = "# Aliases for symbols, used by symbol_request().\n".to_owned();
    for module in modules {
        for symbol in &module.symbols {
            text += &format!("alias symbol:{symbol} {}\n", module.name);
        }
    }
    text
}

fn symbols_bin(modules: &[Module]) -> Vec<u8> {
    let keyed = |(at, module): (usize, &'_ Module)| -> Vec<(String, String, u32)> {
        let key = |symbol: &String| (format!("symbol:{symbol}"), module.name.clone(), at as u32);
        module.symbols.iter().map(key).collect()
    };
    let all: Vec<_> = modules.iter().enumerate().flat_map(keyed).collect();
    let mut trie = Trie::default();
    for (symbol, name, priority) in &all {
        trie.insert(symbol, name, *priority);
    }
    trie.render()
}

fn listed(
    heading: &str,
    word: &str,
    modules: &[Module],
    values: fn(&Module) -> &[String],
) -> String {
    let mut text = format!("{heading} dependencies extracted from modules themselves.\n");
    for module in modules {
        for value in values(module) {
            text += &format!("{word} {} {value}\n", module.name);
        }
    }
    text
}

/// Modules that are loaded when their device node is opened: name, node, type and numbers.
fn device_names(modules: &[Module]) -> String {
    let lines: String = modules.iter().filter_map(device_name).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("# Device nodes to trigger on-demand module loading.\n{lines}")
    }
}

fn device_name(module: &Module) -> Option<String> {
    let node = module
        .aliases
        .iter()
        .find_map(|alias| alias.strip_prefix("devname:"))?;
    let number = |alias: &String| {
        let (kind, rest) = alias
            .strip_prefix("char-major-")
            .map(|rest| ('c', rest))
            .or_else(|| Some(('b', alias.strip_prefix("block-major-")?)))?;
        let (major, minor) = rest.split_once('-')?;
        Some((kind, major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let (kind, major, minor) = module.aliases.iter().find_map(number)?;
    Some(format!("{} {node} {kind}{major}:{minor}\n", module.name))
}

fn builtin_bin(packaged: &Packaged<'_>) -> Vec<u8> {
    let names: Vec<String> = packaged
        .builtin
        .lines()
        .filter_map(|line| module_name(line.trim()))
        .collect();
    let mut trie = Trie::default();
    for name in &names {
        trie.insert(name, "", 0);
    }
    trie.render()
}

/// Fields of `modules.builtin.modinfo` are `module.name=value`.
fn builtin_aliases_bin(packaged: &Packaged<'_>) -> Vec<u8> {
    let alias = |text| {
        let (name, value) = str::split_once(text, ".alias=")?;
        Some((normal_alias(value)?, name)).filter(|_| !name.contains(['.', '=']))
    };
    let aliases: Vec<(String, &str)> = elf::strings(packaged.builtin_modinfo)
        .filter_map(alias)
        .collect();
    let mut trie = Trie::default();
    for (alias, name) in &aliases {
        trie.insert(alias, name, 0);
    }
    trie.render()
}
