//! One user name, however it is written.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

mod collated;

/// The name by which a user is counted: letters that a database might take for one another made one.
///
/// Compatible forms (NFKC), without case, accents and what is not seen, as the collations of MySQL, MariaDB
/// and SQL Server compare by default, and trimmed. Two users whom only that tells apart are counted together,
/// and so are two whom nothing tells apart before [`MOST`].
pub(super) fn normalised(name: &str) -> String {
    if !name.is_ascii() {
        return folded(name);
    }
    // Most are, and of ASCII all of it comes to this.
    let mut plain = String::with_capacity(name.len());
    for c in name.trim_matches(is_outside).chars() {
        let is_repeated = matches!(c, 's' | 'S') && plain.ends_with('s');
        if !is_repeated && (!c.is_control() || c.is_whitespace()) {
            plain.push(c.to_ascii_lowercase());
        }
    }
    plain
}

/// What is trimmed of ASCII: spaces, and what is passed over beside them.
fn is_outside(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn folded(name: &str) -> String {
    // Up and down again folds what lower case alone leaves apart: ß and SS, ς and σ. Down first,
    // since ẞ is upper case already.
    let folded = name
        .nfkc()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    let mut plain = String::with_capacity(name.len());
    for c in folded.nfkd() {
        if plain.len() > MOST {
            break;
        }
        if plain.is_empty() && c.is_whitespace() {
            continue;
        }
        match collated::twin(c) {
            Some(twin) => plain.push_str(twin),
            None if is_passed_over(c) => {}
            None => plain.push(c),
        }
        // `ß` is `ss` to one, `s` to WordPress.
        if plain.ends_with("ss") {
            plain.pop();
        }
    }
    let folded: String = plain.nfkc().collect();
    folded.trim_matches(char::is_whitespace).to_owned()
}

/// More of a name, in bytes, is not looked at: no app has such, and one letter may stand for eighteen, so
/// that a body full of them took a third of a second.
const MOST: usize = 4096;

/// What a name is to an app that takes something out of it first, if there is something: WordPress does so
/// with `%41` and `&amp;`, wherever they stand.
pub(super) fn without_escapes(name: &str) -> Option<String> {
    let mut rest = name;
    let mut bare = String::new();
    while let Some((before, after)) = rest.split_once('%') {
        bare.push_str(before);
        let digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
        rest = if digits == 2 {
            after.get(2..).unwrap_or_default()
        } else {
            bare.push('%');
            after
        };
    }
    bare.push_str(rest);
    let mut rest = bare.as_str();
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        // One letter at least stands between, and no line ends there.
        let first = after.chars().next().map_or(0, char::len_utf8);
        let tail = after.get(first..).unwrap_or_default();
        let end = if after.starts_with('\n') {
            Some(0)
        } else {
            tail.find([';', '\n']).map(|at| first + at)
        };
        let (within, behind) = after
            .split_at_checked(end.unwrap_or(after.len()))
            .unwrap_or((after, ""));
        if let Some(behind) = behind.strip_prefix(';') {
            rest = behind;
        } else {
            plain.push('&');
            plain.push_str(within);
            rest = behind;
        }
    }
    plain.push_str(rest);
    (plain != name).then_some(plain)
}

/// Accents, control letters, and what is not seen.
fn is_passed_over(c: char) -> bool {
    is_combining_mark(c)
        || collated::is_nothing(c)
        || (c.is_control() && !c.is_whitespace())
        || UNSEEN.iter().any(|range| range.contains(&c))
}

/// What has no width (Unicode: `Default_Ignorable_Code_Point`, and what else collations pass over).
const UNSEEN: [RangeInclusive<char>; 12] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{e0000}'..='\u{e0fff}',
];

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
            // As MySQL and WordPress have it.
            (
                "alice",
                &[
                    "àlicé",
                    "ÂLĪÇĘ",
                    "al\u{ad}ice",
                    "a\u{200d}l\u{1}ice",
                    "ali\u{fe0f}ce",
                    "alice\u{34f}",
                ],
            ),
            (
                "jessica",
                &["jeßica", "jeſsica", "jeśşıca", "je\u{1de4}s\u{1de5}ica"],
            ),
            (
                "user10",
                &["user\u{661}\u{660}", "user\u{2776}\u{24ff}", "use\u{36c}10"],
            ),
            ("lodz", &["Łódź", "łodz"]),
            ("aether", &["Æther", "ǽther"]),
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

    /// One letter of them is eighteen, and what is not seen may stand before a name as long as it likes.
    #[test]
    fn of_a_name_without_end_no_more_is_looked_at_than_anybody_has() {
        let long = normalised(&"\u{fdfa}".repeat(20_000));
        assert!((MOST..MOST + 40).contains(&long.len()), "{}", long.len());
        for unseen in [" ", "\u{ad}", "\u{301}", "\0", "\u{3000}"] {
            let name = format!("{}alice", unseen.repeat(20_000));
            assert_eq!(normalised(&name), "alice", "{unseen:?}");
        }
    }

    #[test]
    fn what_is_taken_out_of_a_name() {
        for (name, bare) in [
            ("al%41ice", Some("alice")),
            ("%00alice%ff", Some("alice")),
            ("al&amp;ice", Some("alice")),
            ("al&x;&y;ice", Some("alice")),
            ("al&%41;;ice", Some("alice")),
            ("alice", None),
            ("100%", None),
            ("a%4xb", None),
            ("a&b", None),
            ("a&;b", None),
            ("a&x\n;b", None),
            ("a&\n;b", None),
            ("a&x\n&y;b", Some("a&x\nb")),
            ("a&&&x", None),
            ("a&;x;b", Some("ab")),
        ] {
            assert_eq!(without_escapes(name).as_deref(), bare, "{name}");
        }
    }

    proptest! {
        #[test]
        fn of_ascii_the_short_way_says_the_same(name in "[ -~\\x00\\x01\\t\\n\\x0b\\x1csS]{0,16}") {
            prop_assert_eq!(normalised(&name), folded(&name));
        }

        #[test]
        fn normalising_again_changes_nothing(name: String) {
            let once = normalised(&name);
            prop_assert_eq!(normalised(&once), once);
        }
    }
}
