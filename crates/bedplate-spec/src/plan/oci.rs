//! `config.json` of a container (OCI runtime specification 1.2), with the content that LinuxKit gives it.
//!
//! ```text
//! process    user, args, env, cwd, capabilities, rlimits, noNewPrivileges, oomScoreAdj
//! root       rootfs, read-only or not
//! mounts     by destination: the five defaults, then tmpfs, binds and mounts, each replacing what was there
//! linux      namespaces, devices with their cgroup rules, resources, sysctl, id mappings, masked paths
//! ```

use std::collections::{BTreeMap, BTreeSet};

use bedplate_boot::{IdMapping, Mount};
use bedplate_types::ImageConfig;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::check::syntax::{self, Wrong};
use crate::settings::Settings;

/// Version of the specification that the content follows.
const VERSION: &str = "1.2.1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    oci_version: &'static str,
    pub process: Process,
    pub root: Root,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    pub mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    pub linux: Linux,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process {
    user: User,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    cwd: String,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rlimits: Vec<Rlimit>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_new_privileges: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub uid: u32,
    pub gid: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Capabilities {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bounding: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effective: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inheritable: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permitted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ambient: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Rlimit {
    #[serde(rename = "type")]
    kind: String,
    hard: u64,
    soft: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Root {
    path: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Linux {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctl: BTreeMap<String, String>,
    resources: Map<String, Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    cgroups_path: String,
    pub namespaces: Vec<Namespace>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    rootfs_propagation: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    masked_paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readonly_paths: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Namespace {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
}

/// The configuration of a container with these settings on this image. Sources of binds may still be
/// names of volumes.
pub(super) fn config(
    settings: &Settings,
    image: &ImageConfig,
    user: User,
) -> Result<Config, Wrong> {
    let image_command = [image.entrypoint.clone(), image.cmd.clone()]
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    let readonly = settings.readonly.unwrap_or(false);
    let cwd = [
        settings.cwd.as_deref(),
        Some(image.working_dir.as_str()),
        Some("/"),
    ];
    let (resources, devices) = resources_and_devices(settings);
    Ok(Config {
        oci_version: VERSION,
        process: Process {
            user,
            args: settings.command.clone().unwrap_or(image_command),
            env: settings
                .env
                .clone()
                .or_else(|| image.env.clone())
                .unwrap_or_default(),
            cwd: cwd
                .into_iter()
                .flatten()
                .find(|text| !text.is_empty())
                .unwrap_or("/")
                .to_owned(),
            capabilities: capabilities(settings)?,
            rlimits: rlimits(settings)?,
            no_new_privileges: settings.no_new_privileges.unwrap_or(false),
            oom_score_adj: settings.oom_score_adj,
        },
        root: Root {
            path: "rootfs",
            readonly,
        },
        hostname: settings.hostname.clone().unwrap_or_default(),
        mounts: mounts(settings, readonly)?,
        annotations: settings.annotations.clone().unwrap_or_default(),
        linux: Linux {
            uid_mappings: settings.uid_mappings.clone().unwrap_or_default(),
            gid_mappings: settings.gid_mappings.clone().unwrap_or_default(),
            sysctl: settings.sysctl.clone().unwrap_or_default(),
            resources,
            cgroups_path: settings.cgroups_path.clone().unwrap_or_default(),
            namespaces: namespaces(settings)?,
            devices,
            rootfs_propagation: settings.rootfs_propagation.clone().unwrap_or_default(),
            masked_paths: settings.masked_paths.clone().unwrap_or_default(),
            readonly_paths: settings.readonly_paths.clone().unwrap_or_default(),
        },
    })
}

/// JSON with four blanks of indentation, as LinuxKit writes it.
pub(super) fn render(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
    value
        .serialize(&mut serializer)
        .expect("a configuration is plain data");
    out.push(b'\n');
    out
}

fn capabilities(settings: &Settings) -> Result<Capabilities, Wrong> {
    let effective = syntax::capabilities(settings.capabilities.as_deref().unwrap_or_default())?;
    let ambient = syntax::capabilities(settings.ambient.as_deref().unwrap_or_default())?;
    let bounding: BTreeSet<String> = effective.iter().chain(&ambient).cloned().collect();
    let bounding: Vec<String> = bounding.into_iter().collect();
    Ok(Capabilities {
        bounding: bounding.clone(),
        effective,
        inheritable: bounding.clone(),
        permitted: bounding,
        ambient,
    })
}

fn rlimits(settings: &Settings) -> Result<Vec<Rlimit>, Wrong> {
    let parse =
        |text: &String| syntax::rlimit(text).map(|(kind, soft, hard)| Rlimit { kind, hard, soft });
    settings.rlimits.iter().flatten().map(parse).collect()
}

/// By destination, so that a parent comes before what lies in it.
fn mounts(settings: &Settings, readonly: bool) -> Result<Vec<Mount>, Wrong> {
    let mut mounts: BTreeMap<String, Mount> = BTreeMap::new();
    let mut put = |mount: Mount| drop(mounts.insert(mount.destination.clone(), mount));
    default_mounts(readonly).into_iter().for_each(&mut put);
    for text in settings.tmpfs.iter().flatten() {
        put(syntax::tmpfs(text)?);
    }
    for text in settings.binds.iter().flatten() {
        put(syntax::bind(text)?);
    }
    for mount in settings.mounts.iter().flatten() {
        put(syntax::complete_mount(mount)?);
    }
    Ok(mounts.into_values().collect())
}

/// What every container has mounted. No `/dev/shm` and no `/dev/mqueue`, as LinuxKit has it.
fn default_mounts(readonly: bool) -> [Mount; 5] {
    let mount = |destination: &str, kind: &str, options: &str| Mount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: kind.to_owned(),
        options: options.split(',').map(str::to_owned).collect(),
        ..Mount::default()
    };
    let ro = if readonly { ",ro" } else { "" };
    [
        mount("/proc", "proc", "nosuid,nodev,noexec,relatime"),
        mount(
            "/dev",
            "tmpfs",
            &format!("nosuid,strictatime,mode=755,size=65536k{ro}"),
        ),
        mount(
            "/dev/pts",
            "devpts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620",
        ),
        mount("/sys", "sysfs", &format!("nosuid,noexec,nodev{ro}")),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "nosuid,noexec,nodev,relatime,ro",
        ),
    ]
}

/// Network, IPC, UTS and user namespaces are the host's unless the settings say otherwise; PID and mount
/// namespaces are new ones.
fn namespaces(settings: &Settings) -> Result<Vec<Namespace>, Wrong> {
    let table = [
        ("net", "network", &settings.net, "host"),
        ("ipc", "ipc", &settings.ipc, "host"),
        ("uts", "uts", &settings.uts, "host"),
        ("pid", "pid", &settings.pid, "new"),
        ("userns", "user", &settings.userns, "host"),
    ];
    let mut namespaces = Vec::new();
    for (key, kind, text, default) in table {
        let text = text
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or(default);
        if let Some(path) = syntax::namespace(key, text)? {
            namespaces.push(Namespace {
                kind,
                path: path.to_owned(),
            });
        }
    }
    namespaces.push(Namespace {
        kind: "mount",
        path: String::new(),
    });
    Ok(namespaces)
}

/// Devices, and the resources with a rule for each device.
fn resources_and_devices(settings: &Settings) -> (Map<String, Value>, Vec<Value>) {
    let mut resources = settings.resources.clone().unwrap_or_default();
    if let Some(block_io) = resources.remove("blockio") {
        resources.insert("blockIO".to_owned(), block_io);
    }
    let mut rules = match resources.remove("devices") {
        Some(Value::Array(rules)) => rules,
        _ => Vec::new(),
    };
    let mut devices = Vec::new();
    for device in settings.devices.iter().flatten() {
        if device.path == "all" {
            rules.push(json!({"allow": true, "type": device.kind, "access": "rwm"}));
            continue;
        }
        let mode = device
            .mode
            .as_deref()
            .and_then(|mode| u32::from_str_radix(mode, 8).ok())
            .unwrap_or(0o600);
        let (major, minor) = (device.major, device.minor);
        devices.push(json!({
            "path": device.path, "type": device.kind, "major": major, "minor": minor, "fileMode": mode
        }));
        rules.push(json!({"allow": true, "type": device.kind, "major": major, "minor": minor, "access": "rwm"}));
    }
    if !rules.is_empty() {
        resources.insert("devices".to_owned(), Value::Array(rules));
    }
    (resources, devices)
}
