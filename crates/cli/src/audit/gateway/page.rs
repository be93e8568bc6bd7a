//! The file as it is written.

use super::covered::Covered;

const WIDTH: usize = 96;

#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn table(&mut self, name: &str) {
        self.line("");
        self.line(&format!("[{name}]"));
    }

    pub(super) fn covers(&mut self, covered: &Covered, how: &str) {
        self.prose(&format!("{how}. That covers:"));
        self.list(covered);
    }

    pub(super) fn list(&mut self, covered: &Covered) {
        for (rule, places) in &covered.places {
            self.prose(&format!("  {rule}: {}", places.join(", ")));
        }
    }

    /// A comment, on as many lines as it needs.
    pub(super) fn prose(&mut self, text: &str) {
        let indent = text.len() - text.trim_start().len();
        let start = format!("#{}", " ".repeat(indent));
        let mut line = start.clone();
        for word in text.split_whitespace() {
            if line.len() > start.len() && line.chars().count() + word.chars().count() >= WIDTH {
                self.line(&line);
                line.clone_from(&start);
                if indent > 0 {
                    line.push_str("  ");
                }
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line.trim_end());
    }
}
