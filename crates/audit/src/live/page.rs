//! What an HTML page says about itself: policies in `<meta>`, scripts, forms, links.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

/// More of a kind is not kept.
const MOST: usize = 2000;

/// What stands in a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Each `<meta http-equiv="Content-Security-Policy">`.
    pub(crate) policies: Vec<String>,
    /// The last `<meta name="referrer">`.
    pub(crate) referrer: Option<String>,
    pub(crate) scripts: Vec<Script>,
    pub(crate) forms: Vec<Form>,
    /// Where its links go, as they are written.
    pub(crate) links: Vec<String>,
    /// What addresses in it are relative to, if it says so.
    base: Option<Url>,
    has_base: bool,
}

/// A script of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// Where it comes from, as it is written.
    pub(crate) src: Option<String>,
    pub(crate) integrity: Option<String>,
}

/// A form of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) action: Option<String>,
    pub(crate) is_post: bool,
    pub(crate) inputs: Vec<Input>,
}

/// A field of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) value: String,
}

impl Page {
    /// Reads a page as a browser without scripts does.
    pub(crate) fn read(html: &str) -> Self {
        let input = BufferQueue::default();
        input.push_back(StrTendril::from_slice(html));
        let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
        // It would stop where a script runs, which none does.
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.page.into_inner()
    }

    /// An address as a script of this page gives it: whole if it can be told from the page alone.
    pub(crate) fn absolute(&self, address: &str) -> Option<Url> {
        match &self.base {
            Some(base) => base.join(address).ok(),
            None => Url::parse(address).ok(),
        }
    }

    fn open(&mut self, tag: &Tag, foreign: bool) {
        match &*tag.name {
            "meta" => self.meta(tag),
            "base" => self.base(tag),
            "script" if self.scripts.len() < MOST => self.scripts.push(Script {
                // What SVG calls a script has no such attribute.
                src: attribute(tag, "src").filter(|_| !foreign),
                integrity: attribute(tag, "integrity"),
            }),
            "a" if self.links.len() < MOST => self.links.extend(attribute(tag, "href")),
            "form" if self.forms.len() < MOST => self.forms.push(Form {
                action: attribute(tag, "action"),
                is_post: attribute(tag, "method")
                    .is_some_and(|method| method.trim().eq_ignore_ascii_case("post")),
                inputs: Vec::new(),
            }),
            "input" => self.input(tag),
            _ => {}
        }
    }

    fn meta(&mut self, tag: &Tag) {
        let content = attribute(tag, "content");
        let equiv = attribute(tag, "http-equiv");
        if let (Some(equiv), Some(content)) = (equiv, &content) {
            let policy = equiv.trim().eq_ignore_ascii_case("content-security-policy");
            if policy && !content.is_empty() && self.policies.len() < MOST {
                self.policies.push(content.clone());
            }
        } else if attribute(tag, "name").is_some_and(|name| is_word(&name, "referrer")) {
            let content = content.filter(|content| !content.is_empty());
            self.referrer = content.or(self.referrer.take());
        }
    }

    fn base(&mut self, tag: &Tag) {
        if let Some(href) = attribute(tag, "href").filter(|_| !self.has_base) {
            self.has_base = true;
            let fits = |url: &Url| !matches!(url.scheme(), "data" | "javascript");
            self.base = Url::parse(&href).ok().filter(fits);
        }
    }

    fn input(&mut self, tag: &Tag) {
        let Some(form) = self
            .forms
            .last_mut()
            .filter(|form| form.inputs.len() < MOST)
        else {
            return;
        };
        let Some(name) = attribute(tag, "name").filter(|name| !name.is_empty()) else {
            return;
        };
        let kind = attribute(tag, "type").unwrap_or_default();
        form.inputs.push(Input {
            name,
            kind: kind.trim().to_ascii_lowercase(),
            value: attribute(tag, "value").unwrap_or_default(),
        });
    }
}

fn is_word(text: &str, word: &str) -> bool {
    text.trim().eq_ignore_ascii_case(word)
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|one| &*one.name.local == name);
    found.map(|one| one.value.to_string())
}

/// Takes tokens as they come; tells the tokenizer where text begins that holds no tags.
#[derive(Default)]
struct Sink {
    page: RefCell<Page>,
    /// How many `<template>`s are open, of which nothing is part of the page.
    templates: Cell<usize>,
    /// How many `<svg>` and `<math>` are open.
    foreign: Cell<usize>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        let depth = match &*tag.name {
            "template" => Some(&self.templates),
            "svg" | "math" => Some(&self.foreign),
            _ => None,
        };
        let foreign = self.foreign.get() > 0;
        match (tag.kind, depth) {
            (TagKind::EndTag, None) => return TokenSinkResult::Continue,
            (TagKind::EndTag, Some(depth)) => depth.set(depth.get().saturating_sub(1)),
            (TagKind::StartTag, Some(depth)) if !tag.self_closing || &*tag.name == "template" => {
                depth.set(depth.get() + 1);
            }
            (TagKind::StartTag, _) => {}
        }
        if tag.kind == TagKind::StartTag && self.templates.get() == 0 {
            self.page.borrow_mut().open(&tag, foreign);
        }
        if tag.kind == TagKind::EndTag || foreign {
            return TokenSinkResult::Continue;
        }
        match &*tag.name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_like_a_tag_is_none() {
        let page = Page::read(
            r#"<!-- <script src=a></script> --><title><script src=b></title>
            <script>"<script src=c>"</script><template><script src=d></script></template>
            <noscript><script src=e></script></noscript><textarea><script src=f></textarea>
            <SCRIPT SRC="g&amp;h" Integrity=i></SCRIPT><svg><script src=j /></svg>"#,
        );
        let sources: Vec<_> = page.scripts.iter().map(|one| one.src.as_deref()).collect();
        assert_eq!(sources, [None, Some("e"), Some("g&h"), None]);
        assert_eq!(page.scripts[2].integrity.as_deref(), Some("i"));
    }

    #[test]
    fn policies_and_referrers_are_read() {
        let page = Page::read(
            "<meta http-equiv=' Content-Security-Policy ' content='a b'>
            <meta http-equiv=refresh content=1 name=referrer>
            <meta name=referrer content=origin><META NAME=REFERRER CONTENT=''>",
        );
        assert_eq!(page.policies, ["a b"]);
        assert_eq!(page.referrer.as_deref(), Some("origin"));
    }

    #[test]
    fn forms_have_their_fields() {
        let page = Page::read(
            "<a href=/in>in</a><form action=/login method=POST><input name=u type=email>
            <input name=p type=PASSWORD value=x></form><form><input name=q></form>",
        );
        assert_eq!(page.links, ["/in"]);
        assert_eq!(page.forms.len(), 2);
        assert!(page.forms[0].is_post && !page.forms[1].is_post);
        assert_eq!(page.forms[0].inputs[1].kind, "password");
    }

    #[test]
    fn the_base_counts() {
        let page = Page::read("<base target=x><base href=https://cdn.test/a/><base href=/b>");
        let url = page.absolute("x.js").map(String::from);
        assert_eq!(url.as_deref(), Some("https://cdn.test/a/x.js"));
        assert_eq!(Page::read("").absolute("//a/x.js"), None);
    }
}
