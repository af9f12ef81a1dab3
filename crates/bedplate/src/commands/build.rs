//! `bedplate build`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bedplate_build::{InitrdOptions, OutputOptions, Workshop, assemble, write_outputs};
use bedplate_formats::compression::Compression;
use bedplate_store::Store;
use bedplate_types::ByteSize;

use super::{image, plan_of};
use crate::command_line::{BuildArguments, CompressionChoice};
use crate::keys;
use crate::output::{print, say};
use crate::programs;
use crate::progress::reporter;
use crate::report::Failure;

pub fn run(arguments: BuildArguments, json: bool, cache: &Path) -> Result<ExitCode, Failure> {
    let options = options(&arguments)?;
    let store = Store::open(cache)?;
    let progress = reporter(json);
    let (plan, lock) = plan_of(
        &arguments.spec,
        &arguments.format,
        &arguments.resolving,
        &store,
        &*progress,
    )?;
    if arguments.dry_run {
        say!(
            "{}",
            serde_json::to_string_pretty(&plan).expect("a plan is plain data")
        );
        return Ok(ExitCode::SUCCESS);
    }
    let workshop = Workshop {
        store: &store,
        progress: &*progress,
        programs: &programs::find(),
    };
    let host = assemble(&plan, &lock, &workshop)?;
    let manifest = write_outputs(&host, (&plan, &lock), &options, &workshop)?;
    if json {
        print(manifest.render());
        return Ok(ExitCode::SUCCESS);
    }
    for artefact in &manifest.artefacts {
        let path = options.directory.join(&artefact.file);
        say!(
            "{} ({}, sha256:{})",
            path.display(),
            ByteSize(artefact.size),
            &artefact.sha256[..12]
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn options(arguments: &BuildArguments) -> Result<OutputOptions, Failure> {
    let (compression, default, levels) = match arguments.compression {
        CompressionChoice::Zstd => (Compression::Zstd, 3, 1..=22),
        CompressionChoice::Gzip => (Compression::Gzip, 6, 1..=9),
        CompressionChoice::None => (Compression::None, 0, 0..=0),
    };
    let level = arguments.level.unwrap_or(default);
    if !levels.contains(&level) {
        let (least, most) = levels.into_inner();
        return Err(
            Failure::new(2, format!("the compression has no level {level}"))
                .hint(format!("it has {least} to {most}")),
        );
    }
    let stem = arguments
        .spec
        .last()
        .map(Path::new)
        .and_then(Path::file_stem);
    let named = stem
        .map(|stem| stem.to_string_lossy().into_owned())
        .filter(|stem| stem != "-");
    Ok(OutputOptions {
        directory: arguments.output.clone(),
        name: arguments
            .name
            .clone()
            .or(named)
            .unwrap_or_else(|| "host".to_owned()),
        formats: arguments.format.iter().copied().collect(),
        initrd: InitrdOptions {
            compression,
            level,
            threads: std::thread::available_parallelism().map_or(1, Into::into),
        },
        signing_key: arguments.sign_key.as_deref().map(keys::read).transpose()?,
        signer: image::signer(&arguments.signing)?.map(Arc::new),
        drop_xattrs: arguments.drop_xattrs,
    })
}
