//! Small languages inside values: binds, tmpfs, rlimits, capabilities, probes, namespaces.

use bedplate_boot::{Mount, Probe};

use super::kernel::{CAPABILITIES, LIMITS};

/// What is wrong with a value, and what to do: a clause and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong(pub String, pub Option<String>);

fn wrong<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(message.into(), Some(hint.into())))
}

/// `SOURCE:DESTINATION[:OPTIONS]`.
pub(crate) fn bind(text: &str) -> Result<Mount, Wrong> {
    const FORM: &str = "write `SOURCE:DESTINATION` or `SOURCE:DESTINATION:OPTIONS`";
    let parts: Vec<&str> = text.split(':').collect();
    let (source, destination, options) = match parts[..] {
        [source, destination] => (source, destination, vec!["rw", "rbind", "rshared"]),
        [source, destination, options] => (
            source,
            destination,
            options.split(',').chain(["rbind"]).collect(),
        ),
        [_] => return wrong(format!("the bind `{text}` has no `:`"), FORM),
        _ => return wrong(format!("the bind `{text}` has too many `:`"), FORM),
    };
    if source.is_empty() || destination.is_empty() {
        return wrong(format!("the bind `{text}` is empty on one side"), FORM);
    }
    Ok(mount(destination, "bind", source, options))
}

/// `DESTINATION[:OPTIONS]`.
pub(crate) fn tmpfs(text: &str) -> Result<Mount, Wrong> {
    match text.split(':').collect::<Vec<_>>()[..] {
        [destination] if !destination.is_empty() => {
            Ok(mount(destination, "tmpfs", "tmpfs", Vec::new()))
        }
        [destination, options] if !destination.is_empty() => Ok(mount(
            destination,
            "tmpfs",
            "tmpfs",
            options.split(',').collect(),
        )),
        _ => wrong(
            format!("the tmpfs `{text}` cannot be understood"),
            "write `DESTINATION` or `DESTINATION:OPTIONS`",
        ),
    }
}

fn mount(destination: &str, kind: &str, source: &str, options: Vec<&str>) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: options.into_iter().map(str::to_owned).collect(),
        ..Mount::default()
    }
}

/// A mount with the type, source and destination that follow from the others.
pub(crate) fn complete_mount(written: &Mount) -> Result<Mount, Wrong> {
    let mut mount = written.clone();
    if mount.kind.is_empty() {
        mount.kind = match (mount.source.as_str(), mount.destination.as_str()) {
            (source @ ("mqueue" | "devpts" | "proc" | "sysfs" | "cgroup"), _) => source.to_owned(),
            (_, "/dev") => "tmpfs".to_owned(),
            (_, "") => {
                return wrong(
                    "a mount has neither type nor destination",
                    "add `type:` and `destination:`",
                );
            }
            (_, destination) => {
                return wrong(
                    format!("the mount for `{destination}` has no type"),
                    "add `type:`",
                );
            }
        };
    }
    if mount.source.is_empty() {
        mount.source.clone_from(&mount.kind);
    }
    if mount.destination.is_empty() {
        mount.destination = match mount.kind.as_str() {
            "proc" => "/proc",
            "devpts" => "/dev/pts",
            "sysfs" => "/sys",
            "cgroup" => "/sys/fs/cgroup",
            "mqueue" => "/dev/mqueue",
            kind => {
                return wrong(
                    format!("the mount of type `{kind}` has no destination"),
                    "add `destination:`",
                );
            }
        }
        .to_owned();
    }
    Ok(mount)
}

/// `NAME,SOFT,HARD` to the OCI name and the two limits.
pub(crate) fn rlimit(text: &str) -> Result<(String, u64, u64), Wrong> {
    let [name, soft, hard] = text.split(',').map(str::trim).collect::<Vec<_>>()[..] else {
        return wrong(
            format!("the limit `{text}` cannot be understood"),
            "write `NAME,SOFT,HARD`, such as `nofile,1024,4096`",
        );
    };
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("RLIMIT_") {
        upper
    } else {
        format!("RLIMIT_{upper}")
    };
    if !LIMITS.contains(&full.as_str()) {
        let known: Vec<String> = LIMITS
            .iter()
            .map(|limit| limit["RLIMIT_".len()..].to_ascii_lowercase())
            .collect();
        return wrong(
            format!("unknown limit `{name}`"),
            format!("known limits: {}", known.join(", ")),
        );
    }
    let value = |text: &str| match text.to_ascii_lowercase().as_str() {
        "unlimited" => Ok(u64::MAX),
        digits => digits.parse().map_err(|_| {
            Wrong(
                format!("the limit `{text}` of `{name}` is not a number"),
                Some("write a number or `unlimited`".into()),
            )
        }),
    };
    Ok((full.clone(), value(soft)?, value(hard)?))
}

