//! The bill of materials, as SPDX 2.3 JSON.
//!
//! The document's name space is a digest of what it says, and its time is the epoch: the same host
//! has the same document, byte for byte.

use bedplate_types::{Epoch, Package};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::assembly::Host;

/// Renders the document for a host called `name`.
pub(crate) fn render(name: &str, host: &Host, epoch: Epoch) -> String {
    let mut packages = Vec::new();
    let mut relationships = vec![relationship(
        "SPDXRef-DOCUMENT",
        "DESCRIBES",
        "SPDXRef-host",
    )];
    packages.push(json!({
        "SPDXID": "SPDXRef-host",
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    }));
    for (number, (image, contained)) in host.packages.iter().enumerate() {
        let id = format!("SPDXRef-image-{number}");
        relationships.push(relationship("SPDXRef-host", "CONTAINS", &id));
        packages.push(json!({
            "SPDXID": id,
            "name": image,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "primaryPackagePurpose": "CONTAINER",
        }));
        for (index, package) in contained.iter().enumerate() {
            let package_id = format!("{id}-package-{index}");
            relationships.push(relationship(&id, "CONTAINS", &package_id));
            packages.push(describe(package, &package_id));
        }
    }
    let body = json!({"packages": packages, "relationships": relationships});
    let namespace = hex(&Sha256::digest(format!("{name}\n{body}")));
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("urn:sha256:{namespace}"),
        "creationInfo": {
            "created": timestamp(epoch),
            "creators": [format!("Tool: bedplate-{}", env!("CARGO_PKG_VERSION"))],
        },
        "packages": body["packages"],
        "relationships": body["relationships"],
    });
    serde_json::to_string_pretty(&document).expect("a JSON value is plain data") + "\n"
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

fn describe(package: &Package, id: &str) -> Value {
    let distribution = package
        .distribution
        .as_deref()
        .unwrap_or(match package.system.as_str() {
            "apk" => "alpine",
            _ => "debian",
        });
    let purl = format!(
        "pkg:{}/{distribution}/{}@{}?arch={}",
        package.system,
        percent_encoded(&package.name),
        percent_encoded(&package.version),
        package.arch
    );
    let mut value = json!({
        "SPDXID": id,
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }],
    });
    if let Some(license) = &package.license {
        value["licenseComments"] = json!(license);
    }
    if let Some(sha256) = &package.sha256 {
        value["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": sha256}]);
    }
    value
}

/// As a package URL has names and versions: `libstdc++6` is `libstdc%2B%2B6`.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ` (days to civil date as in Howard Hinnant's
/// `civil_from_days`).
pub(crate) fn timestamp(Epoch(seconds): Epoch) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_date_would_print_them() {
        assert_eq!(timestamp(Epoch(0)), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(Epoch(951_827_696)), "2000-02-29T12:34:56Z");
        assert_eq!(timestamp(Epoch(1_492_533_000)), "2017-04-18T16:30:00Z");
        assert_eq!(timestamp(Epoch(4_107_542_399)), "2100-02-28T23:59:59Z");
    }
}
