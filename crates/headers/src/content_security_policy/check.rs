//! Whether a policy means what it says.

use super::directive::Grammar;
use super::source::{is_host, is_scheme};
use super::{ContentSecurityPolicy, Directive, Keyword, Name, Source};
use crate::Error;

impl ContentSecurityPolicy {
    /// Refuses a policy that does not mean what it seems to: unknown directives, unknown words
    /// between quotes, `'none'` beside others, words whose quotes were forgotten, and the like.
    ///
    /// # Errors
    ///
    /// The first thing found; its key is the directive's name.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::missing(
                "any directive",
                "say something, or write `content-security-policy = false`",
            ));
        }
        for (name, sources) in &self.directives {
            check_directive(name, sources).map_err(|error| error.at(name.as_str()))?;
        }
        Ok(())
    }
}

fn check_directive(name: &Name, sources: &[Source]) -> Result<(), Error> {
    let directive = match name {
        Name::Known(directive) => *directive,
        Name::Other(name) => {
            let words = Directive::ALL.iter().map(|known| known.as_str());
            return Err(Error::unknown("a directive", name, words));
        }
    };
    match directive.grammar() {
        Grammar::Sources => check_sources(sources),
        Grammar::Ancestors => {
            check_sources(sources)?;
            sources.iter().try_for_each(check_ancestor)
        }
        Grammar::Nothing => match sources.first() {
            None => Ok(()),
            Some(word) => Err(Error::source(
                format!("`{directive}` takes no value, but `{word}` stands there"),
                "write `[]`",
            )),
        },
        Grammar::Words(words) => sources.iter().try_for_each(|word| one_of(word, words)),
        Grammar::Word(words) => match sources {
            [word] => one_of(word, words),
            _ => Err(Error::source(
                format!("`{directive}` takes one word"),
                format!("write `{}`", words.join("` or `")),
            )),
        },
        Grammar::Tokens if sources.is_empty() => Err(Error::source(
            format!("`{directive}` says nothing"),
            "name at least one, or remove it",
        )),
        Grammar::Tokens => Ok(()),
        Grammar::TypePolicies => sources.iter().try_for_each(check_type_policy),
    }
}

fn check_sources(sources: &[Source]) -> Result<(), Error> {
    if sources.is_empty() {
        return Err(Error::source(
            "an empty list allows nothing",
            "write `'none'`",
        ));
    }
    sources.iter().try_for_each(Source::check)?;
    if sources.len() > 1 && sources.iter().any(|source| source.is(Keyword::None)) {
        return Err(Error::source(
            "`'none'` beside other sources is ignored by browsers",
            "remove `'none'`, or all the others",
        ));
    }
    Ok(())
}

fn check_ancestor(source: &Source) -> Result<(), Error> {
    let fits = source.is(Keyword::None)
        || source.is(Keyword::SelfOrigin)
        || matches!(source, Source::Text(text) if is_scheme(text) || is_host(text));
    if fits {
        return Ok(());
    }
    Err(Error::source(
        format!("`{source}` says nothing about who may hold the page in a frame"),
        "write `'none'`, `'self'`, hosts or schemes",
    ))
}

fn one_of(word: &Source, words: &'static [&'static str]) -> Result<(), Error> {
    if words.contains(&word.as_str()) {
        return Ok(());
    }
    Err(Error::unknown(
        "accepted here",
        word.as_str(),
        words.iter().copied(),
    ))
}

fn check_type_policy(word: &Source) -> Result<(), Error> {
    let text = word.as_str();
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-#=_/@.%*".contains(&b);
    if Directive::TYPE_WORDS.contains(&text) || (!text.is_empty() && text.bytes().all(name)) {
        return Ok(());
    }
    let words = Directive::TYPE_WORDS.iter().copied();
    Err(Error::unknown("the name of a policy", text, words))
}
