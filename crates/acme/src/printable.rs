//! What others have said, fit for a log and a terminal.

/// As much of one text as people are shown.
pub(crate) const LONGEST: usize = 1000;

/// `said` in one line without control characters, of at most `most` characters.
pub(crate) fn printable(said: &str, most: usize) -> String {
    let mut text = String::new();
    let mut length = 0;
    for c in said.chars() {
        // Escape sequences move the cursor, and marks of direction turn the words after them round.
        let c = if c.is_control() || is_mark(c) { ' ' } else { c };
        if c == ' ' && (text.is_empty() || text.ends_with(' ')) {
            continue;
        }
        if length == most {
            text.push('…');
            return text;
        }
        text.push(c);
        length += 1;
    }
    text.truncate(text.trim_end().len());
    text
}

const fn is_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_text() {
        assert_eq!(printable("as it is: ü, 漢", 100), "as it is: ü, 漢");
        assert_eq!(printable("\n\u{1b}[31mred\u{9b}0m\r\n", 100), "[31mred 0m");
        assert_eq!(printable("a\u{202e}b\u{200b}", 100), "a b");
        assert_eq!(printable("漢字かな", 2), "漢字…");
        assert_eq!(printable("", 2), "");
    }
}
