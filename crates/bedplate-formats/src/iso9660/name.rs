//! Names of files, directories and volumes.

/// Longest name of a file without its dot and version, of a directory in all (ECMA-119, 7.5.1, 7.6.3).
const LONGEST: usize = 30;
const LONGEST_LABEL: usize = 32;

/// Which rules a name follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    File,
    Directory,
}

/// The name as it stands on the volume, if reading gives `name` back.
pub(super) fn written(name: &[u8], of: Of) -> Option<Vec<u8>> {
    let good = |part: &[u8]| {
        let mut bytes = part.iter();
        bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    let mut parts = name.split(|&byte| byte == b'.');
    let (stem, extension) = (parts.next()?, parts.next());
    let dots = usize::from(extension.is_some());
    if stem.is_empty() || parts.next().is_some() || name.len() - dots > LONGEST {
        return None;
    }
    if !good(stem) || !extension.is_none_or(|part| good(part) && !part.is_empty()) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    match (of, extension) {
        (Of::Directory, Some(_)) => None,
        (Of::Directory, None) => Some(upper),
        (Of::File, Some(_)) => Some([&upper[..], b";1"].concat()),
        (Of::File, None) => Some([&upper[..], b".;1"].concat()),
    }
}

/// The label of a volume that is called after `name`: what a label cannot have becomes `_`, and what
/// is too long is cut off.
pub fn label(name: &str) -> String {
    let letter = |c: char| match c.to_ascii_uppercase() {
        upper if is_label_letter(upper) => upper,
        _ => '_',
    };
    name.chars().take(LONGEST_LABEL).map(letter).collect()
}

pub(super) fn is_label(text: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&text.len()) && text.chars().all(is_label_letter)
}

fn is_label_letter(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_come_back_are_written() {
        let file = |name: &str| written(name.as_bytes(), Of::File).map(String::from_utf8);
        assert_eq!(file("root.img"), Some(Ok("ROOT.IMG;1".to_owned())));
        assert_eq!(file("kernel"), Some(Ok("KERNEL.;1".to_owned())));
        for bad in ["", ".x", "x.", "a.b.c", "README", "a-b", "ä"] {
            assert_eq!(file(bad), None, "{bad}");
        }
        let long = "x".repeat(30);
        assert!(file(&long).is_some() && file(&format!("{long}y")).is_none());
        assert_eq!(written(b"a.d", Of::Directory), None);
        assert_eq!(written(b"boot", Of::Directory), Some(b"BOOT".to_vec()));
    }

    #[test]
    fn any_name_makes_a_label() {
        assert_eq!(label("web-1.example"), "WEB_1_EXAMPLE");
        assert_eq!(label(&"x".repeat(40)), "X".repeat(32));
        assert!(is_label("WEB_1") && !is_label("web") && !is_label(""));
    }
}
