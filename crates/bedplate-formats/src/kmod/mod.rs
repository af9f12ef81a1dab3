//! Kernel modules and the indexes of `/lib/modules/VERSION`, as `depmod` makes them (depmod(8),
//! modules.dep(5)).
//!
//! Kernel packages leave the indexes to their install scripts, which do not run in a build; and the
//! build machine may have no `depmod`. So they are made here: from each module's `.modinfo` section
//! (`name=value`, each ended by NUL) and from the symbols that it exports. Dependencies between modules
//! are those that the kernel's own build recorded in `depends=`, where `depmod` works them out again
//! from the symbols.
//!
//! Nothing here loads a module or asks the running kernel.

mod elf;
mod indexes;
mod order;
mod trie;

use std::io::{BufRead, Read};

use crate::compression::{self, Limits};

pub use indexes::{Index, Packaged, indexes};

/// Largest module when uncompressed, in bytes. The largest in use (GPU drivers) have 60 MiB with
/// their debug symbols.
const MODULE_MAX: u64 = 512 << 20;

/// What the indexes say about one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Path below `/lib/modules/VERSION`, such as `kernel/fs/ext4/ext4.ko.xz`.
    pub path: String,
    /// Name as the kernel knows it: that of the file, with `_` for `-`.
    pub name: String,
    /// Names of the modules that it needs, in its own order.
    pub depends: Vec<String>,
    /// Patterns of the devices and names that it serves.
    pub aliases: Vec<String>,
    /// `softdep=` values: `pre: a b post: c`.
    pub softdeps: Vec<String>,
    /// `weakdep=` values.
    pub weakdeps: Vec<String>,
    /// Symbols that it exports, in order of name.
    pub symbols: Vec<String>,
}

/// Why a file is not a kernel module.
#[derive(Debug, thiserror::Error)]
pub enum KmodError {
    /// Its name does not end as that of a module.
    #[error("`{0}` is no kernel module by its name")]
    Name(String),
    /// It could not be decompressed.
    #[error("cannot decompress the module `{path}`")]
    Compressed {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not an ELF file.
    #[error("the module `{path}` is not a well-formed ELF file")]
    Elf {
        /// Its path.
        path: String,
        /// Why.
        source: object::Error,
    },
}

/// Is this the path of a kernel module, compressed or not?
pub fn is_module(path: &str) -> bool {
    module_name(path).is_some()
}

/// Name of the module in a file, as the kernel knows it; `None` if the file is no module by its name.
pub fn module_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let plain = [".xz", ".zst", ".gz"]
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .unwrap_or(file);
    let name = plain.strip_suffix(".ko").filter(|name| !name.is_empty())?;
    Some(name.replace('-', "_"))
}

impl Module {
    /// Reads a module. `path` is the one below `/lib/modules/VERSION`; `bytes` are those of the file,
    /// compressed as its name says or not at all.
    ///
    /// Independent of all other modules, so many can be read at once.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Self, KmodError> {
        let name = module_name(path).ok_or_else(|| KmodError::Name(path.to_owned()))?;
        let elf = decompressed(bytes).map_err(|source| KmodError::Compressed {
            path: path.to_owned(),
            source,
        })?;
        let info = elf::read(&elf).map_err(|source| KmodError::Elf {
            path: path.to_owned(),
            source,
        })?;
        let values = |key: &str| -> Vec<String> {
            let of_key = info.fields.iter().filter(|(name, _)| name == key);
            of_key.map(|(_, value)| value.clone()).collect()
        };
        let depends = values("depends");
        let names = depends
            .iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty());
        Ok(Self {
            path: path.to_owned(),
            name,
            depends: names.map(|name| name.replace('-', "_")).collect(),
            aliases: values("alias"),
            softdeps: values("softdep"),
            weakdeps: values("weakdep"),
            symbols: info.symbols,
        })
    }
}

fn decompressed(mut bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let kind = compression::detect(bytes.fill_buf()?);
    let limits = Limits {
        output: MODULE_MAX,
        ..Default::default()
    };
    let mut elf = Vec::new();
    compression::limited_decoder(kind, bytes, limits)?.read_to_end(&mut elf)?;
    Ok(elf)
}
