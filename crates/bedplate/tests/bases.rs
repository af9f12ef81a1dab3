//! Roots of installed packages: as an ordinary user, from the build machine's own mirror and from small
//! archives of the tests' own.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod archive;
mod workshop;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use archive::{Archive, Server};
use bedplate_testkit::{Image, Layer};
use workshop::{Said, Workshop, judge};

const SMALL: &str = "base: {debian: {packages: [passwd]}}\n";

/// The tar that was built under `name`, and its digest.
fn digest(workshop: &Workshop, name: &str) -> String {
    let tar = workshop.home().join(format!("{name}.tar"));
    judge("sha256sum \"$1\" | cut -c1-64", &[&tar])
        .trim()
        .to_owned()
}

/// A small base with its lock, whose packages every test of this machine finds in the cache that they share.
fn small() -> Workshop {
    let workshop = Workshop::new();
    workshop.write("small.yml", SMALL);
    Said::from(workshop.bedplate(&["lock", "small.yml"])).good();
    workshop
}

#[test]
fn a_base_is_installed_by_its_scripts_and_clean() {
    let workshop = small();
    Said::from(workshop.bedplate(&["build", "small.yml", "--format", "tar"])).good();
    let tar = workshop.home().join("small.tar");
    let listing = judge("tar -tvf \"$1\" --numeric-owner", &[&tar]);
    let has = |path: &str| {
        listing
            .lines()
            .any(|line| line.split_whitespace().nth(5) == Some(path))
    };
    for path in [
        "usr/bin/bash",
        "etc/passwd",
        "etc/ld.so.cache",
        "etc/bash.bashrc",
        "usr/bin/dpkg",
    ] {
        assert!(has(path), "no {path} in\n{listing}");
    }
    for path in [
        "usr/bin/apt",
        "usr/sbin/policy-rc.d",
        "etc/passwd-",
        "var/lib/dpkg/status-old",
    ] {
        assert!(!has(path), "{path} is in\n{listing}");
    }
    // Files of a group that only the image knows, and of root.
    let shadow = listing
        .lines()
        .find(|line| line.ends_with(" etc/shadow"))
        .unwrap();
    assert!(shadow.starts_with("-rw-r----- 0/42 "), "{shadow}");
    assert!(!listing.contains(".dpkg-new"), "{listing}");
    let read = |file: &str| judge(&format!("tar -xOf \"$1\" {file}"), &[&tar]);
    assert!(
        read("etc/shadow").starts_with("root:*:"),
        "{}",
        read("etc/shadow")
    );
    assert_eq!(read("etc/machine-id"), "");
    let status = read("var/lib/dpkg/status");
    assert!(status.contains("Package: bash\n"));
    assert!(!status.contains("Status: install ok unpacked"), "{status}");
    assert!(!status.contains("newconffile"), "{status}");
    let sbom = fs::read_to_string(workshop.home().join("small-sbom.spdx.json")).unwrap();
    assert!(sbom.contains("pkg:deb/debian/bash@"), "{sbom}");

    // Files on top, and nothing is installed again.
    workshop.write(
        "more.yml",
        format!("{SMALL}hostname: node7\nfiles: [{{path: etc/motd, contents: hello}}]\n"),
    );
    let said = Said::from(workshop.bedplate(&["build", "more.yml", "--format", "tar"])).good();
    assert!(!said.err.contains("installation"), "{}", said.err);
    let tar = workshop.home().join("more.tar");
    assert_eq!(
        judge("tar -xOf \"$1\" etc/hostname etc/motd", &[&tar]),
        "node7\nhello"
    );
}

#[test]
fn two_locked_builds_from_empty_caches_are_the_same() {
    let archive = Archive::of(&small(), &[]);
    let workshop = archive.workshop("{packages: [bash]}");
    workshop.run(&["lock", "host.yml"]).good();
    let mut digests = Vec::new();
    for cache in ["one", "two"] {
        workshop
            .run(&[
                "--cache", cache, "build", "host.yml", "--locked", "--format", "tar",
            ])
            .good();
        digests.push(digest(&workshop, "host"));
        // No lists were asked.
        assert!(
            judge(
                "find \"$1\" -name '*_Packages*'",
                &[&workshop.home().join(cache)]
            )
            .is_empty()
        );
    }
    assert_eq!(digests[0], digests[1]);

    workshop.run(&["lock", "host.yml", "--check"]).good();
    let spec = archive.spec("{packages: [bash, base-passwd]}");
    workshop.write("host.yml", spec);
    let message = workshop
        .run(&["build", "host.yml", "--locked", "--format", "tar"])
        .bad(3);
    assert!(message.contains("host.lock does not match the spec: it has nothing for `debian base with bash base-passwd"), "{message}");
    assert!(
        message.ends_with("hint: write it: bedplate lock host.yml"),
        "{message}"
    );
    let message = workshop.run(&["lock", "host.yml", "--check"]).bad(3);
    assert!(
        message.contains("host.lock is not what the names stand for now"),
        "{message}"
    );

    // A file that was changed at the mirror.
    workshop.write("host.yml", archive.spec("{packages: [bash]}"));
    archive.damage("bash_");
    let message = workshop
        .run(&[
            "--cache", "three", "build", "host.yml", "--locked", "--format", "tar",
        ])
        .bad(5);
    assert!(
        message.contains("a package file is not what its digest says"),
        "{message}"
    );
}

