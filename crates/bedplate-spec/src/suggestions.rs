//! "Did you mean": the nearest of some known words.

/// The word that `written` was likely meant to be; `None` if none is near.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let wanted = plain(written);
    let limit = if wanted.len() < 3 {
        0
    } else {
        (wanted.len() / 3).min(3)
    };
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&wanted, &plain(word)), word))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = [
            "command",
            "capabilities",
            "name",
            "noNewPrivileges",
            "net",
            "env",
        ];
        assert_eq!(nearest("comand", known), Some("command"));
        assert_eq!(nearest("no_new_privileges", known), Some("noNewPrivileges"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("unknownField", known), None);
        assert_eq!(nearest("", known), None);
    }
}
