//! Pages out of templates, with escaping as the rule and raw HTML as what must be said aloud.

/// What takes the place of `{{name}}` in a template.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot<'a> {
    /// Text from anywhere, escaped for element content and quoted attributes alike.
    Text(&'a str),
    /// HTML that stands as it is: a part rendered here, or the mistake that the demo shows.
    Html(&'a str),
}

/// Fills `template`; a slot without a value stays empty.
///
/// One pass: `{{…}}` inside a value is text like any other.
pub(super) fn fill(template: &str, slots: &[(&str, Slot<'_>)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        page.push_str(before);
        match slots.iter().find(|(slot, _)| *slot == name) {
            Some((_, Slot::Text(text))) => escape_into(&mut page, text),
            Some((_, Slot::Html(html))) => page.push_str(html),
            None => {}
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn escape_into(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Slot::*, *};

    #[test]
    fn text_is_escaped_and_html_is_not() {
        let page = fill(
            "<p title=\"{{t}}\">{{h}}{{none}}</p>{{",
            &[("t", Text("\"><'&")), ("h", Html("<b>{{t}}</b>"))],
        );
        assert_eq!(
            page,
            "<p title=\"&quot;&gt;&lt;&#39;&amp;\"><b>{{t}}</b></p>{{"
        );
    }

    proptest! {
        #[test]
        fn text_never_opens_a_tag_or_closes_a_quote(text: String) {
            let page = fill("{{t}}", &[("t", Text(&text))]);
            prop_assert!(!page.contains(['<', '>', '"', '\'']));
        }
    }
}
