//! Values that go on over several lines.

/// What of a value is open still: brackets, or the quotes of a text of several lines.
#[derive(Debug, Default)]
pub(super) struct Open {
    brackets: usize,
    quotes: Option<&'static str>,
    /// Whether it has not begun yet: it may stand below its key by mistake.
    waits: bool,
    /// Whether it stands in a comment, with which it ends.
    of_comment: bool,
}

impl Open {
    /// That of a `value` with which a line ends.
    pub(super) fn of(line: &str, value: &str) -> Self {
        let of_comment = is_comment(line);
        let mut open = Self {
            waits: !of_comment && is_blank(value),
            of_comment,
            ..Self::default()
        };
        open.read(value);
        open
    }

    pub(super) const fn is_open(&self) -> bool {
        self.brackets > 0 || self.quotes.is_some() || self.waits
    }

    /// Whether the next line is of it is seen by how that begins.
    pub(super) fn begin(&mut self, line: &str) {
        if self.of_comment && !is_comment(line) {
            *self = Self::default();
        }
        if self.waits && !is_blank(line) {
            self.waits = is_value(line);
        }
    }

    /// Goes on with a line.
    pub(super) fn read(&mut self, line: &str) {
        const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];
        self.waits = self.waits && is_blank(line);
        let mut rest = if self.of_comment {
            line.trim_start().trim_start_matches('#')
        } else {
            line
        };
        while let Some(first) = rest.chars().next() {
            let mut read = first.len_utf8();
            match self.quotes {
                Some(quotes) if rest.starts_with(quotes) => {
                    self.quotes = None;
                    read = quotes.len();
                }
                // What stands behind it is a letter.
                Some("\"\"\"" | "\"") if first == '\\' => {
                    read += rest.chars().nth(1).map_or(0, char::len_utf8);
                }
                Some(_) => {}
                None => match first {
                    '{' | '[' => self.brackets += 1,
                    '}' | ']' => self.brackets = self.brackets.saturating_sub(1),
                    '#' => break,
                    _ => {
                        self.quotes =
                            { QUOTES.into_iter() }.find(|quotes| rest.starts_with(quotes));
                        read = self.quotes.map_or(read, str::len);
                    }
                },
            }
            rest = rest.get(read..).unwrap_or_default();
        }
        // Such a text ends with its line, whether or not it is ended.
        self.quotes = self.quotes.filter(|quotes| quotes.len() > 1);
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || is_comment(line)
}

/// Whether a line is a value, and neither a key with its own nor the name of a table.
fn is_value(line: &str) -> bool {
    let line = line.trim_start();
    let name = line.trim_start_matches('[');
    match line.chars().next() {
        Some('"' | '\'' | '{') => true,
        Some('[') => !name.starts_with(|c: char| c.is_ascii_alphabetic()),
        _ => !line.contains('='),
    }
}
