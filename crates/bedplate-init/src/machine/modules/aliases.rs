//! `modules.alias`: patterns of what devices say of themselves, and the module for each.
//!
//! ```text
//! alias virtio:d00000001v* virtio_net
//! alias fs-overlay overlay
//! ```

/// The modules whose aliases match one of `wanted`, in the order of the file, each once.
pub fn modules_for(table: &str, wanted: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in table.lines() {
        let Some((pattern, module)) = line
            .strip_prefix("alias ")
            .and_then(|rest| rest.rsplit_once(' '))
        else {
            continue;
        };
        if wanted
            .iter()
            .any(|name| matches(pattern.as_bytes(), name.as_bytes()))
            && !found.iter().any(|known| known == module)
        {
            found.push(module.to_owned());
        }
    }
    found
}

/// fnmatch(3) without flags: `*`, `?` and `[…]`. `-` and `_` are the same in module names, and the kernel
/// asks for either.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut to) = (0, 0);
    // Where to go on if what follows the last `*` does not match.
    let mut again: Option<(usize, usize)> = None;
    while to < name.len() {
        match one(&pattern[at..], name[to]) {
            Match::Star => {
                again = Some((at + 1, to));
                at += 1;
            }
            Match::Yes(length) => {
                at += length;
                to += 1;
            }
            Match::No => match &mut again {
                Some((after, from)) => {
                    *from += 1;
                    (at, to) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

enum Match {
    /// The pattern goes on with a `*`.
    Star,
    /// Matched by so many bytes of the pattern.
    Yes(usize),
    No,
}

fn one(pattern: &[u8], byte: u8) -> Match {
    match pattern.first() {
        None => Match::No,
        Some(b'*') => Match::Star,
        Some(b'?') => Match::Yes(1),
        Some(b'[') => set(pattern, byte),
        Some(&expected) if same(expected, byte) => Match::Yes(1),
        Some(_) => Match::No,
    }
}

fn same(left: u8, right: u8) -> bool {
    let plain = |byte| if byte == b'-' { b'_' } else { byte };
    plain(left) == plain(right)
}

fn set(pattern: &[u8], byte: u8) -> Match {
    let Some(end) = pattern.iter().position(|&c| c == b']') else {
        return Match::No;
    };
    let (negated, members) = match &pattern[1..end] {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    let mut rest = members;
    while let Some(&first) = rest.first() {
        match rest {
            [low, b'-', high, ..] => {
                found |= (*low..=*high).contains(&byte);
                rest = &rest[3..];
            }
            _ => {
                found |= first == byte;
                rest = &rest[1..];
            }
        }
    }
    if found != negated {
        Match::Yes(end + 1)
    } else {
        Match::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("virtio:d00000001v*", "virtio:d00000001v00001AF4", true),
            ("virtio:d00000001v*", "virtio:d00000002v00001AF4", false),
            (
                "pci:v00008086d*sv*sd*bc02sc00i*",
                "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00",
                true,
            ),
            (
                "pci:v00008086d*sv*sd*bc02sc00i*",
                "pci:v00008086d0000100Esv00001AF4sd00001100bc03sc00i00",
                false,
            ),
            ("acpi*:PNP0C0[A-C]:*", "acpi:PNP0C0B:", true),
            ("acpi*:PNP0C0[!A-C]:*", "acpi:PNP0C0B:", false),
            ("x?z", "xyz", true),
            ("x?z", "xz", false),
            ("a*b*c", "a__b_b__c", true),
            ("net-pf-10", "net_pf_10", true),
            ("*", "", true),
            ("", "x", false),
            ("[", "[", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn each_module_is_named_once() {
        let table = "# comment\nalias fs-overlay overlay\nalias pci:v1* a\nalias pci:v1d* b\nalias pci:*d2 a\n";
        assert_eq!(modules_for(table, &["pci:v1d2".into()]), ["a", "b"]);
        assert_eq!(modules_for(table, &["fs-overlay".into()]), ["overlay"]);
    }
}
