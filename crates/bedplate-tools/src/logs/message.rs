//! Messages of syslog (RFC 5424).
//!
//! ```text
//! <30>1 2026-11-21T03:33:06.123Z HOST NAME - - - LINE          30: facility daemon, severity informational
//! ```

/// Longest text of a message, in bytes.
const LONGEST: usize = 8192;

/// A line of the log of container `name` as a message. What stands before the first blank is its time, if it is one.
pub fn render(hostname: &str, name: &str, line: &str) -> String {
    let (time, text) = match line.split_once(' ') {
        Some((time, text)) if is_time(time) => (time, text),
        _ => ("-", line),
    };
    let end = text.floor_char_boundary(LONGEST);
    let hostname = field(hostname, 255);
    let name = field(name, 48);
    format!("<30>1 {time} {hostname} {name} - - - {}", &text[..end])
}

/// A field has visible ASCII only, and `-` where it has nothing.
fn field(text: &str, longest: usize) -> String {
    let visible = text.chars().filter(char::is_ascii_graphic).take(longest);
    let text: String = visible.collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// `2026-11-21T03:33:06.123Z`, with six digits of a second at most.
fn is_time(text: &str) -> bool {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    let Some(rest) = text
        .get(shape.len()..)
        .and_then(|rest| rest.strip_suffix('Z'))
    else {
        return false;
    };
    let fraction = rest.strip_prefix('.');
    bytes.iter().zip(shape).all(fits)
        && (rest.is_empty()
            || fraction.is_some_and(|digits| {
                (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_becomes_a_message_with_its_time() {
        assert_eq!(
            render(
                "web-1",
                "onboot.000-net",
                "2026-11-21T03:33:06.123Z it is up"
            ),
            "<30>1 2026-11-21T03:33:06.123Z web-1 onboot.000-net - - - it is up"
        );
        assert_eq!(render("", "a b", "no time"), "<30>1 - - ab - - - no time");
        assert_eq!(
            render("h", "n", "2026-11-21T03:33:06Z x"),
            "<30>1 2026-11-21T03:33:06Z h n - - - x"
        );
        for not in [
            "2026-11-21T03:33:06.Z",
            "2026-11-21T03:33:06.1234567Z",
            "2026-11-21",
            "2026/11/21T03:33:06Z",
        ] {
            assert!(!is_time(not), "{not}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_one_message(host in any::<String>(), name in any::<String>(), line in any::<String>()) {
            let message = render(&host, &name, &line);
            prop_assert!(message.starts_with("<30>1 "));
            let fields: Vec<&str> = message.splitn(8, ' ').collect();
            prop_assert_eq!(fields.len(), 8);
            prop_assert!(fields[1..7].iter().all(|field| !field.is_empty()));
        }
    }
}
