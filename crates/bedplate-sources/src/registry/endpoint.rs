//! Where a registry is asked: mirrors, and the registry itself.

use std::net::IpAddr;

use bedplate_types::RegistryRef;

use crate::error::SourceError;

/// A host that serves a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host and optional port.
    pub(crate) host: String,
    /// The repository there.
    pub(crate) repository: String,
    /// HTTP without TLS; only to this machine.
    pub(crate) plain: bool,
}

impl Endpoint {
    /// Mirrors of the reference's registry in order, and at last the registry.
    pub(crate) fn all(
        reference: &RegistryRef,
        mirrors: &[(String, String)],
    ) -> Result<Vec<Self>, SourceError> {
        let RegistryRef {
            registry,
            repository,
            ..
        } = reference;
        let names = |mirrored: &str| {
            mirrored == registry || (mirrored.is_empty() && registry == "docker.io")
        };
        let serving = mirrors.iter().filter(|(mirrored, _)| names(mirrored));
        let mut endpoints: Vec<Self> = serving
            .map(|(_, url)| Self::of_mirror(url, repository))
            .collect::<Result<_, _>>()?;
        let plain = is_loopback(registry);
        endpoints.push(Self {
            host: registry.clone(),
            repository: repository.clone(),
            plain,
        });
        Ok(endpoints)
    }

    fn of_mirror(url: &str, repository: &str) -> Result<Self, SourceError> {
        let bad = |why: &str| {
            SourceError::bad(format!("mirror `{url}` {why}"))
                .with_hint("write `https://HOST[:PORT]`")
        };
        let (plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ if !url.contains("://") => (is_loopback(url), url),
            _ => return Err(bad("is neither HTTPS nor HTTP")),
        };
        let (host, prefix) = rest
            .trim_end_matches('/')
            .split_once('/')
            .unwrap_or((rest.trim_end_matches('/'), ""));
        if host.is_empty()
            || !host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-:[]".contains(&b))
        {
            return Err(bad("names no host"));
        }
        if plain && !is_loopback(host) {
            return Err(bad("is plain HTTP, which is only for this machine itself"));
        }
        let repository = if prefix.is_empty() {
            repository.to_owned()
        } else {
            format!("{prefix}/{repository}")
        };
        Ok(Self {
            host: host.to_owned(),
            repository,
            plain,
        })
    }
}

/// Is `host[:port]` this machine?
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(reference: &str, mirrors: &[(&str, &str)]) -> Result<Vec<String>, SourceError> {
        let bedplate_types::Reference::Registry(reference) = reference.parse().unwrap() else {
            panic!()
        };
        let mirrors: Vec<_> = mirrors
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let show = |e: &Endpoint| {
            format!(
                "{}://{} {}",
                if e.plain { "http" } else { "https" },
                e.host,
                e.repository
            )
        };
        Endpoint::all(&reference, &mirrors).map(|all| all.iter().map(show).collect())
    }

    #[test]
    fn mirrors_come_before_the_registry_that_they_mirror() {
        let mirrors = [
            ("docker.io", "https://m.test/hub/"),
            ("x.test", "https://y.test"),
            ("", "http://localhost:5000"),
        ];
        assert_eq!(
            endpoints("alpine", &mirrors).unwrap(),
            [
                "https://m.test hub/library/alpine",
                "http://localhost:5000 library/alpine",
                "https://docker.io library/alpine"
            ]
        );
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        assert_eq!(
            endpoints("127.0.0.1:5000/web", &[]).unwrap(),
            ["http://127.0.0.1:5000 web"]
        );
        assert_eq!(
            endpoints("10.0.0.1:5000/web", &[]).unwrap(),
            ["https://10.0.0.1:5000 web"]
        );
        assert!(
            is_loopback("[::1]:5000") && is_loopback("localhost") && !is_loopback("localhost.test")
        );
        for bad in ["http://m.test", "ftp://m.test", "https://", "https://a b"] {
            assert!(endpoints("alpine", &[("docker.io", bad)]).is_err(), "{bad}");
        }
    }
}
