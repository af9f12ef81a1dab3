//! The document that tells PID 1 what to run.

use serde::{Deserialize, Serialize};

use crate::document::{self, UnknownVersion};

/// Everything that PID 1 needs to know of a host; [`HOST_DOCUMENT`](crate::HOST_DOCUMENT) as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Version of this document: [`Host::VERSION`].
    pub version: u32,
    /// Run one after another before any service.
    #[serde(default)]
    pub onboot: Vec<Unit>,
    /// Run and supervised.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Run one after another when the host goes down, after the services have stopped.
    #[serde(default)]
    pub onshutdown: Vec<Unit>,
    /// Named trees that containers share.
    #[serde(default)]
    pub volumes: Vec<Volume>,
}

impl Host {
    /// The version that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Reads the JSON form.
    pub fn parse(json: &[u8]) -> Result<Self, UnknownVersion> {
        document::parse("host document", json, Self::VERSION)
    }

    /// The JSON form, which ends in a newline.
    pub fn render(&self) -> Vec<u8> {
        document::render(self)
    }
}

/// A container that runs once, at boot or at shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    /// Name, as in the spec.
    pub name: String,
    /// Directory of the OCI bundle in the host: `/containers/onboot/000-dhcp`.
    pub bundle: String,
    /// What a failure does to the boot.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What the failure of an onboot container does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The boot stops: nothing after it is started.
    #[default]
    Stop,
    /// A message, and the boot goes on (what LinuxKit does).
    Continue,
}

/// A container that runs as long as the host does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Name, unique in the host.
    pub name: String,
    /// Directory of the OCI bundle in the host: `/containers/services/web`.
    pub bundle: String,
    /// When it is started again.
    #[serde(default)]
    pub restart: Restart,
    /// Services that must be ready before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// When it counts as ready; as soon as it runs where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
}

/// When a service that ended is started again. Attempts back off from 100 ms to 30 s, and the delay
/// falls back after a minute of running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    No,
    /// After a non-zero exit status or a signal.
    #[default]
    OnFailure,
    /// Whenever it ends.
    Always,
}

/// How to find out that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ready {
    /// What is tried.
    pub probe: Probe,
    /// Between attempts, in milliseconds.
    pub interval_ms: u64,
    /// After this, in milliseconds, the service counts as failed.
    pub timeout_ms: u64,
}

/// One way to ask a service whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// A TCP connection to this port of 127.0.0.1, in the service's network namespace, succeeds.
    Tcp(u16),
    /// `GET` of this path at this port of 127.0.0.1 answers with a status of 200 to 399.
    Http {
        /// Port.
        port: u16,
        /// Path with query, beginning with `/`.
        path: String,
    },
    /// This path exists in the service's root.
    File(String),
    /// This command, run in the container, exits with 0.
    Exec(Vec<String>),
}

/// A named tree that containers bind. A writable one is an overlay of `lower` and a tmpfs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Is it mounted read-only?
    pub readonly: bool,
}
