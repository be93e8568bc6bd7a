//! What is to be known to nobody else, and must not be what an example has in its place.

/// The fewest characters of a secret.
const FEWEST: usize = 16;

/// The fewest different ones: of 16 hexadecimal digits that were drawn, three in 100,000 have fewer.
const DIFFERENT: usize = 6;

/// What examples say, ours and others', and what everybody tries first; without what stands between letters.
const KNOWN: [&str; 22] = [
    "opensslrandhex",
    "opensslrand",
    "theoutputof",
    "yoursecret",
    "supersecret",
    "sessionsecret",
    "storesecret",
    "placeholder",
    "replaceme",
    "replacethis",
    "changethis",
    "changeme",
    "changeit",
    "password",
    "keyboardcat",
    "example",
    "default",
    "letmein",
    "secret",
    "qwerty",
    "insecure",
    "todo",
];

/// The fewest characters beside such words.
const BESIDE: usize = 8;

/// What is wrong with a secret that somebody has written, if anything is; the name of its setting stands before it.
pub(super) fn complaint(secret: &str) -> Option<String> {
    let characters: Vec<char> = secret.chars().collect();
    if characters.len() < FEWEST {
        return Some(format!("has {} characters", characters.len()));
    }
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT {
        return Some(format!("has only {} different characters", different.len()));
    }
    let letters: String = { characters.iter().filter(|letter| letter.is_alphanumeric()) }
        .flat_map(|letter| letter.to_lowercase())
        .collect();
    let words = KNOWN.iter();
    let beside = words.fold(letters.clone(), |beside, word| beside.replace(word, ""));
    if beside != letters && period(&beside) < BESIDE {
        return Some("is still what an example has in its place, which everybody knows".to_owned());
    }
    // Whatever stands between.
    let part = period(secret).min(period(&letters));
    (part < FEWEST && part < letters.chars().count())
        .then(|| format!("is {part} characters, and the same again"))
}

/// How many characters there are before they come again; all of them, where they do not.
fn period(text: &str) -> usize {
    let characters: Vec<char> = text.chars().collect();
    let repeats = |part: &usize| {
        let again = characters.iter().skip(*part);
        characters.iter().zip(again).all(|(one, next)| one == next)
    };
    // Less than the whole of it may come again by chance.
    (1..=characters.len() / 2)
        .find(repeats)
        .unwrap_or(characters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_no_secret() {
        for (secret, said) in [
            ("", "has 0 characters"),
            ("0123456789abcde", "has 15 characters"),
            ("the output of openssl rand -hex 32", "example"),
            ("replace me with the output of openssl rand", "example"),
            ("Change-Me-Change-Me", "example"),
            ("a_PLACEHOLDER_for_it", "example"),
            (&"a".repeat(48), "only 1 different"),
            (&"12345".repeat(8), "only 5 different"),
            ("changethis-changethis", "example"),
            ("change.this/CHANGE.THIS_123", "example"),
            ("Keyboard Cat, keyboard cat", "example"),
            ("secret secret secret", "example"),
            ("Placeholder1234567", "example"),
            (&"\u{e4}\u{f6}\u{fc}".repeat(3), "has 9 characters"),
            (
                "hunter2-hunter2-hunter2",
                "is 7 characters, and the same again",
            ),
            (
                &"0123456789".repeat(3),
                "is 10 characters, and the same again",
            ),
        ] {
            let told = complaint(secret).unwrap_or_default();
            assert!(told.contains(said), "{secret}: {told}");
        }
        for secret in [
            "0123456789abcdef",
            "four words of a passphrase",
            "a secret of all nodes",
            "changeme-9f86d081884c7d659a2feaa0c55ad015",
            "zq0placeholder9Xw7kTn4Lr2bVc8",
            "- - - four words and more - - -",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert_eq!(complaint(secret), None, "{secret}");
        }
    }
}
