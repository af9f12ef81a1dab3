//! The same `config.json` and `runtime.json` as LinuxKit's own code makes (see `golden/README.md`).

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::path::Path;

use common::{file, labelled, plan_text, stand_in};
use insta::assert_snapshot;
use serde_json::Value;

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Without what is empty: LinuxKit writes empty lists and texts into `runtime.json`, we leave them out.
fn without_empties(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().filter_map(without_empties).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(map) => {
            let map: serde_json::Map<String, Value> = map
                .into_iter()
                .filter_map(|(key, value)| Some((key, without_empties(value)?)))
                .collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        other => Some(other),
    }
}

/// The mounts that make the root of a bundle: ours begin with them, the peer's are before they are added.
const ROOT_MOUNTS: [&str; 3] = ["/tmp", "/rootfs", ""];

fn own_runtime(json: &str) -> Option<Value> {
    let mut runtime: Value = serde_json::from_str(json).unwrap();
    if let Some(mounts) = runtime.get_mut("mounts").and_then(Value::as_array_mut) {
        mounts.retain(|mount| {
            let destination = mount["destination"].as_str().unwrap();
            let is_root = destination.starts_with("/containers/")
                && ROOT_MOUNTS
                    .iter()
                    .any(|end| !end.is_empty() && destination.ends_with(end));
            !is_root
        });
    }
    without_empties(runtime)
}

fn compare(name: &str, image: bedplate_spec::lock::ResolvedImage) {
    let planned = plan_text(
        &golden(&format!("{name}.yml")),
        &[("plain", image.clone()), ("labelled", image)],
    )
    .unwrap_or_else(|found| panic!("{found}"));
    let peer: Value = serde_json::from_str(&golden(&format!("{name}.peer.json"))).unwrap();
    let containers = peer.as_object().unwrap();
    assert!(!containers.is_empty());
    let paths: Vec<String> = planned
        .steps
        .iter()
        .map(|step| step.at.to_string())
        .collect();
    for (container, theirs) in containers {
        let (section, name) = container.split_once('/').unwrap();
        let is_it = |path: &&String| {
            path.starts_with(&format!("/containers/{section}/"))
                && {
                    let directory = path.split('/').nth(3).unwrap();
                    directory == name || directory.get(4..) == Some(name) && section != "services"
                }
                && path.ends_with("/config.json")
        };
        let config_path = paths
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no config.json of {container}"));
        let ours: Value = serde_json::from_str(&file(&planned, config_path)).unwrap();
        pretty_assert(container, "config.json", &ours, &theirs["config"]);
        let runtime = own_runtime(&file(
            &planned,
            &config_path.replace("config.json", "runtime.json"),
        ));
        let theirs = without_empties(theirs["runtime"].clone());
        pretty_assert(
            container,
            "runtime.json",
            &runtime.unwrap_or_default(),
            &theirs.unwrap_or_default(),
        );
    }
}

fn pretty_assert(container: &str, what: &str, ours: &Value, theirs: &Value) {
    assert!(
        ours == theirs,
        "{what} of {container} differs\nours: {ours:#}\nLinuxKit's: {theirs:#}"
    );
}

#[test]
fn every_key_becomes_what_linuxkit_makes_of_it() {
    compare("every-key", stand_in());
}

#[test]
fn labels_merge_as_linuxkit_merges_them() {
    compare("label", labelled(&golden("label.label")));
}

#[test]
fn what_linuxkit_drops_in_silence_is_honoured() {
    let planned = plan_text(&golden("faults.yml"), &[]).unwrap();
    let config = |name: &str| -> Value {
        serde_json::from_str(&file(
            &planned,
            &format!("/containers/services/{name}/config.json"),
        ))
        .unwrap()
    };
    let peer: Value = serde_json::from_str(&golden("faults.peer.json")).unwrap();
    let theirs = &peer["services/camel-case-keys"]["config"]["linux"];
    assert_eq!(
        theirs["uidMappings"][0]["hostID"], 0,
        "LinuxKit maps to the host's root"
    );
    let linux = &config("camel-case-keys")["linux"];
    assert_snapshot!(format!("{:#}", serde_json::json!([linux["uidMappings"], linux["gidMappings"], linux["resources"]])), @r#"
    [
      [
        {
          "containerID": 1,
          "hostID": 1000,
          "size": 10
        }
      ],
      [
        {
          "containerID": 2,
          "hostID": 2000,
          "size": 20
        }
      ],
      {
        "blockIO": {
          "leafWeight": 20,
          "throttleReadBpsDevice": [
            {
              "major": 8,
              "minor": 0,
              "rate": 600
            }
          ],
          "throttleWriteIOPSDevice": [
            {
              "major": 8,
              "minor": 16,
              "rate": 300
            }
          ],
          "weight": 10,
          "weightDevice": [
            {
              "leafWeight": 300,
              "major": 8,
              "minor": 0,
              "weight": 500
            }
          ]
        },
        "cpu": {
          "realtimePeriod": 3,
          "realtimeRuntime": 2
        },
        "memory": {
          "disableOOMKiller": true,
          "kernelTCP": 1
        },
        "network": {
          "classID": 7
        }
      }
    ]
    "#);
    let binds = |name: &str| {
        let mounts = config(name)["mounts"].clone();
        let binds = mounts
            .as_array()
            .unwrap()
            .iter()
            .filter(|mount| mount["type"] == "bind");
        binds
            .map(|bind| {
                format!(
                    "{} -> {} {}\n",
                    bind["source"], bind["destination"], bind["options"]
                )
            })
            .collect::<String>()
    };
    assert_snapshot!(binds("volume-in-mounts"), @r#""/containers/volumes/data/merged" -> "/data" ["rw"]"#);
    assert_snapshot!(binds("volume-in-binds"), @r#"
    "/containers/volumes/data/merged" -> "/data" ["rw","rbind","rshared"]
    "/containers/volumes/sealed/merged" -> "/sealed" ["ro","rbind"]
    "#);
    assert_snapshot!(binds("added-to-a-list-of-its-own"), @r#"
    "/a" -> "/a" ["rw","rbind","rshared"]
    "/b" -> "/b" ["rw","rbind","rshared"]
    "#);
    assert_snapshot!(config("added-to-a-list-of-its-own")["process"]["capabilities"]["bounding"], @r#"["CAP_CHOWN","CAP_KILL"]"#);
}