#[test]
fn packages_that_cannot_be_installed_are_told() {
    let archive = Archive::of(
        &small(),
        &[
            ("fails", "", "echo it is all wrong; exit 3"),
            ("left", "Conflicts: right", ""),
            ("right", "", ""),
        ],
    );
    let workshop = archive.workshop("{packages: [fails]}");
    let build = ["build", "host.yml", "--format", "tar", "-o", "out"];
    let message = workshop.run(&build).bad(5);
    assert!(
        message.contains("a maintainer script of fails failed"),
        "{message}"
    );
    assert!(message.contains("\nit is all wrong\n"), "{message}");
    assert!(!workshop.home().join("out").exists());
    let tmp = workshop.home().join("cache/bedplate/tmp");
    assert_eq!(fs::read_dir(tmp).unwrap().count(), 0);

    workshop.write("host.yml", archive.spec("{packages: [left, right]}"));
    let message = workshop.run(&build).bad(4);
    assert!(
        message.contains("these packages cannot be installed together"),
        "{message}"
    );
    assert!(message.contains("left : Conflicts: right"), "{message}");

    workshop.write("host.yml", archive.spec("{packages: [no-such-package]}"));
    let message = workshop.run(&build).bad(4);
    assert!(
        message.contains("Unable to locate package no-such-package"),
        "{message}"
    );

    // A user without subordinate ids.
    let other = archive.workshop_of_other("{packages: [right]}");
    let message = other.run(&build).bad(6);
    assert!(
        message.contains("has no range of 65535 subordinate ids in `/etc/subuid`"),
        "{message}"
    );
    assert!(
        message.contains("hint: give them one, as root: usermod --add-subuids"),
        "{message}"
    );
}

/// Does a process run whose command line is this?
fn runs(command: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line)
            .trim_end_matches('\0')
            .replace('\0', " ")
            == command
    })
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain {what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_installation_ends_with_its_build_and_a_full_disk_ends_it() {
    let sleep = format!("sleep 8{}", std::process::id());
    let archive = Archive::of(&small(), &[("sleepy", "", &sleep)]);
    let workshop = archive.workshop("{packages: [sleepy]}");
    let child = workshop.start(&["build", "host.yml", "--format", "tar"]);
    wait_until("for the script", || runs(&sleep));
    judge("kill -INT \"$1\"", &[Path::new(&child.id().to_string())]);
    assert_eq!(
        Said::from(child.wait_with_output().unwrap()).code,
        Some(130)
    );
    wait_until("for the end of the script", || !runs(&sleep));
    let tmp = workshop.home().join("cache/bedplate/tmp");
    assert_eq!(fs::read_dir(tmp).unwrap().count(), 0);

    workshop.directory("disk");
    workshop.write(
        "script",
        "mount -t tmpfs -o size=4m tmpfs disk && bedplate build host.yml --cache disk -o out",
    );
    let message = workshop
        .sh("unshare --user --map-root-user --mount sh script")
        .bad(6);
    assert!(message.contains("No space left on device"), "{message}");
    assert!(!workshop.home().join("out").exists());
}

#[test]
fn archives_that_cannot_be_trusted_are_refused() {
    let archive = Archive::of(&small(), &[]);
    let workshop = archive.workshop("{packages: [bash]}");
    let build = ["build", "host.yml", "--format", "tar"];
    archive.expire();
    // A machine may be told not to look at dates: this one's settings are left out.
    workshop.write(
        "apt.conf",
        "Dir::Etc::parts \"/none\"; Dir::Etc::main \"/none\";\n",
    );
    let script = "APT_CONFIG=$PWD/apt.conf bedplate build host.yml --format tar";
    let message = workshop.sh(script).bad(5);
    assert!(message.contains("expired"), "{message}");

    archive.sign_with_another_key();
    let message = workshop.run(&build).bad(5);
    assert!(
        message.contains("NO_PUBKEY") || message.contains("is not signed"),
        "{message}"
    );
}

#[test]
fn a_mirror_that_fails_in_the_middle_is_asked_again() {
    let archive = Archive::of(&small(), &[]);
    let server = Server::start(archive.path(), 2);
    let workshop = archive.workshop_at("{packages: [bash]}", &server.url());
    workshop
        .run(&["build", "host.yml", "--format", "tar"])
        .good();
    assert!(server.cuts() >= 2, "{} answers were cut", server.cuts());

    let broken = Server::start(archive.path(), usize::MAX);
    let workshop = archive.workshop_at("{packages: [bash]}", &broken.url());
    let message = workshop
        .run(&["build", "host.yml", "--retries", "1", "--format", "tar"])
        .bad(4);
    assert!(message.contains("apt-get says: "), "{message}");
}

#[test]
fn another_suite_and_an_image_are_bases_too() {
    let workshop = small();
    workshop.write("trixie.yml", "base: {debian: {suite: trixie}}\n");
    Said::from(workshop.bedplate(&["build", "trixie.yml", "--format", "tar"])).good();
    let read = |name: &str, file: &str| {
        let tar = workshop.home().join(format!("{name}.tar"));
        judge(&format!("tar -xOf \"$1\" {file}"), &[&tar])
    };
    assert!(read("trixie", "usr/lib/os-release").contains("VERSION_CODENAME=trixie"));

    let root = fs::read(workshop.home().join("trixie.tar")).unwrap();
    Image::new()
        .layer(&Layer::of_tar(root))
        .write_oci(&workshop.directory("images"), "trixie");
    workshop.write(
        "image.yml",
        "base: oci:images:trixie\nfiles: [{path: etc/motd, contents: hi}]\n",
    );
    Said::from(workshop.bedplate(&["build", "image.yml", "--format", "tar"])).good();
    assert!(read("image", "usr/lib/os-release").contains("VERSION_CODENAME=trixie"));
    assert_eq!(read("image", "etc/motd"), "hi");
}
