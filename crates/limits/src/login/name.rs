//! One user name, however it is written.

use unicode_normalization::UnicodeNormalization as _;

/// The name by which a user is counted: compatible forms made one (NFKC), without case, trimmed.
pub(super) fn normalised(name: &str) -> String {
    // Up and down again folds what lower case alone leaves apart: ß and SS, ς and σ. Down first,
    // since ẞ is upper case already.
    let folded: String = name
        .nfkc()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect();
    let outside = |c: char| c.is_whitespace() || c.is_control() || INVISIBLE.contains(&c);
    folded.trim_matches(outside).to_owned()
}

/// What has no width, and so is trimmed like a space.
const INVISIBLE: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_one_name_are_one() {
        let forms = [
            (
                "alice",
                &[
                    "Alice",
                    " ALICE\t",
                    "ａｌｉｃｅ",
                    "\u{feff}alice\u{200b}",
                    "alice\0",
                ][..],
            ),
            ("strasse", &["Straße", "STRASSE", "strasſe", "STRAẞE"]),
            ("josé", &["Jose\u{301}", "JOSÉ"]),
            ("σίσυφοσ", &["Σίσυφος", "ΣΊΣΥΦΟΣ"]),
            ("fi", &["ﬁ", "FI"]),
        ];
        for (name, forms) in forms {
            for form in forms {
                assert_eq!(normalised(form), normalised(name), "{form:?}");
            }
        }
        assert_ne!(normalised("alice"), normalised("alice2"));
    }

    #[test]
    fn however_an_app_folds_a_name_it_is_one() {
        // Where letters stand that have a case or another form.
        let letters = ('\0'..'\u{3000}')
            .chain('\u{a640}'..'\u{abc0}')
            .chain('\u{f900}'..'\u{10600}')
            .chain('\u{1d400}'..'\u{1d800}');
        for letter in letters.map(String::from) {
            let lower = letter.to_lowercase();
            let upper = letter.to_uppercase();
            let compatible: String = letter.nfkc().collect();
            for form in [
                lower.to_uppercase(),
                upper.to_lowercase(),
                letter.nfd().collect(),
                letter.nfkd().collect(),
                lower.nfkc().collect(),
                upper.nfkc().collect(),
                compatible.to_lowercase().to_uppercase(),
                compatible.to_uppercase().to_lowercase(),
                lower,
                upper,
                compatible,
            ] {
                assert_eq!(
                    normalised(&form),
                    normalised(&letter),
                    "{letter:?} {form:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn normalising_again_changes_nothing(name: String) {
            let once = normalised(&name);
            prop_assert_eq!(normalised(&once), once);
        }
    }
}
