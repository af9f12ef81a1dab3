//! Which ZFS pool is the system pool of this host, and what of it is mounted: decisions from what zpool(8) and
//! zfs(8) print with `-H` (fields parted by tabs, `-` for no value).

/// The property that marks the system pool, on its root file system (Triton, RFD 182).
pub const SYSTEM_POOL: &str = "smartdc:system_pool";
/// The property that asks for a factory reset, on `POOL/var`.
pub const FACTORY_RESET: &str = "smartdc:factoryreset";
/// The file that marks the system pool, in its root file system, where the property is not set yet.
pub const MARKER: &str = ".system_pool";
/// What [`datasets`] reads, for `zfs list -H -o`.
pub const COLUMNS: &str = "name,mountpoint,canmount,keystatus,zoned";

/// More than one pool is marked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} pools are marked as the system pool: {}", .0.len(), .0.join(", "))]
pub struct TwoPools(Vec<String>);

/// How a pool is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// By the property.
    Property,
    /// By the file: the property is still to be set.
    File,
}

/// The system pool: of those with the property, or where none has it, of those with the file. `properties` are
/// lines of `zfs get -H -o name,value smartdc:system_pool`; `with_file` names the pools that have the file.
pub fn system_pool(
    properties: &str,
    with_file: &[String],
) -> Result<Option<(String, Mark)>, TwoPools> {
    let by_property: Vec<String> = properties
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, value)| is_set(value))
        .map(|(name, _)| name.to_owned())
        .collect();
    let (found, mark) = match by_property.is_empty() {
        false => (by_property, Mark::Property),
        true => (with_file.to_vec(), Mark::File),
    };
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((one.clone(), mark))),
        _ => Err(TwoPools(found)),
    }
}

fn is_set(value: &str) -> bool {
    !matches!(value.trim(), "" | "-" | "no" | "off" | "false")
}

/// Is a factory reset asked for? `property` is what `zfs get -H -o value smartdc:factoryreset POOL/var` prints.
pub fn asks_for_reset(property: &str) -> bool {
    property.trim() == "yes"
}

/// A file system of the system pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dataset {
    /// It is mounted here.
    Mount {
        /// Its name.
        name: String,
        /// Where.
        mountpoint: String,
    },
    /// It would be mounted, and its key is not loaded.
    Locked {
        /// Its name.
        name: String,
    },
}

/// What of a pool is mounted at boot, outer places first: file systems with `canmount=on` and a place of their
/// own that no instance has. `list` are lines of `zfs list -H -r -t filesystem -o` [`COLUMNS`].
pub fn datasets(list: &str) -> Vec<Dataset> {
    let mut rows: Vec<(&str, &str, &str)> = list
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, mountpoint, can, key, zoned) = (
                fields.next()?,
                fields.next()?,
                fields.next()?,
                fields.next()?,
                fields.next()?,
            );
            let wanted =
                can == "on" && zoned != "on" && mountpoint.starts_with('/') && mountpoint != "/";
            wanted.then_some((mountpoint, name, key))
        })
        .collect();
    rows.sort_unstable();
    rows.into_iter()
        .map(|(mountpoint, name, key)| match key {
            "unavailable" => Dataset::Locked {
                name: name.to_owned(),
            },
            _ => Dataset::Mount {
                name: name.to_owned(),
                mountpoint: mountpoint.to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(properties: &str, with_file: &[&str]) -> Result<Option<(String, Mark)>, String> {
        let with_file: Vec<String> = with_file.iter().map(|&name| name.to_owned()).collect();
        system_pool(properties, &with_file).map_err(|error| error.to_string())
    }

    #[test]
    fn the_property_is_asked_before_the_file() {
        assert_eq!(
            pool("data\t-\nzones\ttrue\n", &["data"]),
            Ok(Some(("zones".into(), Mark::Property)))
        );
        assert_eq!(
            pool("data\t-\nzones\tfalse\n", &["zones"]),
            Ok(Some(("zones".into(), Mark::File)))
        );
        assert_eq!(pool("data\t-\n", &[]), Ok(None));
        assert_eq!(pool("", &[]), Ok(None));
    }

    #[test]
    fn two_system_pools_are_refused_with_their_names() {
        assert_eq!(
            pool("a\tyes\nb\ttrue\nc\t-\n", &[]),
            Err("2 pools are marked as the system pool: a, b".into())
        );
        assert!(pool("", &["a", "b"]).is_err());
    }

    #[test]
    fn a_reset_is_asked_for_in_one_word() {
        assert!(asks_for_reset("yes\n"));
        for text in ["-\n", "no", "", "YES"] {
            assert!(!asks_for_reset(text), "{text}");
        }
    }

    #[test]
    fn file_systems_are_mounted_from_the_outside_in() {
        let list = "zones\t/zones\ton\t-\toff\n\
            zones/var/log\t/var/log\ton\tnone\toff\n\
            zones/var\t/var\ton\tavailable\toff\n\
            zones/secret\t/secret\ton\tunavailable\toff\n\
            zones/a\tlegacy\ton\t-\toff\n\
            zones/b\tnone\ton\t-\toff\n\
            zones/c\t/c\tnoauto\t-\toff\n\
            zones/d\t/data\ton\t-\ton\n\
            zones/root\t/\ton\t-\toff\n\
            noise\n";
        let names: Vec<String> = datasets(list)
            .into_iter()
            .map(|dataset| match dataset {
                Dataset::Mount { name, mountpoint } => format!("{name} at {mountpoint}"),
                Dataset::Locked { name } => format!("{name} is locked"),
            })
            .collect();
        assert_eq!(
            names,
            [
                "zones/secret is locked",
                "zones/var at /var",
                "zones/var/log at /var/log",
                "zones at /zones"
            ]
        );
    }
}
