//! Services of clouds: where each keeps name, keys and user data.
//!
//! | cloud | asked for | told apart by (DMI) |
//! |---|---|---|
//! | AWS (IMDSv2) | a token, then `latest/meta-data/…`, `latest/user-data` | vendor `Amazon EC2` |
//! | Google | `computeMetadata/v1/…`, with `Metadata-Flavor` both ways | product `Google Compute Engine` |
//! | Azure | `metadata/instance`, JSON | chassis tag `7783-7084-3265-9085-8269-3286-77` |
//! | OpenStack | `openstack/latest/…` | product `OpenStack …` |
//! | Hetzner | `hetzner/v1/…` | vendor `Hetzner` |
//! | DigitalOcean | `metadata/v1.json` | vendor `DigitalOcean` |

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Metadata;
use super::http::Client;
use crate::Result;
use crate::error::Error;

/// Where all of them are.
pub const BASE: &str = "http://169.254.169.254";

/// A cloud's service.
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Asks it.
    pub ask: fn(&Client) -> Result<Metadata>,
    /// The file of DMI that tells its machines, and what that file begins with.
    told_by: (&'static str, &'static str),
}

const SERVICES: &[Service] = &[
    Service {
        name: "aws",
        ask: aws,
        told_by: ("sys_vendor", "Amazon EC2"),
    },
    Service {
        name: "gcp",
        ask: gcp,
        told_by: ("product_name", "Google Compute Engine"),
    },
    Service {
        name: "azure",
        ask: azure,
        told_by: ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"),
    },
    Service {
        name: "openstack",
        ask: openstack,
        told_by: ("product_name", "OpenStack"),
    },
    Service {
        name: "hetzner",
        ask: hetzner,
        told_by: ("sys_vendor", "Hetzner"),
    },
    Service {
        name: "digitalocean",
        ask: digitalocean,
        told_by: ("sys_vendor", "DigitalOcean"),
    },
];

/// The service of the cloud that this machine is in, by its firmware.
pub fn of_machine(sys: &Path) -> Option<&'static Service> {
    SERVICES.iter().find(|service| {
        let (file, start) = service.told_by;
        let text = fs::read_to_string(sys.join("class/dmi/id").join(file));
        text.is_ok_and(|text| text.starts_with(start))
    })
}

/// The service of this name.
pub fn named(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// All names.
pub fn names() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).collect()
}

fn aws(client: &Client) -> Result<Metadata> {
    let lifetime = ("X-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = client.put("/latest/api/token", &[lifetime])?;
    let token = text(token).unwrap_or_default();
    let headers = [("X-aws-ec2-metadata-token", token.trim())];
    let get = |path: &str| client.get(path, &headers);
    let mut keys = Vec::new();
    // `0=NAME`, one a line.
    let list = text(get("/latest/meta-data/public-keys/")?).unwrap_or_default();
    for (number, _) in list.lines().filter_map(|line| line.split_once('=')) {
        if number.bytes().all(|byte| byte.is_ascii_digit()) {
            let path = format!("/latest/meta-data/public-keys/{number}/openssh-key");
            keys.extend(text(get(&path)?));
        }
    }
    Ok(Metadata {
        hostname: text(get("/latest/meta-data/local-hostname")?),
        keys,
        userdata: get("/latest/user-data")?,
    })
}

fn gcp(client: &Client) -> Result<Metadata> {
    let get = |path: &str| {
        let path = format!("/computeMetadata/v1/{path}");
        client.get(&path, &[("Metadata-Flavor", "Google")])
    };
    let mut lines = text(get("instance/attributes/ssh-keys")?).unwrap_or_default();
    let blocked = text(get("instance/attributes/block-project-ssh-keys")?);
    if !blocked.is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
        lines.push('\n');
        lines += &text(get("project/attributes/ssh-keys")?).unwrap_or_default();
    }
    let userdata = match get("instance/attributes/user-data")? {
        None => get("instance/attributes/userdata")?,
        found => found,
    };
    Ok(Metadata {
        hostname: text(get("instance/hostname")?),
        // `USER:KEY`, one a line.
        keys: lines
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.1.to_owned()))
            .collect(),
        userdata,
    })
}

fn azure(client: &Client) -> Result<Metadata> {
    let path = "/metadata/instance?api-version=2021-02-01";
    let json = client.get(path, &[("Metadata", "true")])?;
    json.as_deref()
        .and_then(azure_metadata)
        .ok_or_else(|| not_json(path))
}