/// A list of capabilities with `all` and `none` written out.
pub(crate) fn capabilities(written: &[String]) -> Result<Vec<String>, Wrong> {
    if let [one] = written {
        match one.to_ascii_lowercase().as_str() {
            "none" => return Ok(Vec::new()),
            "all" => return Ok(CAPABILITIES.map(str::to_owned).to_vec()),
            _ => {}
        }
    }
    for name in written {
        if !CAPABILITIES.contains(&name.as_str()) {
            let message = format!("unknown capability `{name}`");
            let upper = name.to_ascii_uppercase();
            let prefixed = if upper.starts_with("CAP_") {
                upper.clone()
            } else {
                format!("CAP_{upper}")
            };
            return match crate::suggestions::nearest(&prefixed, CAPABILITIES) {
                _ if matches!(upper.as_str(), "ALL" | "NONE") => wrong(
                    message,
                    format!("`{name}` must be the only entry, without `.add`"),
                ),
                Some(near) => wrong(message, format!("did you mean `{near}`?")),
                None => wrong(
                    message,
                    "capabilities are written as in capabilities(7), `CAP_NET_ADMIN`",
                ),
            };
        }
    }
    Ok(written.to_vec())
}

/// What a namespace key says: the host's (`None`), a new one (`Some("")`), or the one at a path.
pub(crate) fn namespace<'a>(key: &str, text: &'a str) -> Result<Option<&'a str>, Wrong> {
    match text {
        "host" | "root" => Ok(None),
        "new" => Ok(Some("")),
        "none" if key == "net" => Ok(Some("")),
        path if path.starts_with('/') => Ok(Some(path)),
        other => {
            let none = if key == "net" { ", `none`" } else { "" };
            wrong(
                format!("`{key}` cannot be `{other}`"),
                format!("write `host`, `new`{none}, or an absolute path"),
            )
        }
    }
}

/// The `http:` probe: `http://127.0.0.1:PORT/PATH`, `:PORT/PATH` or `PORT/PATH`.
pub(crate) fn http_probe(text: &str) -> Result<Probe, Wrong> {
    const FORM: &str = "write `http://127.0.0.1:8080/health`, or `8080/health`";
    let rest = match text.split_once("://") {
        Some(("http", rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (host, port) = host.rsplit_once(':').unwrap_or((host, "80"));
            if !matches!(host, "127.0.0.1" | "localhost" | "") {
                return wrong(
                    format!(
                        "the probe `{text}` asks `{host}`; a service is asked at 127.0.0.1 only"
                    ),
                    FORM,
                );
            }
            format!("{port}{path}")
        }
        Some(_) => return wrong(format!("the probe `{text}` is not plain http"), FORM),
        None => text.strip_prefix(':').unwrap_or(text).to_owned(),
    };
    let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let printable = path.chars().all(|c| c.is_ascii_graphic());
    match port.parse() {
        Ok(port) if port > 0 && printable => Ok(Probe::Http {
            port,
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        }),
        _ => wrong(
            format!("the probe `{text}` has no port, or a path with blanks"),
            FORM,
        ),
    }
}

/// May this be the name of a container? It becomes a directory, and an id for the OCI runtime.
pub(crate) fn is_container_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.-+".contains(c);
    !name.is_empty() && name.len() <= 128 && name.chars().all(inner) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_default_to_shared_and_recursive() {
        assert_eq!(bind("/a:/b").unwrap().options, ["rw", "rbind", "rshared"]);
        assert_eq!(bind("/a:/b:ro").unwrap().options, ["ro", "rbind"]);
        for text in ["", "/a", ":/b", "/a:", "/a:/b:ro:x"] {
            assert!(bind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_named_in_errors() {
        assert_eq!(
            rlimit("nofile, 10 ,unlimited").unwrap(),
            ("RLIMIT_NOFILE".into(), 10, u64::MAX)
        );
        assert_eq!(
            rlimit("nofiles,1,2").unwrap_err().0,
            "unknown limit `nofiles`"
        );
        assert!(rlimit("cpu,1").is_err() && rlimit("cpu,x,1").is_err());
    }

    #[test]
    fn probes_ask_the_service_only() {
        let http = |port, path: &str| Probe::Http {
            port,
            path: path.into(),
        };
        assert_eq!(
            http_probe("http://127.0.0.1:8080/a?b").unwrap(),
            http(8080, "/a?b")
        );
        assert_eq!(http_probe("http://localhost").unwrap(), http(80, "/"));
        assert_eq!(http_probe(":81/x").unwrap(), http(81, "/x"));
        assert_eq!(http_probe("8080").unwrap(), http(8080, "/"));
        for text in [
            "",
            "/x",
            "http://example.test/",
            "https://127.0.0.1/",
            "0/x",
            "80/a b",
            "70000",
        ] {
            assert!(http_probe(text).is_err(), "{text}");
        }
    }

    #[test]
    fn namespaces_are_words_or_paths() {
        assert_eq!(namespace("net", "none"), Ok(Some("")));
        assert_eq!(namespace("net", "/run/netns/x"), Ok(Some("/run/netns/x")));
        assert_eq!(namespace("pid", "root"), Ok(None));
        assert!(namespace("pid", "none").is_err());
    }
}
