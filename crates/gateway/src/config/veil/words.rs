//! The words of a file, whether or not it is TOML.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mark(char),
    Newline,
    Comment,
    /// A bare word, with the dots in it.
    Word,
    /// A text, with its quotes, of so many bytes each.
    Text(usize),
    /// A text of several lines without an end.
    Unended,
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
    pub(super) text: &'a str,
}

impl Token<'_> {
    /// The names of a key, and where they stand.
    pub(super) fn names(&self) -> Vec<(String, Range<usize>)> {
        let (text, start) = (self.text, self.at.start);
        if let Kind::Text(_) | Kind::Unended = self.kind {
            return vec![(self.value().to_owned(), self.at.clone())];
        }
        let mut from = start;
        let names = text.split('.').map(|name| {
            let at = from..from + name.len();
            from = at.end + 1;
            (name.to_owned(), at)
        });
        names.filter(|(name, _)| !name.is_empty()).collect()
    }

    /// Without its quotes.
    pub(super) fn value(&self) -> &str {
        match self.kind {
            Kind::Text(quotes) => {
                let end = self.text.len().saturating_sub(quotes);
                self.text.get(quotes..end).unwrap_or(self.text)
            }
            _ => self.text,
        }
    }
}

/// The words of a file, whether or not it is TOML.
pub(super) struct Tokens<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let chars = text.char_indices().peekable();
        Self { text, chars }
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        while { self.chars.next_if(|(_, c)| matches!(c, ' ' | '\t' | '\r')) }.is_some() {}
        let (start, first) = self.chars.next()?;
        let kind = match first {
            '\n' => Kind::Newline,
            '=' | '[' | ']' | '{' | '}' | ',' => Kind::Mark(first),
            '#' => {
                while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
                Kind::Comment
            }
            '"' | '\'' => self.quoted(start, first),
            _ => {
                let ends = |c: char| c.is_whitespace() || "=[]{},#\"'".contains(c);
                while self.chars.next_if(|(_, c)| !ends(*c)).is_some() {}
                Kind::Word
            }
        };
        let end = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        let text = self.text.get(start..end).unwrap_or_default();
        let at = start..end;
        Some(Token { kind, at, text })
    }

    /// Takes this letter, if it is the next.
    pub(super) fn skip(&mut self, letter: char) {
        self.chars.next_if(|(_, c)| *c == letter);
    }

    fn quoted(&mut self, start: usize, quote: char) -> Kind {
        let is_long = |rest: &str| rest.chars().take_while(|c| *c == quote).count() >= 3;
        let long = self.text.get(start..).is_some_and(is_long);
        if long {
            self.chars.nth(1);
        }
        while let Some((at, c)) = self.chars.peek().copied() {
            if c == '\n' && !long {
                // It ends with its line.
                return Kind::Text(1);
            }
            self.chars.next();
            if c == '\\' && quote == '"' {
                self.chars.next_if(|(_, c)| long || *c != '\n');
            } else if c == quote && !long {
                return Kind::Text(1);
            } else if c == quote && self.text.get(at..).is_some_and(is_long) {
                self.chars.nth(1);
                return Kind::Text(3);
            }
        }
        if long { Kind::Unended } else { Kind::Text(1) }
    }

    /// Whether a bracket begins a line `[name]` or `[[name]]`, even where a list before it has no end.
    pub(super) fn begins_header(&self, bracket: &Token<'_>) -> bool {
        let (before, rest) = self
            .text
            .split_at_checked(bracket.at.start)
            .unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let inner = rest.trim_start_matches(['[', ' ', '\t']);
        let name: String = { inner.chars() }
            .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !["true", "false", "inf", "nan"].contains(&name.as_str());
        line.trim().is_empty() && (is_name || inner.starts_with(['"', '\'']) && rest.contains(']'))
    }
}
