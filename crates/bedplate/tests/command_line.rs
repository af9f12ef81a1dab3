//! The command line itself: help, generated texts, JSON, dry runs.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::path::Path;

use serde_json::Value;
use workshop::{KERNEL, Workshop, files_in, judge};

const COMMANDS: [&str; 12] = [
    "build",
    "run",
    "why",
    "key generate",
    "key show",
    "cache",
    "cache ls",
    "cache rm",
    "cache check",
    "cache gc",
    "completion",
    "man",
];

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn help_has_examples_that_are_understood() {
    let workshop = Workshop::new();
    let main = workshop.run(&["--help"]).good().out;
    for command in [
        "build",
        "run",
        "why",
        "cache",
        "completion",
        "schema",
        "man",
    ] {
        assert!(main.contains(&format!("\n  {command} ")), "{main}");
    }
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "130 "] {
        assert!(
            main.contains(&format!("\n  {code}")),
            "no exit code {code} in {main}"
        );
    }
    assert!(
        workshop
            .run(&["--version"])
            .good()
            .out
            .starts_with("bedplate ")
    );
    for command in COMMANDS {
        let help = workshop
            .run(&[&words(command)[..], &["--help"]].concat())
            .good();
        assert!(help.err.is_empty(), "{}", help.err);
        let simple = ["cache", "cache ls", "cache check"].contains(&command);
        let examples: Vec<&str> = help
            .out
            .lines()
            .filter_map(|line| line.strip_prefix("  bedplate "))
            .collect();
        assert!(
            simple || !examples.is_empty(),
            "{command} has no example: {}",
            help.out
        );
        for example in examples {
            // The shell's part goes; with --help, the rest is only parsed.
            let bedplate = example.split([';', '|', '>']).next().unwrap();
            let parsed = workshop.sh(&format!("bedplate {bedplate} --help")).good();
            assert!(parsed.out.contains("Usage: "), "{example}");
        }
    }
    for wrong in [
        "",
        "cache",
        "build",
        "biuld x.yml",
        "man nothing",
        "completion basic",
    ] {
        let said = workshop.run(&words(wrong));
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(2), ""),
            "{wrong}: {}",
            said.err
        );
        assert!(
            said.err.starts_with("error: ") || said.err.contains("Usage: "),
            "{}",
            said.err
        );
    }
}

#[test]
fn completions_and_manual_pages_are_what_their_readers_take() {
    let workshop = Workshop::new();
    for (shell, syntax) in [("bash", "bash -n"), ("zsh", ""), ("fish", "")] {
        let script = workshop.run(&["completion", shell]).good().out;
        assert!(
            script.contains("--drop-xattrs") || script.contains("drop-xattrs"),
            "{shell}"
        );
        let file = workshop.write(shell, script);
        if !syntax.is_empty() {
            judge(&format!("{syntax} \"$1\""), &[&file]);
        }
    }
    // What a user gets who presses the tabulator.
    let tab = "source ./bash; COMP_WORDS=(bedplate cache g); COMP_CWORD=2; _bedplate bedplate g cache; echo ${COMPREPLY[*]}";
    assert_eq!(workshop.sh(&format!("bash -c '{tab}'")).good().out, "gc\n");

    for page in ["", "build", "cache gc", "run"] {
        let page = workshop
            .run(&[&["man"], &words(page)[..]].concat())
            .good()
            .out;
        assert!(
            page.contains(".TH ") && page.contains(".SH SYNOPSIS"),
            "{page}"
        );
    }
}

#[test]
fn the_schema_is_the_one_in_the_documents() {
    let printed = Workshop::new().run(&["schema"]).good().out;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    assert!(
        schema["$schema"]
            .as_str()
            .unwrap()
            .contains("json-schema.org")
    );
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bedplate.schema.json");
    assert_eq!(
        printed,
        std::fs::read_to_string(kept).unwrap(),
        "run `cargo xtask codegen`"
    );
}

/// Everything on standard output, as one JSON value a line, or one in all.
fn json(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn with_json_there_is_nothing_but_json() {
    let workshop = Workshop::with_images();
    let hidden = "files: [{path: var/x/y, contents: x}]\n";
    workshop.write("host.yml", format!("{KERNEL}{hidden}"));
    let good = |arguments: &str| {
        let said = workshop.run(&words(arguments)).good();
        (json(&said.out), said.err)
    };
    let (built, told) = good("build host.yml -o out --json");
    assert_eq!((built.len(), &built[0]["name"]), (1, &"host".into()));
    assert!(
        told.starts_with("warning: host.yml:2:16: `/var/x/y` cannot be seen"),
        "{told}"
    );
    assert_eq!(good("--json build host.yml --dry-run").0.len(), 1);
    assert_eq!(good("why /var/x/y host.yml --json").0[0]["kind"], "file");
    assert!(!good("cache ls --json").0.is_empty());
    assert_eq!(good("cache gc --json").0.len(), 1);
    assert_eq!(
        good("cache check --json").0[0]["damaged"],
        serde_json::json!([])
    );

    let bad =
        |arguments: &str, code: i32| {
            let said = workshop.run(&words(arguments));
            assert_eq!((said.code, said.err.as_str()), (Some(code), ""), "{said:?}");
            let errors = json(&said.out);
            assert!(
                errors.iter().all(|error| error["exitCode"] == code
                    && !error["error"].as_str().unwrap().is_empty())
            );
            errors
        };
    bad("build --json nowhere.yml", 3);
    bad("build --json host.yml --set x", 2);
    let unknown = bad("build --json host.yml --format floppy", 2);
    assert!(
        unknown[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("invalid value 'floppy'"),
        "{unknown:?}"
    );
    bad("cache rm nobody --json", 1);
    workshop.write("host.yml", "kernal: x\nservices:\n  - {name: a}\n");
    let mistakes = bad("build --json host.yml", 3);
    let place = |error: &Value| {
        (
            error["file"].clone(),
            error["line"].clone(),
            error["column"].clone(),
        )
    };
    assert_eq!(mistakes.len(), 2);
    assert_eq!(place(&mistakes[0]), ("host.yml".into(), 1.into(), 1.into()));
    assert_eq!(place(&mistakes[1]), ("host.yml".into(), 3.into(), 5.into()));
    assert_eq!(mistakes[0]["hint"], "did you mean `kernel`?");
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_no_output() {
    let workshop = Workshop::with_images();
    let spec = format!(
        "{KERNEL}hostname: ${{NAME:-nobody}}\nservices: [{{name: web, image: 'oci:images:web'}}]\n"
    );
    workshop.write("host.yml", spec);
    let dry = |more: &[&str]| {
        let said = workshop
            .run(&[&["build", "host.yml", "--dry-run"], more].concat())
            .good();
        serde_json::from_str::<Value>(&said.out).unwrap()
    };
    let out = workshop.directory("out");
    let plan = dry(&["-o", "out"]);
    assert!(files_in(&out).is_empty());
    assert_eq!(plan["cmdline"], "console=ttyS0");
    let steps = plan["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step["at"] == "/containers/services/web/lower"),
        "{plan:#}"
    );
    dry(&["-o", "new"]);
    assert!(!workshop.home().join("new").exists());
    // The plan is a function of its inputs.
    assert_eq!(dry(&[]), plan);
    assert_ne!(dry(&["--set", "NAME=somebody"]), plan);
    // A spec may come through a pipe.
    let piped = workshop.sh("bedplate build - --dry-run <host.yml").good();
    let piped: Value = serde_json::from_str(&piped.out).unwrap();
    assert_eq!(piped["cmdline"], plan["cmdline"]);
}
