//! Single values by kind: text, flags, integers, permissions, times, words.
//!
//! Plain `0666` is octal, as YAML 1.1 and so LinuxKit reads it.

use serde_json::Value;

use crate::language::Kind;
use crate::suggestions::nearest;

/// What is wrong with a value: the rest of a sentence that its name begins.
pub(crate) struct Wrong {
    pub message: String,
    pub hint: Option<String>,
}

impl Wrong {
    fn new(kind: &Kind, text: &str) -> Self {
        let shown: String = text.chars().take(60).collect();
        Self {
            message: format!("must be {}, but this is `{shown}`", describe(kind)),
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Is a value of this kind a single one?
pub(crate) fn is_scalar(kind: &Kind) -> bool {
    match kind {
        Kind::Text
        | Kind::Flag
        | Kind::Integer(..)
        | Kind::Mode
        | Kind::Id
        | Kind::Duration
        | Kind::Choice(_) => true,
        Kind::TextMap | Kind::List(_) | Kind::Map(_) | Kind::Maps(_) | Kind::Any(_) => false,
    }
}

/// The kind with its article.
pub(crate) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Integer(low, high) => match (*low, *high) {
            (0, high) if high == i128::from(u64::MAX) => "a number from 0".to_owned(),
            (low, _) if low == i128::from(i64::MIN) => "a number".to_owned(),
            (low, high) => format!("a number from {low} to {high}"),
        },
        Kind::Mode => "permissions in octal, such as `0644`".to_owned(),
        Kind::Id => "a number, or the name of a container".to_owned(),
        Kind::Duration => "a time such as `500ms`, `10s` or `2m`".to_owned(),
        Kind::Choice(words) => {
            let words: Vec<String> = words
                .iter()
                .filter(|word| !word.is_empty())
                .map(|word| format!("`{word}`"))
                .collect();
            match words.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                None => "empty".to_owned(),
            }
        }
        Kind::TextMap => "a map of texts".to_owned(),
        Kind::List(item) => match item {
            Kind::Text => "a list of texts".to_owned(),
            _ => "a list".to_owned(),
        },
        Kind::Map(_) => "a map".to_owned(),
        Kind::Maps(_) => "a list of maps".to_owned(),
        Kind::Any(kinds) => kinds.iter().map(describe).collect::<Vec<_>>().join(", or "),
    }
}

/// The value of a single one; `plain` is "not quoted".
pub(crate) fn read(kind: &Kind, text: &str, plain: bool) -> Result<Value, Wrong> {
    let wrong = || Wrong::new(kind, text);
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Flag => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Value::Bool(true)),
            "false" | "no" | "off" | "n" => Ok(Value::Bool(false)),
            _ => Err(wrong()),
        },
        Kind::Integer(low, high) => {
            let number = integer(text)
                .filter(|number| (low..=high).contains(&number))
                .ok_or_else(wrong)?;
            Ok(number_value(number))
        }
        Kind::Mode => {
            let digits = text.strip_prefix("0o").unwrap_or(text);
            let octal = |c: char| c.is_digit(8);
            let mode = u32::from_str_radix(digits, 8)
                .ok()
                .filter(|mode| *mode <= 0o7777);
            let mode = mode.filter(|_| digits.chars().all(octal)).ok_or_else(|| {
                wrong().hint("write three or four digits from 0 to 7, as for chmod")
            })?;
            Ok(Value::String(format!("{mode:04o}")))
        }
        Kind::Id => match integer(text).filter(|_| plain) {
            Some(number) => u32::try_from(number).map(Value::from).map_err(|_| wrong()),
            None if text.is_empty() => Ok(Value::from(0)),
            None => Ok(Value::String(text.to_owned())),
        },
        Kind::Duration => duration(text).map(Value::from).ok_or_else(wrong),
        Kind::Choice(words) => {
            // A plain `no` is a word here, and `false` cannot be told from it in other tools.
            let text = if plain && text == "false" && words.contains(&"no") {
                "no"
            } else {
                text
            };
            if words.contains(&text) {
                return Ok(Value::String(text.to_owned()));
            }
            Err(match nearest(text, words.iter().copied()) {
                Some(near) => wrong().hint(format!("did you mean `{near}`?")),
                None => wrong(),
            })
        }
        Kind::TextMap | Kind::List(_) | Kind::Map(_) | Kind::Maps(_) | Kind::Any(_) => Err(wrong()),
    }
}

/// An integer as YAML 1.1 and 1.2 write it: decimal, `0x…`, `0o…`, and octal with a leading 0.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if text.starts_with('-') => (-1, digits),
        Some(digits) => (1, digits),
        None => (1, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own, which was taken off already.
    digits
        .starts_with(|c: char| c.is_digit(radix))
        .then_some(())?;
    i128::from_str_radix(digits, radix)
        .ok()
        .map(|number| sign * number)
}

fn number_value(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Value::from(number),
        (_, Ok(number)) => Value::from(number),
        _ => Value::Null,
    }
}

/// Milliseconds.
fn duration(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
        .filter(|ms| *ms > 0 && *ms <= 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: &Kind, text: &str) -> Option<Value> {
        read(kind, text, true).ok()
    }

    #[test]
    fn integers_follow_yaml() {
        let kind = Kind::Integer(-100, 1000);
        for (text, number) in [
            ("10", 10),
            ("-7", -7),
            ("+7", 7),
            ("0x1f", 31),
            ("0o17", 15),
            ("017", 15),
            ("0", 0),
        ] {
            assert_eq!(value(&kind, text), Some(Value::from(number)), "{text}");
        }
        for text in ["", "-", "x", "08", "1e3", "1001", "--1", "0x", "0x-1", "1 "] {
            assert_eq!(value(&kind, text), None, "{text}");
        }
    }

    #[test]
    fn permissions_are_octal_quoted_or_not() {
        for (text, mode) in [
            ("0644", "0644"),
            ("644", "0644"),
            ("0o755", "0755"),
            ("4755", "4755"),
            ("0", "0000"),
        ] {
            assert_eq!(value(&Kind::Mode, text), Some(Value::from(mode)), "{text}");
        }
        for text in ["", "0689", "rw-", "77777", "-1", "+644"] {
            assert_eq!(value(&Kind::Mode, text), None, "{text}");
        }
    }

    #[test]
    fn flags_ids_and_times() {
        assert_eq!(value(&Kind::Flag, "yes"), Some(Value::from(true)));
        assert_eq!(value(&Kind::Flag, "Off"), Some(Value::from(false)));
        assert_eq!(value(&Kind::Flag, "maybe"), None);
        assert_eq!(value(&Kind::Id, "1000"), Some(Value::from(1000)));
        assert_eq!(value(&Kind::Id, "redis"), Some(Value::from("redis")));
        assert_eq!(value(&Kind::Id, "-1"), None);
        for (text, ms) in [
            ("500ms", 500),
            ("10", 10_000),
            ("10s", 10_000),
            ("2m", 120_000),
        ] {
            assert_eq!(
                value(&Kind::Duration, text),
                Some(Value::from(ms)),
                "{text}"
            );
        }
        for text in ["", "s", "0", "-1s", "10d", "99999999h"] {
            assert_eq!(value(&Kind::Duration, text), None, "{text}");
        }
    }
}