fn azure_metadata(json: &[u8]) -> Option<Metadata> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let compute = value.get("compute")?;
    let own = compute
        .pointer("/osProfile/computerName")
        .and_then(Value::as_str);
    let name = own
        .filter(|name| !name.is_empty())
        .or(compute.get("name").and_then(Value::as_str));
    let entries = compute.get("publicKeys").and_then(Value::as_array);
    let keys = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("keyData"));
    let userdata = compute.get("userData").and_then(Value::as_str);
    Some(Metadata {
        hostname: name.map(str::to_owned),
        keys: keys.filter_map(Value::as_str).map(str::to_owned).collect(),
        userdata: userdata.and_then(|text| STANDARD.decode(text).ok()),
    })
}

fn openstack(client: &Client) -> Result<Metadata> {
    let path = "/openstack/latest/meta_data.json";
    let json = client.get(path, &[])?;
    let metadata = json
        .as_deref()
        .and_then(openstack_metadata)
        .ok_or_else(|| not_json(path))?;
    let userdata = client.get("/openstack/latest/user_data", &[])?;
    Ok(Metadata {
        userdata,
        ..metadata
    })
}

/// `meta_data.json`, of the service or of a config drive.
pub fn openstack_metadata(json: &[u8]) -> Option<Metadata> {
    let value: Value = serde_json::from_slice(json).ok().filter(Value::is_object)?;
    let name = value.get("hostname").or(value.get("name"));
    Some(Metadata {
        hostname: name.and_then(Value::as_str).map(str::to_owned),
        keys: keys(value.get("public_keys")),
        userdata: None,
    })
}

fn hetzner(client: &Client) -> Result<Metadata> {
    let list = client
        .get("/hetzner/v1/metadata/public-keys", &[])?
        .unwrap_or_default();
    Ok(Metadata {
        hostname: text(client.get("/hetzner/v1/metadata/hostname", &[])?),
        keys: keys(serde_json::from_slice(&list).ok().as_ref()),
        userdata: client.get("/hetzner/v1/userdata", &[])?,
    })
}

fn digitalocean(client: &Client) -> Result<Metadata> {
    let path = "/metadata/v1.json";
    let json = client.get(path, &[])?;
    json.as_deref()
        .and_then(digitalocean_metadata)
        .ok_or_else(|| not_json(path))
}

fn digitalocean_metadata(json: &[u8]) -> Option<Metadata> {
    let value: Value = serde_json::from_slice(json).ok().filter(Value::is_object)?;
    let get = |key: &str| value.get(key).and_then(Value::as_str);
    Some(Metadata {
        hostname: get("hostname").map(str::to_owned),
        keys: keys(value.get("public_keys")),
        userdata: get("user_data").map(|text| text.as_bytes().to_vec()),
    })
}

/// Keys that are a list of texts, or the values of a map.
pub fn keys(value: Option<&Value>) -> Vec<String> {
    let texts: Vec<&Value> = match value {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(Value::Object(map)) => map.values().collect(),
        _ => Vec::new(),
    };
    texts
        .into_iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(bytes?).ok()
}

fn not_json(path: &str) -> Error {
    Error::refused(
        format!("the service's answer for {path} is not as it should be"),
        "",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cloud_is_known_by_its_firmware() {
        let sys = tempfile::tempdir().unwrap();
        let dmi = sys.path().join("class/dmi/id");
        fs::create_dir_all(&dmi).unwrap();
        let found = || of_machine(sys.path()).map(|service| service.name);
        assert_eq!(found(), None);
        fs::write(dmi.join("sys_vendor"), "QEMU\n").unwrap();
        assert_eq!(found(), None);
        fs::write(dmi.join("product_name"), "OpenStack Nova\n").unwrap();
        assert_eq!(found(), Some("openstack"));
        fs::write(dmi.join("sys_vendor"), "Amazon EC2\n").unwrap();
        assert_eq!(found(), Some("aws"));
    }

    proptest! {
        #[test]
        fn any_json_is_answered(
            key in "hostname|public_keys|compute|name|user_data",
            inner in "publicKeys|userData|osProfile|name|x",
            value in prop_oneof![Just("1"), Just("\"x\""), Just("[]"), Just("{}"), Just("null"), Just("[[{}]]")],
            bytes in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            for json in [format!("{{\"{key}\": {value}}}"), format!("{{\"{key}\": {{\"{inner}\": {value}}}}}")] {
                for read in [azure_metadata, openstack_metadata, digitalocean_metadata] {
                    let _ = read(json.as_bytes());
                    let _ = read(&bytes);
                }
            }
        }
    }
}
