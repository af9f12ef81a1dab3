//! LinuxKit's own specs parse and plan unchanged, and the labels of its packages merge.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::path::{Path, PathBuf};

use bedplate_spec::{parse, plan};
use common::{Disk, OPTIONS, file, home, labelled, lock, parse_text};

/// Specs that are invalid upstream too, with the beginning of what is said of them.
const INVALID: [(&str, &str); 5] = [
    ("examples/static-ip.yml", "this is not valid YAML"),
    (
        "test/cases/000_build/070_volumes/002_rw_on_ro/test.yml",
        "the volume `vola` is read-only",
    ),
    (
        "projects/clear-containers/clear-containers.yml",
        "the service `rngd` has no image",
    ),
    (
        "projects/miragesdk/yaml/dhcp-client.yml",
        "this is not valid YAML",
    ),
    (
        "test/cases/000_build/091_validate_linuxkit_yaml/linuxkit.yml",
        "unknown key `unknownField` in a spec",
    ),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/linuxkit")
}

/// All YAML files below `dir`, in order.
fn yaml_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", dir.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(yaml_files(&path));
        } else if path
            .extension()
            .is_some_and(|end| end == "yml" || end == "yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `build.yml` and its like describe how a package is built; they are no hosts.
fn describes_a_package(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with("build") || name == "docker-compose.yml"
}

#[test]
fn upstream_specs_parse_and_plan_unless_they_are_invalid_upstream_too() {
    // BEDPLATE_CORPUS may name a directory with more of them: a checkout of LinuxKit, for instance.
    let more = std::env::var_os("BEDPLATE_CORPUS").map(PathBuf::from);
    let mut planned = 0;
    let mut wrong = Vec::new();
    for dir in [corpus()].into_iter().chain(more) {
        for path in yaml_files(&dir)
            .into_iter()
            .filter(|path| !describes_a_package(path))
        {
            let name = path
                .strip_prefix(&dir)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let expected = INVALID
                .iter()
                .find(|(invalid, _)| *invalid == name)
                .map(|(_, message)| *message);
            let result = parse(&[path.display().to_string()], &Disk, &home())
                .and_then(|spec| plan(&spec, &lock(&spec, &[]), &OPTIONS));
            match (result, expected) {
                (Ok(_), None) => planned += 1,
                (Err(found), Some(message)) if found.to_string().contains(message) => {}
                (Ok(_), Some(_)) => {
                    wrong.push(format!("{name}: was planned, although it is invalid"))
                }
                (Err(found), _) => wrong.push(format!("{name}:\n{found}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(planned >= 80, "only {planned} specs were found");
}

#[test]
fn merged_upstream_specs_read_back_as_themselves() {
    for path in yaml_files(&corpus())
        .into_iter()
        .filter(|path| !describes_a_package(path))
    {
        let Ok(spec) = parse(&[path.display().to_string()], &Disk, &home()) else {
            continue;
        };
        let yaml = spec.to_yaml();
        let again =
            parse_text(&yaml).unwrap_or_else(|found| panic!("{}: {found}\n{yaml}", path.display()));
        assert_eq!(again.to_yaml(), yaml, "{}", path.display());
    }
}

/// The label that `linuxkit pkg build` makes from the `config:` of a package: its indented lines.
fn label_of(build_yml: &str) -> String {
    let config = build_yml
        .lines()
        .skip_while(|line| !line.starts_with("config:"))
        .skip(1);
    config
        .take_while(|line| line.starts_with([' ', '#']) || line.is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn labels_of_upstream_packages_become_configurations() {
    let mut labels = 0;
    for path in yaml_files(&corpus().join("pkg")) {
        let label = label_of(&std::fs::read_to_string(&path).unwrap());
        let spec = parse_text("services: [{name: one, image: x.test/one}]").unwrap();
        let planned = plan(&spec, &lock(&spec, &[("one", labelled(&label))]), &OPTIONS)
            .unwrap_or_else(|found| panic!("{}: {found}", path.display()));
        assert!(file(&planned, "/containers/services/one/config.json").contains("\"ociVersion\""));
        labels += 1;
    }
    assert!(labels >= 20, "only {labels} labels were found");
}
