//! What a module says of itself: its `.modinfo` section and its exported symbols.

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

pub(super) struct Info {
    /// `name=value` pairs in the order of the section.
    pub(super) fields: Vec<(String, String)>,
    /// Exported symbols, in order of name.
    pub(super) symbols: Vec<String>,
}

pub(super) fn read(elf: &[u8]) -> Result<Info, object::Error> {
    let file = object::File::parse(elf)?;
    let section = |name| {
        file.section_by_name(name)
            .map(|section| section.data())
            .transpose()
    };
    let fields =
        strings(section(".modinfo")?.unwrap_or_default()).filter_map(|text| text.split_once('='));
    let fields = fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Ok(Info {
        fields,
        symbols: exported(&file),
    })
}

/// A kernel with symbol versions has `__crc_NAME` for each exported symbol, others `__ksymtab_NAME`.
fn exported(file: &object::File<'_>) -> Vec<String> {
    let with_prefix = |prefix: &str| -> Vec<String> {
        let names = file
            .symbols()
            .filter_map(|symbol| symbol.name().ok()?.strip_prefix(prefix));
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let versioned = with_prefix("__crc_");
    if versioned.is_empty() {
        with_prefix("__ksymtab_")
    } else {
        versioned
    }
}

/// The strings of a section; those that are not UTF-8 (descriptions, in old modules) are passed over.
pub(super) fn strings(section: &[u8]) -> impl Iterator<Item = &str> {
    section
        .split(|&byte| byte == 0)
        .filter(|text| !text.is_empty())
        .filter_map(|text| std::str::from_utf8(text).ok())
}
