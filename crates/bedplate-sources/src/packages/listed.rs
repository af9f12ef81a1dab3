//! What `apt-get --print-uris` lists: `'URI' FILE SIZE SHA256:HEX`, one package a line.

use bedplate_spec::lock::LockedPackage;
use bedplate_types::{Blob, Digest};

use super::archives::Archives;
use crate::error::{ErrorKind, SourceError};

/// A package file that is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) arch: String,
    /// `NAME_VERSION_ARCH.deb`, a colon in the version as `%3a`.
    pub(crate) file: String,
    pub(crate) size: u64,
    pub(crate) digest: Digest<Blob>,
    /// Where it is to be had.
    pub(crate) uri: String,
}

impl Listed {
    /// As a lock has it.
    pub(crate) fn lock(&self, archives: &Archives) -> LockedPackage {
        let (suite, path) = archives.locate(&self.uri);
        LockedPackage {
            name: self.name.clone(),
            version: self.version.clone(),
            arch: self.arch.clone(),
            suite,
            path,
            size: self.size,
            sha256: self.digest,
        }
    }

    /// What a lock has, at the mirror of today.
    pub(crate) fn locked(
        package: &LockedPackage,
        archives: &Archives,
    ) -> Result<Self, SourceError> {
        let LockedPackage {
            name,
            version,
            arch,
            suite,
            path,
            size,
            sha256,
        } = package.clone();
        let file = format!("{name}_{}_{arch}.deb", version.replace(':', "%3a"));
        let is_plain = |text: &str| !text.contains(['/', '\'', '"', ' ', '\n']);
        if !is_plain(&file) || path.split('/').any(|part| part == "..") || path.contains(' ') {
            let message = format!("the lock names a package in an unknown form: {name} {version}");
            return Err(SourceError::bad(message));
        }
        let uri = archives.uri(&suite, &path).ok_or_else(|| {
            let message = format!("no mirror is known for suite {suite}, which {name} is from");
            SourceError::new(ErrorKind::NotFound, message)
        })?;
        Ok(Self {
            name,
            version,
            arch,
            file,
            size,
            digest: sha256,
            uri,
        })
    }
}

/// Parses all lines that list a package.
pub(crate) fn parse(text: &str) -> Result<Vec<Listed>, SourceError> {
    text.lines()
        .filter(|line| line.starts_with('\''))
        .map(parse_line)
        .collect()
}

fn parse_line(line: &str) -> Result<Listed, SourceError> {
    let malformed = || {
        SourceError::bad(format!(
            "apt-get lists a package in an unknown form: {line}"
        ))
    };
    let (uri, rest) = line[1..].split_once("' ").ok_or_else(malformed)?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let [file, size, hash, ..] = fields[..] else {
        return Err(malformed());
    };
    let parts: Vec<&str> = file
        .strip_suffix(".deb")
        .ok_or_else(malformed)?
        .split('_')
        .collect();
    let [name, version, arch] = parts[..] else {
        return Err(malformed());
    };
    let hex = hash.strip_prefix("SHA256:").ok_or_else(|| {
        SourceError::bad(format!(
            "package {name} has no SHA-256 digest in the package lists"
        ))
    })?;
    Ok(Listed {
        name: name.to_owned(),
        version: version.replace("%3a", ":"),
        arch: arch.to_owned(),
        file: file.to_owned(),
        size: size.parse().map_err(|_| malformed())?,
        digest: format!("sha256:{hex}").parse().map_err(|_| malformed())?,
        uri: uri.to_owned(),
    })
}

/// Refuses what is not a package name, perhaps with `=VERSION`: apt gives other characters, and a
/// trailing `-`, meanings of their own.
pub(crate) fn check_names(names: &[String]) -> Result<(), SourceError> {
    if names.is_empty() {
        return Err(SourceError::bad("no package is named"));
    }
    check_each(names)
}

/// The same for names that may be none.
pub(crate) fn check_each(names: &[String]) -> Result<(), SourceError> {
    for name in names {
        let (plain, version) = name.split_once('=').unwrap_or((name, "0"));
        let name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        let version_byte = |b: u8| b.is_ascii_alphanumeric() || b"+-.~:".contains(&b);
        let good_name = plain.len() > 1
            && plain.as_bytes()[0].is_ascii_alphanumeric()
            && !plain.ends_with('-')
            && plain.bytes().all(name_byte);
        if !good_name || version.is_empty() || !version.bytes().all(version_byte) {
            return Err(
                SourceError::bad(format!("`{name}` is not the name of a package"))
                    .with_hint("write `name` or `name=version`"),
            );
        }
    }
    Ok(())
}

/// The name without `=VERSION`.
pub(crate) fn plain_name(name: &str) -> &str {
    name.split_once('=').map_or(name, |(plain, _)| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_apt_are_understood() {
        let hex = "ab".repeat(32);
        let text = format!(
            "Reading package lists...\n'http://mirror.test/pool/main/p/perl/perl_5.36.0-7_amd64.deb' perl_1%3a5.36.0-7_amd64.deb 1234 SHA256:{hex}\n"
        );
        let listed = parse(&text).unwrap();
        assert_eq!(listed.len(), 1);
        let perl = &listed[0];
        assert_eq!(
            (
                perl.name.as_str(),
                perl.version.as_str(),
                perl.arch.as_str()
            ),
            ("perl", "1:5.36.0-7", "amd64")
        );
        assert_eq!((perl.size, perl.digest.hex()), (1234, hex));
        for bad in [
            "'x",
            "'u' a_1_amd64.deb 12 MD5Sum:00",
            "'u' a.deb 1 SHA256:00",
            "'u' a_1_amd64.deb",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_names_are_given_to_apt() {
        let check = |name: &str| check_names(&[name.to_owned()]);
        for good in [
            "curl",
            "g++",
            "libc6",
            "linux-image-cloud-amd64",
            "curl=7.88.1-10+deb12u12",
            "0ad",
        ] {
            check(good).unwrap();
        }
        for bad in [
            "",
            "a",
            "-y",
            "curl-",
            "Curl",
            "curl=",
            "curl;true",
            "curl *",
            "a/b",
            "../x",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check_names(&[]).is_err());
    }
}
