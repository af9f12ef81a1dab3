//! No text makes the parser panic, and what it renders reads back as the same.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use bedplate_spec::parse_bytes;
use common::parse_text;
use proptest::prelude::*;

/// Pieces of specs that meet in odd ways.
const PIECES: [&str; 48] = [
    "kernel:",
    "init:",
    "onboot:",
    "services:",
    "volumes:",
    "files:",
    "include:",
    "trust:",
    "hostname: a",
    "\n",
    "\n  ",
    "\n    ",
    "\n  - ",
    "- ",
    "name: a",
    "name: web",
    "image: x",
    "image: dir:x",
    "packages: [a]",
    "packages: {include: [b]}",
    "command: [a, 1]",
    "binds: ['/a:/b']",
    "binds.add: ['v:/b']",
    "mounts: [{type: proc}]",
    "uid: web",
    "mode: 0644",
    "path: a",
    "contents: |\n      x\n",
    "source: x",
    "metadata: yaml",
    "directory: yes",
    "symlink: t",
    "restart: no",
    "after: [web]",
    "ready: {tcp: 80}",
    "onFailure: stop",
    "resources: {memory: {limit: 1}}",
    "runtime: {mkdir: [a]}",
    "bedplate",
    "&x ",
    "*x",
    "<<: *x",
    "${A}",
    "${A:-b}",
    "{",
    "}",
    "[",
    "]",
];

/// Text that YAML could take for something else.
fn odd_text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "",
        "yes",
        "null",
        "~",
        "0644",
        "1.0",
        "a: b",
        "a #b",
        "# a",
        "- a",
        "a\n",
        "a\nb",
        " a",
        "a ",
        "\n",
        "a\n\n",
        "\ta",
        "a\tb",
        "${X}",
        "$${X}",
        "$$",
        "é",
        "\"",
        "'",
        "\\",
        "|",
        ">",
        "{a",
        "[a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "a\r\nb",
        "\u{feff}",
        "a:\nb: c\n",
        "=",
        "<<",
        "  \n a",
        "a\n  b\n",
        "x\n \ny\n",
    ]);
    prop_oneof![
        words.prop_map(str::to_owned),
        any::<String>(),
        "[ -~\n]{0,40}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>) {
        let _ = parse_bytes(&bytes);
    }

    #[test]
    fn any_pieces_are_answered(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let _ = parse_bytes(pieces.concat().as_bytes());
        let _ = parse_bytes(pieces.join("\n").as_bytes());
    }

    #[test]
    fn rendered_specs_read_back_as_themselves(
        texts in prop::collection::vec(odd_text(), 1..4),
        contents in odd_text(),
        key in odd_text(),
        flag: bool,
        number in -1000..=1000_i32,
        id: u32,
    ) {
        let quoted = |text: &str| serde_json::to_string(&text.replace("${", "$${")).unwrap();
        let command: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        let text = format!(
            "{{services: [{{name: a, image: i, command: [{}], readonly: {flag}, oomScoreAdj: {number}, uid: {id}, annotations: {{{}: {}}}}}], files: [{{path: a/b, contents: {}, uid: a}}]}}",
            command.join(", "), serde_json::to_string(&key).unwrap(), quoted(&texts[0]), quoted(&contents),
        );
        // JSON has characters that YAML does not take (DEL and others), which is no matter of ours.
        if let Ok(spec) = parse_text(&text) {
            let yaml = spec.to_yaml();
            let again = parse_text(&yaml).unwrap_or_else(|found| panic!("{found}\n{yaml}"));
            prop_assert_eq!(&again.services[0].settings, &spec.services[0].settings, "{}", yaml);
            prop_assert_eq!(&again.files[0].kind, &spec.files[0].kind, "{}", yaml);
            prop_assert_eq!(again.to_yaml(), yaml);
        }
    }
}
