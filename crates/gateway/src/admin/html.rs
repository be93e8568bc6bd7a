//! HTML in which only the source of this crate stands unescaped.

use std::fmt::{self, Write as _};

/// A page or a part of it.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup; being `'static`, it holds nothing that anybody has sent.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of whatever origin, for an element's content and for a quoted attribute alike.
    pub(super) fn text(&mut self, text: impl fmt::Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Neither what no eye sees nor what turns the line around.
                c if c.is_control() && c != '\n' => self.0.push(char::REPLACEMENT_CHARACTER),
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    self.0.push(char::REPLACEMENT_CHARACTER);
                }
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_closes_a_quote(text: String) {
            let mut html = Html::default();
            html.text(&text);
            let html = html.into_string();
            let bad = ['<', '>', '"', '\'', '\u{202e}', '\u{1b}', '\0'];
            prop_assert!(!html.contains(bad));
            prop_assert_eq!(html.matches('&').count(), html.matches(';').count() - text.matches(';').count());
        }
    }
}
