//! `bedplate cache`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bedplate_store::{Policy, Store};
use bedplate_types::ByteSize;

use crate::command_line::CacheCommand;
use crate::output::say;
use crate::report::Failure;

const DAY: u64 = 86_400;

pub fn run(command: CacheCommand, json: bool, cache: &Path) -> Result<ExitCode, Failure> {
    let mut store = Store::open(cache)?;
    match command {
        CacheCommand::Ls => list(&store, json)?,
        CacheCommand::Rm { name } => {
            for name in name {
                let removed = store.rm(&name)?;
                tell("removed", &removed, json);
            }
        }
        CacheCommand::Check => return check(&mut store, json),
        CacheCommand::Gc {
            max_age,
            max_size,
            dry_run,
        } => {
            let max_age = max_age.map(|days| Duration::from_secs(days.saturating_mul(DAY)));
            let collected = store.gc(&Policy {
                max_age,
                max_size: max_size.map(|size| size.0),
                dry_run,
            })?;
            tell(
                if dry_run { "would remove" } else { "removed" },
                &collected,
                json,
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check(store: &mut Store, json: bool) -> Result<ExitCode, Failure> {
    let checked = store.check()?;
    if json {
        say!(
            "{}",
            serde_json::json!({"read": checked.read, "damaged": checked.damaged})
        );
    } else {
        for object in &checked.damaged {
            say!("{object} was damaged");
        }
        let (read, damaged) = (files(checked.read), files(checked.damaged.len() as u64));
        say!("read {read}; removed {damaged}");
    }
    Ok(match checked.damaged[..] {
        [] => ExitCode::SUCCESS,
        _ => ExitCode::from(5),
    })
}

fn list(store: &Store, json: bool) -> Result<(), Failure> {
    for entry in store.ls()? {
        if json {
            say!(
                "{}",
                serde_json::json!({"kind": entry.kind.as_str(), "name": entry.name, "size": entry.size})
            );
        } else {
            say!(
                "{:8} {:>10}  {}",
                entry.kind.as_str(),
                ByteSize(entry.size).to_string(),
                entry.name
            );
        }
    }
    Ok(())
}

fn tell(what: &str, collected: &bedplate_store::Collected, json: bool) {
    if json {
        say!(
            "{}",
            serde_json::json!({"removed": collected.removed, "freed": collected.freed, "kept": collected.kept})
        );
    } else {
        say!(
            "{what} {}, {}; {} stay",
            files(collected.removed),
            ByteSize(collected.freed),
            ByteSize(collected.kept)
        );
    }
}

fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    }
}
