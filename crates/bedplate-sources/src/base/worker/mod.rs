//! What happens inside the sandbox: packages in, one tar out.
//!
//! ```text
//! control parts --> which packages dpkg must unpack itself (see `choosing`)
//! the others, two at a time --> files, conffiles as `.dpkg-new`; dpkg's database: `unpacked`
//! preinst of each --> dpkg --unpack of what was left --> dpkg --configure --pending
//! clean --> tar on standard output
//! ```
//!
//! The root of the process is the image, and nothing of the machine is visible: here, and only here, the
//! path of an image is a path that is opened.

mod choosing;
mod cleaning;
mod conflicts;
mod database;
mod packing;
mod placing;
mod scripts;
mod unpacking;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::process::ExitCode;

use bedplate_sys::sandbox;

use super::job::{Complaint, ComplaintKind, Job};
use unpacking::{Objects, Package};

/// Does the job that standard input holds.
#[allow(
    clippy::print_stderr,
    reason = "its standard error is a pipe to the program that started it"
)]
pub(crate) fn work() -> ExitCode {
    match read_job().and_then(make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let json = serde_json::to_string(&complaint).expect("text is plain data");
            eprintln!("{json}");
            ExitCode::FAILURE
        }
    }
}

fn read_job() -> Result<Job, Complaint> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(failed("read the job"))?;
    serde_json::from_str(&text).map_err(|e| failed("read the job")(e.into()))
}

fn make(mut job: Job) -> Result<(), Complaint> {
    let objects = File::open(&job.objects).map_err(failed("open the store"))?;
    let memory = sandbox::available_memory().map_err(failed("read /proc/meminfo"))?;
    let room = memory / 10 * 8;
    // Packages are unpacked in memory, two at a time, beside the root that they go into.
    job.limits.0 = job.limits.0.min(room / 4);
    let job = &job;
    sandbox::enter_memory_root(&job.mount_point, room)
        .map_err(failed("make the sandbox's root"))?;
    skeleton(job).map_err(failed("make the first directories"))?;
    let mut packages = unpacking::read_controls(&Objects(&objects), job)?;
    let left = choosing::left_to_dpkg(&packages);
    let left: Vec<Package> = packages
        .extract_if(.., |package| left.contains(&package.name))
        .collect();
    let epoch = unpacking::unpack(&Objects(&objects), job, &mut packages)?;
    let archives = unpacking::copy_archives(&Objects(&objects), &left)?;
    // A script could reach the store through it.
    drop(objects);
    database::write(&packages, job).map_err(failed("write dpkg's database"))?;
    scripts::install(&packages, &archives, epoch)?;
    sandbox::end_all_others();
    sandbox::unmount_special().map_err(failed("unmount /proc"))?;
    cleaning::clean(epoch).map_err(failed("clean the root"))?;
    packing::write(epoch)
}

/// Symlinks of a merged `/usr`, so that whatever a package still ships in `/lib` or `/bin` lands where the
/// others are.
fn skeleton(job: &Job) -> io::Result<()> {
    let mut names = vec!["bin", "lib", "sbin"];
    if job.arch == bedplate_types::Arch::Amd64 {
        names.push("lib64");
    }
    for name in names {
        fs::create_dir_all(format!("/usr/{name}"))?;
        symlink(format!("usr/{name}"), format!("/{name}"))?;
    }
    Ok(())
}

/// An operation of the system that failed: `cannot read the job`.
fn failed(what: &str) -> impl Fn(io::Error) -> Complaint + '_ {
    move |error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull => ComplaintKind::NoMemory,
            _ => ComplaintKind::System,
        };
        Complaint {
            kind,
            message: format!("cannot {what}: {error}"),
            output: String::new(),
        }
    }
}
