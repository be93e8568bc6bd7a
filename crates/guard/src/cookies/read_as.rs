//! Names that are not those of the app's own cookies, and that some app takes for them all the same.

use std::borrow::Cow;

use panoply_cookies::Pair;

use super::config::Unsealable;
use super::guard::CookieGuard;
use crate::names::{OF_DOT_NET, OF_PHP};

impl CookieGuard {
    /// Whether a name that goes by an alias (where they are `aliased`), or whose value is sealed, stands where some
    /// parsers begin another pair, in the value or at the end of a name: Python's `SimpleCookie` at a space, those
    /// that still know RFC 2109 at a comma, either behind a quoted value.
    pub(super) fn holds_another(&self, pair: Pair<'_>, aliased: bool) -> bool {
        let begins = |byte: &u8| matches!(byte, b' ' | b'\t' | b',' | b'"');
        let has_alias =
            |name: &[u8]| self.aliases().outside(name).is_some() || self.is_read_as_another(name);
        let is_other = |name: &[u8]| aliased && has_alias(name) || self.must_be_sealed(name);
        let behind = pair.name.rsplit(begins).next().unwrap_or_default();
        if behind.len() < pair.name.len() && is_other(behind) {
            return true;
        }
        // Nearly none has one, which is told sooner than where it would be.
        if !pair
            .value
            .iter()
            .fold(false, |any, byte| any | begins(byte))
        {
            return false;
        }
        let pieces = pair.value.split(begins).skip(1);
        let mut pieces = pieces.filter(|piece| !piece.is_empty()).peekable();
        while let Some(piece) = pieces.next() {
            let mut parts = piece.splitn(2, |byte| *byte == b'=');
            let name = parts.next().unwrap_or_default();
            let has_value =
                parts.next().is_some() || pieces.peek().is_some_and(|next| next.starts_with(b"="));
            if has_value && is_other(name) {
                return true;
            }
        }
        false
    }

    /// Whether PHP or .NET takes a name for another that goes by an alias: to the other capitals are small letters.
    pub(crate) fn is_read_as_another(&self, name: &[u8]) -> bool {
        let by_php = |own: &&&str| is_read_by_php(name, own.as_bytes());
        let is_same = |own: &&&str| own.as_bytes().eq_ignore_ascii_case(name);
        let read = OF_PHP.iter().find(by_php);
        let read = read.or_else(|| OF_DOT_NET.iter().find(is_same));
        read.is_some_and(|own| self.aliases().outside(own.as_bytes()).is_some())
    }

    /// Whether PHP takes a name for another whose value is sealed.
    pub(crate) fn is_read_as_sealed(&self, name: &[u8]) -> bool {
        let reads = |own: &[u8]| own != name && is_read_by_php(name, own);
        let mut sealed = self.config().sealed_names().map(str::as_bytes);
        sealed.any(|own| reads(own) && self.must_be_sealed(own))
    }

    /// Whether blanks stand around a name of which one cookie counts, or none but under another name or sealed.
    /// Browsers and we leave them where they are, and Django, Starlette and older versions of Express take them off.
    pub(crate) fn is_another_in_blanks(&self, name: &[u8]) -> bool {
        let may_be = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii());
        if !may_be(name.first()) && !may_be(name.last()) {
            return false;
        }
        // Some read the bytes as UTF-8, and some each as a letter of its own (ISO 8859-1).
        let letters: String = name.iter().copied().map(char::from).collect();
        let whole = [String::from_utf8_lossy(name), Cow::Owned(letters)];
        whole.iter().any(|whole| {
            let bare = whole.trim_matches(is_blank);
            let bare = (bare.len() < whole.len()).then_some(bare.as_bytes());
            bare.is_some_and(|bare| {
                self.treatment(bare).is_protected() || self.is_read_as_another(bare)
            })
        })
    }

    /// Whether the app must see no value under this name that was not sealed.
    fn must_be_sealed(&self, name: &[u8]) -> bool {
        self.config().on_unsealable() != Unsealable::Pass && self.treatment(name).sealed
    }
}

/// What `strip` of Python, `trim` of JavaScript, or .NET's, takes off.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{180e}' | '\u{200b}' | '\u{feff}')
}

/// Whether PHP takes `name` for `own`: points, spaces and brackets are `_` to it, and what stands in brackets behind a
/// name is a part of its value.
fn is_read_by_php(name: &[u8], own: &[u8]) -> bool {
    let is = |own: u8, byte: u8| own == byte || own == b'_' && matches!(byte, b'.' | b' ' | b'[');
    matches!(name.get(own.len()), None | Some(b'['))
        && own.len() <= name.len()
        && own.iter().zip(name).all(|(own, byte)| is(*own, *byte))
}
