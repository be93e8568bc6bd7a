//! Where a setting stands in the text of its file.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike};

/// Where the value at the dotted `path` stands in `text`; the nearest table above it if it is not
/// written itself. The elements of a list are named by their numbers, from 0.
pub(super) fn locate(text: &str, path: &str) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut at = At::Item(document.as_item());
    let mut found = None;
    for key in path.split('.') {
        let Some((next, span)) = at.step(key) else {
            break;
        };
        at = next;
        found = span.or(found);
    }
    found
}

/// A place in a document; a table in `[[name]]` is no `Item` of its own.
#[derive(Clone, Copy)]
enum At<'a> {
    Item(&'a Item),
    Table(&'a dyn TableLike),
    Value,
}

impl At<'_> {
    fn step(self, key: &str) -> Option<(Self, Option<Range<usize>>)> {
        let table = match self {
            At::Value => return None,
            At::Table(table) => table,
            At::Item(item) => match item.as_table_like() {
                Some(table) => table,
                None => return element(item, key.parse().ok()?),
            },
        };
        let (key, item) = table.get_key_value(key)?;
        Some((At::Item(item), item.span().or_else(|| key.span())))
    }
}

fn element(item: &Item, index: usize) -> Option<(At<'_>, Option<Range<usize>>)> {
    if let Some(tables) = item.as_array_of_tables() {
        let table = tables.get(index)?;
        return Some((At::Table(table), table.span()));
    }
    let value = item.as_array()?.get(index)?;
    let at = value
        .as_inline_table()
        .map_or(At::Value, |table| At::Table(table));
    Some((at, value.span()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_in_the_text() {
        let text = "[headers]\npreset = \"helmet\"\n[headers.content-security-policy]\nappend = { script-src = [\"x\"] }\n";
        let at = |path| locate(text, path).map(|span| &text[span]);
        assert_eq!(at("headers.preset"), Some("\"helmet\""));
        assert_eq!(
            at("headers.content-security-policy.append.script-src"),
            Some("[\"x\"]")
        );
        assert_eq!(
            at("headers.content-security-policy.replace"),
            Some("[headers.content-security-policy]")
        );
        assert_eq!(at("tls.mode"), None);

        let text = "[[headers.path]]\nprefix = \"/a\"\n\n[[headers.path]]\nprefix = \"b\"\n\
            x = [\"c\", { d = 1 }]\n";
        let at = |path| locate(text, path).map(|span| &text[span]);
        assert_eq!(at("headers.path.1.prefix"), Some("\"b\""));
        assert_eq!(at("headers.path.1.x.0"), Some("\"c\""));
        assert_eq!(at("headers.path.1.x.1.d"), Some("1"));
        assert_eq!(at("headers.path.0.x"), Some("[[headers.path]]"));
        assert_eq!(at("headers.path.7.x.y"), at("headers.path"));
    }
}
