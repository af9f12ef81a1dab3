//! Directories that are full, closed or no directories: one message, and the earlier output stays.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use workshop::{KERNEL, Said, Workshop};

/// Two specs: a small host, and one that takes more room than the small disk has.
fn workshop() -> Workshop {
    let workshop = Workshop::with_images();
    workshop.write_noise(8 << 20);
    workshop.write("small.yml", format!("{KERNEL}init: ['oci:images:over']\n"));
    workshop.write(
        "large.yml",
        format!("{KERNEL}init: ['oci:images:over', 'oci:images:large']\n"),
    );
    workshop.directory("disk");
    workshop
}

/// Runs a script where `disk` is a file system of 4 MiB that nobody else sees.
fn with_small_disk(workshop: &Workshop, script: &str) -> Said {
    workshop.write(
        "script",
        format!("set -e; mount -t tmpfs -o size=4m tmpfs disk\n{script}\n"),
    );
    workshop.sh("unshare --user --map-root-user --mount sh script")
}

#[test]
fn a_full_disk_is_one_message_and_the_earlier_output_stays() {
    let workshop = workshop();
    let message = with_small_disk(
        &workshop,
        "bedplate build small.yml --name host -o disk >&2
         sha256sum disk/* >before
         code=0; bedplate build large.yml --name host -o disk || code=$?
         sha256sum disk/* >after; cmp before after; test $(ls -A disk | wc -l) = 5
         exit $code",
    )
    .bad(6);
    assert_snapshot!(message, @r"
    error: cannot write the initrd
      caused by: No space left on device (os error 28)
    hint: make room, or choose another directory with --output
    ");

    // In the cache; and when there is room again, builds go well.
    let message = with_small_disk(
        &workshop,
        "head -c 4194304 /dev/zero >disk/filler || true
         code=0; bedplate build large.yml --cache disk -o out || code=$?
         test ! -e out
         rm disk/filler; bedplate build small.yml --cache disk -o small 2>/dev/null
         test -z \"$(ls -A disk/tmp)\"
         exit $code",
    )
    .bad(6);
    assert_snapshot!(message.replace(workshop.home().to_str().unwrap(), "HOME"), @r"
    error: no space left for the cache in `HOME/disk`
      caused by: No space left on device (os error 28)
    hint: make room, run `bedplate cache gc`, or choose another directory with --cache
    ");
}

#[test]
fn directories_that_cannot_be_written_are_named() {
    let workshop = workshop();
    let closed = workshop.directory("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    workshop.write("file", "");
    let refused = |more: &[&str]| {
        let build = [&["build", "small.yml"], more].concat();
        let message = workshop.run(&build).bad(6);
        message.replace(workshop.home().to_str().unwrap(), "HOME")
    };
    let message = refused(&["-o", "closed"]);
    assert!(
        message.starts_with("error: cannot write closed/small-")
            && message.ends_with("\n  caused by: Permission denied (os error 13)"),
        "{message}"
    );
    assert_snapshot!(refused(&["-o", "closed/out"]), @r"
    error: cannot make the directory closed/out
      caused by: Permission denied (os error 13)
    ");
    assert_snapshot!(refused(&["-o", "file"]), @r"
    error: cannot make the directory file
      caused by: File exists (os error 17)
    ");
    assert_snapshot!(refused(&["-o", "file/out"]), @r"
    error: cannot make the directory file/out
      caused by: Not a directory (os error 20)
    ");
    assert_snapshot!(refused(&["-o", "out", "--cache", "closed/cache"]), @r"
    error: cannot create `closed/cache` for the cache
      caused by: Permission denied (os error 13)
    hint: choose another directory with --cache
    ");
    assert_snapshot!(refused(&["-o", "out", "--cache", "closed"]), @r"
    error: cannot open `HOME/closed/lock` for the cache
      caused by: Permission denied (os error 13)
    hint: choose another directory with --cache
    ");
    assert_snapshot!(refused(&["-o", "out", "--cache", "file"]), @r"
    error: cannot create `file` for the cache
      caused by: File exists (os error 17)
    hint: choose another directory with --cache
    ");
    assert!(!workshop.home().join("out").exists());

    // What stands in the way of one output leaves all of them as they were.
    workshop
        .run(&["build", "small.yml", "--name", "host", "-o", "out"])
        .good();
    let cmdline = workshop.home().join("out/host-cmdline");
    fs::remove_file(&cmdline).unwrap();
    fs::create_dir(&cmdline).unwrap();
    let kernel = workshop.home().join("out/host-kernel");
    fs::write(&kernel, "earlier").unwrap();
    assert_snapshot!(refused(&["--name", "host", "-o", "out"]), @r"
    error: cannot put the outputs in their places in out
      caused by: out/host-cmdline is a directory
    ");
    assert_eq!(fs::read_to_string(kernel).unwrap(), "earlier");
    assert_eq!(
        fs::read_dir(workshop.home().join("out")).unwrap().count(),
        5
    );
}
