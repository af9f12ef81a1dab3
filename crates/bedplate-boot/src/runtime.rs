//! `runtime.json`: what is done for a container outside OCI's `config.json` (LinuxKit's format, moby/config.go).

use serde::{Deserialize, Serialize};

/// Steps around the start of a container, in the root namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Runtime {
    /// Made under `/sys/fs/cgroup` first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroups: Option<Vec<String>>,
    /// Mounted before the container is created. Missing destinations, and the `upperdir` and
    /// `workdir` of overlays, are made; a relative destination lies under the container's rootfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// Made after the mounts, mode 0755.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mkdir: Option<Vec<String>>,
    /// Network interfaces that are moved or made for the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<Interface>>,
    /// Files that the container's namespaces are bound to, so that others can join them.
    #[serde(rename = "bindNS", skip_serializing_if = "Namespaces::is_empty")]
    pub bind_ns: Namespaces,
    /// containerd namespace; means nothing without containerd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A mount (OCI runtime specification, "Mounts").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Where.
    pub destination: String,
    /// File system type.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Device, directory or name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// As for `mount -o`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// User ids of an idmapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids of an idmapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}

/// A range of ids (OCI runtime specification, "User namespace mappings").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapping {
    /// First id in the container.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// First id outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// A network interface for a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Interface {
    /// Name of the interface in the container.
    pub name: String,
    /// rtnetlink type to make (`veth`, `dummy`, …); empty moves an existing interface.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub add: String,
    /// Name of the other end of a `veth`, which stays in the root namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// Make it in the root namespace and then move it, for types that need that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create_in_root: bool,
}

/// Files to bind namespaces to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each is the name of its namespace")]
pub struct Namespaces {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mnt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uts: Option<String>,
}

impl Namespaces {
    /// Is nothing bound?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
