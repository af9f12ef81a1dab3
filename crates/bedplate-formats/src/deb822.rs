//! Paragraphs of fields, as Debian writes its control files (deb822(5)).
//!
//! ```text
//! Package: busybox-static
//! Description: first line
//!  a continued line begins with a blank
//!
//! Package: the next paragraph, after an empty line
//! ```

use bedplate_types::Package;

/// Fields in the order in which they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph {
    /// Names as written, and values without the blanks around them. The lines of a value that was
    /// continued are joined by newlines; each keeps its beginning but for the first blank.
    pub fields: Vec<(String, String)>,
}

/// Why a text is not of paragraphs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deb822Error {
    /// A line without a colon.
    #[error("line {line} is no field: it has no colon")]
    NoColon {
        /// Counted from 1.
        line: usize,
    },
    /// A line that begins with a blank where there is nothing to continue.
    #[error("line {line} continues a field, but there is none before it")]
    NothingToContinue {
        /// Counted from 1.
        line: usize,
    },
    /// The same field twice in one paragraph.
    #[error("line {line} repeats the field `{field}`")]
    Repeated {
        /// Counted from 1.
        line: usize,
        /// Its name.
        field: String,
    },
}

impl Paragraph {
    /// The value of a field, by name without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self
            .fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }

    /// The Debian package that this paragraph describes, if it has the fields for it.
    pub fn package(&self) -> Option<Package> {
        let field = |name| self.get(name).map(str::to_owned);
        Some(Package {
            system: "deb".to_owned(),
            distribution: None,
            name: field("Package")?,
            version: field("Version")?,
            arch: field("Architecture")?,
            license: None,
            sha256: field("SHA256"),
        })
    }

    /// Is the package installed? True also where nothing is said of it, as in `status.d` files.
    fn is_installed(&self) -> bool {
        self.get("Status")
            .is_none_or(|status| status.split_whitespace().last() == Some("installed"))
    }

    fn push(&mut self, line: usize, text: &str) -> Result<(), Deb822Error> {
        let (name, value) = text.split_once(':').ok_or(Deb822Error::NoColon { line })?;
        if self.get(name).is_some() {
            return Err(Deb822Error::Repeated {
                line,
                field: name.to_owned(),
            });
        }
        self.fields
            .push((name.trim_end().to_owned(), value.trim().to_owned()));
        Ok(())
    }
}

/// Reads paragraphs. Lines that begin with `#` are comments.
pub fn parse(text: &str) -> Result<Vec<Paragraph>, Deb822Error> {
    let mut paragraphs = Vec::new();
    let mut current = Paragraph::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !current.fields.is_empty() {
                paragraphs.push(std::mem::take(&mut current));
            }
        } else if let Some(rest) = line.strip_prefix([' ', '\t']) {
            let last = current
                .fields
                .last_mut()
                .ok_or(Deb822Error::NothingToContinue { line: number })?;
            last.1.push('\n');
            last.1.push_str(rest.trim_end());
        } else {
            current.push(number, line)?;
        }
    }
    if !current.fields.is_empty() {
        paragraphs.push(current);
    }
    Ok(paragraphs)
}

/// The installed packages of `/var/lib/dpkg/status`, or of one file of `/var/lib/dpkg/status.d`.
pub fn installed(text: &str) -> Result<Vec<Package>, Deb822Error> {
    let paragraphs = parse(text)?;
    Ok(paragraphs
        .iter()
        .filter(|paragraph| paragraph.is_installed())
        .filter_map(Paragraph::package)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Description: GNU C Library
 Contains the standard libraries.
 .
  Indented.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

# a comment
package: distroless
version: 2
architecture: all
";

    #[test]
    fn only_what_is_installed_counts() {
        let names: Vec<String> = installed(STATUS)
            .unwrap()
            .into_iter()
            .map(|package| package.name)
            .collect();
        assert_eq!(names, ["libc6", "distroless"]);
    }

    #[test]
    fn continued_lines_belong_to_their_field() {
        let paragraphs = parse(STATUS).unwrap();
        let description = "GNU C Library\nContains the standard libraries.\n.\n Indented.";
        assert_eq!(paragraphs[0].get("description"), Some(description));
    }

    #[test]
    fn malformed_lines_are_named() {
        assert_eq!(parse("A: 1\nB"), Err(Deb822Error::NoColon { line: 2 }));
        assert_eq!(
            parse("\n x"),
            Err(Deb822Error::NothingToContinue { line: 2 })
        );
        assert!(matches!(
            parse("A: 1\na: 2"),
            Err(Deb822Error::Repeated { line: 2, .. })
        ));
    }
}
