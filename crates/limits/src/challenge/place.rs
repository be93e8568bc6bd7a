//! Where in a page something stands, as a browser reads it.

/// Elements whose content is text to a browser that runs scripts.
const TEXT: [&str; 9] = [
    "title", "textarea", "script", "style", "noscript", "iframe", "noembed", "noframes", "xmp",
];

/// Elements of which nothing is put into the page, or no element.
const CLOSED: [&str; 2] = ["template", "select"];

/// What is open after `before`, in which an element of the page would be none: a comment, a tag, an element of text.
pub(super) fn inside(before: &str) -> Option<String> {
    // So that places in one are those in the other.
    let html = before.to_ascii_lowercase();
    let mut rest = &*html;
    let mut closed: Vec<&str> = Vec::new();
    while let Some((_, tag)) = rest.split_once('<') {
        if let Some(comment) = tag.strip_prefix("!--") {
            // `<!-->` is a whole one.
            let begun = tag.strip_prefix('!').unwrap_or(comment);
            let ends = ["-->", "--!>"]
                .iter()
                .filter_map(|end| begun.split_once(end));
            let Some((_, after)) = ends.min_by_key(|(within, _)| within.len()) else {
                return Some("a comment".to_owned());
            };
            rest = after;
            continue;
        }
        if tag.starts_with(['!', '?']) {
            let Some((_, after)) = tag.split_once('>') else {
                return Some("a tag".to_owned());
            };
            rest = after;
            continue;
        }
        let (ends, named) = tag
            .strip_prefix('/')
            .map_or((false, tag), |named| (true, named));
        if !named.starts_with(|first: char| first.is_ascii_alphabetic()) {
            rest = tag;
            continue;
        }
        let stop = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        let (name, attributes) = named.split_at(named.find(stop).unwrap_or(named.len()));
        let Some(after) = after_tag(attributes) else {
            return Some(format!("the tag `<{}{name}`", if ends { "/" } else { "" }));
        };
        rest = after;
        if let Some(known) = CLOSED.iter().find(|known| **known == name) {
            if !ends {
                closed.push(known);
            } else if let Some(at) = closed.iter().rposition(|open| open == known) {
                closed.truncate(at);
            }
        } else if !ends && TEXT.contains(&name) {
            let Some(after) = after_text(rest, name) else {
                return Some(format!("`<{name}>`"));
            };
            rest = after;
        }
    }
    closed.last().map(|name| format!("`<{name}>`"))
}

/// What follows a tag, whose name is read; none where it has no end.
fn after_tag(attributes: &str) -> Option<&str> {
    let mut rest = attributes;
    loop {
        let at = rest.find(['=', '>'])?;
        let (sign, after) = rest.get(at..)?.split_at(1);
        if sign == ">" {
            return Some(after);
        }
        let value = after.trim_ascii_start();
        rest = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split_once(quote)?.1,
            _ => value.get(value.find(|c: char| c.is_ascii_whitespace() || c == '>')?..)?,
        };
    }
}

/// What follows the text of an element, from its end on; none where it has none.
fn after_text<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let end = format!("</{name}");
    let mut rest = text;
    loop {
        rest = rest.get(rest.find(&end)?..)?;
        let after = rest.get(end.len()..)?;
        if after.starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')) {
            return Some(rest);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_told() {
        for (before, said) in [
            ("<p>A</p><!-- the task: ", "a comment"),
            ("<!--> <p> <!-- -- ", "a comment"),
            ("<title>", "`<title>`"),
            ("<TITLE lang=de>x</titlex>", "`<title>`"),
            ("<textarea name='a>b'>", "`<textarea>`"),
            ("<script>const a = '</p>", "`<script>`"),
            ("<style>a { b: '", "`<style>`"),
            ("<noscript><p>", "`<noscript>`"),
            ("<template><p>x</p>", "`<template>`"),
            ("<select><option>", "`<select>`"),
            ("<p><div data-at=\"", "the tag `<div`"),
            ("<div data-at='a>b ", "the tag `<div`"),
            ("<div data-at=", "the tag `<div`"),
            ("<div ", "the tag `<div`"),
            ("<p></div", "the tag `</div`"),
            ("<!doctype ", "a tag"),
        ] {
            assert_eq!(inside(before).as_deref(), Some(said), "{before}");
        }
    }

    #[test]
    fn what_is_closed_is_not() {
        for before in [
            "",
            "<!doctype html><html lang=en><meta charset=utf-8><title>One moment</title><main>",
            "<!-- a --><p>1 < 2 <3 and a<b>",
            "<!--><p>",
            "<!-- a --!><p>",
            "<!-- <title> --><p>",
            "<title>a <!-- b</title><p>",
            "<script src=a></script ><style>p>a { b: '<!--' }</style/><p>",
            "<p title=\"<!--\" class='>' id=x/y>",
            "<template><select></template><p>",
            "<svg><path d=M0/></svg><p>",
            "caf\u{e9} <p title=\u{e9}>\u{130}",
        ] {
            assert_eq!(inside(before), None, "{before}");
        }
    }
}
