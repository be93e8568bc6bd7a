//! What is to be known to nobody else, and must not be what an example has in its place.

/// The fewest characters of a secret.
const FEWEST: usize = 16;

/// The fewest different ones: of 16 hexadecimal digits that were drawn, three in 100,000 have fewer.
const DIFFERENT: usize = 6;

/// Words of examples, ours and others', as they are without what stands between letters.
const EXAMPLES: [&str; 4] = ["opensslrand", "replaceme", "changeme", "placeholder"];

/// What is wrong with a secret that somebody has written, if anything is; the name of its setting stands before it.
pub(super) fn complaint(secret: &str) -> Option<String> {
    let letters: String = { secret.chars().filter(char::is_ascii_alphanumeric) }
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let mut different: Vec<char> = secret.chars().collect();
    different.sort_unstable();
    different.dedup();
    if secret.len() < FEWEST {
        Some(format!("has {} characters", secret.len()))
    } else if EXAMPLES.iter().any(|word| letters.contains(word)) {
        Some("is still what an example has in its place, which everybody knows".to_owned())
    } else if different.len() < DIFFERENT {
        Some(format!("has only {} different characters", different.len()))
    } else {
        None
    }
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
        ] {
            let told = complaint(secret).unwrap_or_default();
            assert!(told.contains(said), "{secret}: {told}");
        }
        for secret in [
            "0123456789abcdef",
            "four words of a passphrase",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert_eq!(complaint(secret), None, "{secret}");
        }
    }
}
