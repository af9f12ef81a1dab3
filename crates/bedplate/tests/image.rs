//! `bedplate image set-cmdline`, and keys that cannot sign.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use workshop::{KERNEL, Workshop, files_in, judge};

/// A built image, and two keys with their certificates: `key.pem`, `cert.pem`, `other.pem`, `other-cert.pem`.
fn workshop() -> Workshop {
    let workshop = Workshop::with_images();
    workshop.write("host.yml", format!("{KERNEL}init: ['oci:images:over']\n"));
    for (key, certificate) in [("key.pem", "cert.pem"), ("other.pem", "other-cert.pem")] {
        workshop
            .sh(&format!(
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={key} -keyout {key} -out {certificate} 2>/dev/null"
            ))
            .good();
    }
    workshop
}

const SIGNING: [&str; 4] = [
    "--secureboot-key",
    "key.pem",
    "--secureboot-cert",
    "cert.pem",
];

fn cmdline(image: &Path) -> String {
    judge(
        "objcopy --dump-section .cmdline=\"$1.cmdline\" \"$1\" \"$1.copy\"; cat \"$1.cmdline\"; rm \"$1.cmdline\" \"$1.copy\"",
        &[image],
    )
}

#[test]
fn a_finished_image_gets_another_command_line() {
    let workshop = workshop();
    workshop
        .run(&["build", "host.yml", "-o", "out", "--format", "uki"])
        .good();
    let image = workshop.home().join("out/host.efi");
    let first = fs::read(&image).unwrap();
    let said = workshop
        .run(&[
            "image",
            "set-cmdline",
            "out/host.efi",
            " console=tty0 quiet ",
        ])
        .good();
    assert_eq!(said.out, "out/host.efi: console=tty0 quiet\n");
    assert_eq!(cmdline(&image), "console=tty0 quiet");
    let said = workshop
        .run(&[
            "--json",
            "image",
            "set-cmdline",
            "out/host.efi",
            "console=ttyS0",
        ])
        .good();
    assert_snapshot!(said.out, @r#"{"cmdline":"console=ttyS0","file":"out/host.efi","signed":false}"#);
    assert!(
        fs::read(&image).unwrap() == first,
        "the first words give the first bytes"
    );
    assert_eq!(files_in(&workshop.home().join("out")).len(), 3);
}

#[test]
fn a_signed_image_stays_signed_or_stays_as_it_is() {
    let workshop = workshop();
    let build = ["build", "host.yml", "-o", "out", "--format", "uki"];
    workshop.run(&[&build[..], &SIGNING].concat()).good();
    let image = workshop.home().join("out/host.efi");
    let verified = |certificate: &str| {
        workshop
            .sh(&format!("sbverify --cert {certificate} out/host.efi >&2"))
            .code
            == Some(0)
    };
    assert!(verified("cert.pem") && !verified("other-cert.pem"));
    let first = fs::read(&image).unwrap();
    let message = workshop
        .run(&["image", "set-cmdline", "out/host.efi", "quiet"])
        .bad(1);
    assert_snapshot!(message, @r"
    error: `out/host.efi` is signed, and would not be with another command line
    hint: sign it again: give --secureboot-key and --secureboot-cert
    ");
    assert!(fs::read(&image).unwrap() == first);
    let change = ["image", "set-cmdline", "out/host.efi", "quiet"];
    let said = workshop.run(&[&change[..], &SIGNING].concat()).good();
    assert_eq!(said.out, "out/host.efi: quiet, signed again\n");
    assert_eq!(cmdline(&image), "quiet");
    assert!(verified("cert.pem"));
}

#[test]
fn what_is_no_image_stays_as_it_is() {
    let workshop = workshop();
    let change = |file: &str, words: &str, code| {
        workshop
            .run(&["image", "set-cmdline", file, words])
            .bad(code)
    };
    workshop.write("text.efi", "not an image");
    assert_snapshot!(change("text.efi", "quiet", 5), @r"
    error: cannot change `text.efi`
      caused by: this is no PE image: it does not begin with `MZ`
    ");
    assert_snapshot!(change("none.efi", "quiet", 6), @r"
    error: cannot open `none.efi`
      caused by: No such file or directory (os error 2)
    ");
    assert_snapshot!(change("text.efi", " ", 2), @"error: a command line has words, and no line breaks or control characters");
    assert_snapshot!(change("text.efi", "a\nb", 2), @"error: a command line has words, and no line breaks or control characters");
    let mut names = fs::read_dir(workshop.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(names.all(|name| !name.to_string_lossy().ends_with(".tmp")));
    assert_eq!(
        fs::read_to_string(workshop.home().join("text.efi")).unwrap(),
        "not an image"
    );
}

#[test]
fn a_key_that_cannot_sign_is_told_before_anything_is_built() {
    let workshop = workshop();
    workshop
        .sh("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem")
        .good();
    workshop
        .sh("openssl pkey -in key.pem -aes256 -passout pass:x -out locked.pem")
        .good();
    let refused = |key: &str, certificate: &str, code| {
        let build = ["build", "host.yml", "-o", "out", "--format", "uki"];
        let signing = ["--secureboot-key", key, "--secureboot-cert", certificate];
        workshop.run(&[&build[..], &signing].concat()).bad(code)
    };
    assert_snapshot!(refused("other.pem", "cert.pem", 2), @"error: the certificate in `cert.pem` is not about the key in `other.pem`");
    assert_snapshot!(refused("ec.pem", "cert.pem", 2), @r"
    error: the key in `ec.pem` does not sign for Secure Boot: it is no RSA key
    hint: firmware takes RSA keys of 2048 to 4096 bits: openssl req -x509 -newkey rsa:2048 …
    ");
    assert_snapshot!(refused("locked.pem", "cert.pem", 2), @r"
    error: `locked.pem` holds no private key in PEM form that is not encrypted
    hint: take the pass phrase off: openssl pkey -in KEY -out PLAIN
    ");
    assert_snapshot!(refused("key.pem", "key.pem", 2), @r"
    error: `key.pem` holds no certificate in PEM form
    hint: turn DER into PEM: openssl x509 -inform DER -in CERT -out PEM
    ");
    assert_snapshot!(refused("none.pem", "cert.pem", 6), @r"
    error: cannot read `none.pem`
      caused by: No such file or directory (os error 2)
    ");
    assert!(!workshop.home().join("out").exists());
}
