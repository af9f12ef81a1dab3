//! `http:` and `https:` URLs (RFC 3986), without user and fragment.

use std::fmt;

/// Of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
}

/// Where something is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// How.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address has no brackets.
    pub host: String,
    /// The port, 80 or 443 if none is said.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub target: String,
}

/// A text that is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no URL such as `http://host/path` or `https://host:port/path`")]
pub struct BadUrl(pub String);

impl Url {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        Self::read(text).ok_or_else(|| BadUrl(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://")? {
            ("http", rest) => (Scheme::Http, rest),
            ("https", rest) => (Scheme::Https, rest),
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok()?,
            None if port.is_empty() => scheme.port(),
            None => return None,
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%~".contains(&byte);
        let visible = |byte: u8| byte.is_ascii_graphic();
        (!host.is_empty() && host.bytes().all(good) && target.bytes().all(visible)).then(|| Self {
            scheme,
            host: host.to_owned(),
            port,
            target: match target.starts_with('/') {
                true => target.to_owned(),
                false => format!("/{target}"),
            },
        })
    }

    /// The URL of `file`, which lies beside this one.
    pub fn beside(&self, file: &str) -> Self {
        let path = self.target.split('?').next().unwrap_or_default();
        let directory = path.rfind('/').map_or("", |slash| &path[..slash]);
        Self {
            target: format!("{directory}/{file}"),
            ..self.clone()
        }
    }

    /// The URL of the same file with this at the end of its name.
    pub fn with_ending(&self, ending: &str) -> Self {
        let (path, query) = self
            .target
            .split_at(self.target.find('?').unwrap_or(self.target.len()));
        Self {
            target: format!("{path}{ending}{query}"),
            ..self.clone()
        }
    }

    /// Where a redirection from here leads (RFC 9110, 10.2.2).
    pub fn join(&self, location: &str) -> Result<Self, BadUrl> {
        let location = location.split('#').next().unwrap_or_default();
        if location.contains("://") {
            return Self::parse(location);
        }
        let bad = || BadUrl(location.to_owned());
        if let Some(authority) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{authority}", self.scheme));
        }
        if location.is_empty() || !location.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad());
        }
        Ok(match location.strip_prefix('/') {
            Some(_) => Self {
                target: location.to_owned(),
                ..self.clone()
            },
            None => self.beside(location),
        })
    }

    /// What the field `Host` says.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port == self.scheme.port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn urls_read_back_as_they_were_written() {
        for text in [
            "http://example.org/a/b.json",
            "https://example.org:8443/",
            "http://[fe80::1%eth0]:81/a?b=c",
            "http://10.0.2.2/",
        ] {
            assert_eq!(url(text).to_string(), text);
        }
        assert_eq!(url("http://a").to_string(), "http://a/");
        assert_eq!(url("http://a?q#f").target, "/?q");
        assert_eq!((url("https://a").port, url("http://a:80/").port), (443, 80));
    }

    #[test]
    fn neighbours_and_redirections() {
        let here = url("http://a:81/d/web-image.json?x=1/2");
        assert_eq!(here.beside("web.img").to_string(), "http://a:81/d/web.img");
        let signatures = here.with_ending(".sig").to_string();
        assert_eq!(signatures, "http://a:81/d/web-image.json.sig?x=1/2");
        for (location, leads) in [
            ("/x", "http://a:81/x"),
            ("x?y", "http://a:81/d/x?y"),
            ("//b/x", "http://b/x"),
            ("https://b/x#y", "https://b/x"),
        ] {
            assert_eq!(here.join(location).unwrap().to_string(), leads);
        }
        for bad in ["", "a b", "ftp://a/", "http://"] {
            assert!(here.join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for bad in [
            "",
            "http:/a",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:x",
            "http://a:99999",
            "http://user@a/",
            "http://a/\r\nb",
            "http://[a",
            "http://[::1]x",
        ] {
            assert_eq!(Url::parse(bad), Err(BadUrl(bad.into())));
        }
    }
}
