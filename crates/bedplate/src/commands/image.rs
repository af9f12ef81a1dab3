//! `bedplate image`: changes to finished images.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;

use bedplate_build::Signer;
use bedplate_formats::kernel::inspect;
use bedplate_formats::pe::authenticode::is_signed;
use bedplate_formats::pe::uki::{sections, with_cmdline};
use bedplate_sys::replace::ReplacedFile;
use serde_json::json;

use crate::command_line::{ImageCommand, SigningArguments};
use crate::output::say;
use crate::report::Failure;

/// How much of a kernel tells how long its command line may be.
const KERNEL_HEAD: u64 = 64 << 10;

pub fn run(command: ImageCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        ImageCommand::SetCmdline {
            file,
            words,
            signing,
        } => set_cmdline(&file, words.trim(), &signing, json),
    }
}

/// The key and the certificate, if they were given.
pub fn signer(arguments: &SigningArguments) -> Result<Option<Signer>, Failure> {
    match (&arguments.secureboot_key, &arguments.secureboot_cert) {
        (Some(key), Some(certificate)) => Ok(Some(Signer::load(key, certificate)?)),
        _ => Ok(None),
    }
}

fn set_cmdline(
    file: &Path,
    words: &str,
    signing: &SigningArguments,
    json: bool,
) -> Result<ExitCode, Failure> {
    if words.is_empty() || words.chars().any(char::is_control) {
        return Err(Failure::new(
            2,
            "a command line has words, and no line breaks or control characters",
        ));
    }
    let signer = signer(signing)?;
    let doing = |doing: &str| format!("cannot {doing} `{}`", file.display());
    let failed = |what: &str| {
        let text = doing(what);
        move |error: io::Error| Failure::caused(6, text, &error)
    };
    // The file itself, not a link that leads to it, is replaced.
    let target = fs::canonicalize(file).map_err(failed("open"))?;
    let mut image = BufReader::new(File::open(&target).map_err(failed("open"))?);
    let malformed = |error: &dyn std::error::Error| Failure::caused(5, doing("change"), error);
    let was_signed = is_signed(&mut image).map_err(|error| malformed(&error))?;
    if was_signed && signer.is_none() {
        let text = format!(
            "`{}` is signed, and would not be with another command line",
            file.display()
        );
        return Err(Failure::new(1, text)
            .hint("sign it again: give --secureboot-key and --secureboot-cert"));
    }
    if let Some(most) = longest(&mut image).map_err(failed("read"))?
        && words.len() as u64 > most
    {
        let text = format!(
            "the command line has {} bytes, and the kernel takes {most}",
            words.len()
        );
        return Err(Failure::new(2, text));
    }
    let create = || ReplacedFile::create(&target).map_err(failed("replace"));
    let mut changed = create()?;
    with_cmdline(&mut image, words.as_bytes(), BufWriter::new(changed.file()))
        .map_err(|error| malformed(&error))?;
    if let Some(signer) = &signer {
        let mut signed = create()?;
        let unsigned = BufReader::new(changed.file());
        signer
            .sign(unsigned, BufWriter::new(signed.file()))
            .map_err(|error| malformed(&error))?;
        changed = signed;
    }
    changed
        .flush()
        .and_then(|()| changed.commit())
        .map_err(failed("replace"))?;
    let is_signed = signer.is_some();
    if json {
        say!(
            "{}",
            json!({"file": file, "cmdline": words, "signed": is_signed})
        );
    } else {
        let how = if is_signed { ", signed again" } else { "" };
        say!("{}: {words}{how}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// How long a command line the kernel in the image takes, where it says so.
fn longest<R: Read + Seek>(image: &mut R) -> io::Result<Option<u64>> {
    let all = sections(&mut *image).map_err(io::Error::other)?;
    let Some(kernel) = all.iter().find(|section| section.name == ".linux") else {
        return Ok(None);
    };
    image.seek(SeekFrom::Start(kernel.offset))?;
    let mut head = Vec::new();
    image
        .take(KERNEL_HEAD.min(kernel.len))
        .read_to_end(&mut head)?;
    Ok(inspect(&head)
        .ok()
        .and_then(|kernel| kernel.cmdline_max)
        .map(u64::from))
}
