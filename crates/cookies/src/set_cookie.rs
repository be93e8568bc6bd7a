//! The `Set-Cookie` header.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use http::HeaderValue;
use smallvec::SmallVec;

use crate::Error;
use crate::date::moment;
use crate::pairs::trim;

/// A cookie as an answer sets it (RFC 6265bis §4.1 and §5.6).
///
/// Read from a header, it keeps every attribute as it came, unknown ones too, and of those that are
/// repeated the last counts, as in browsers. What is added is put behind.
///
/// ```
/// use panoply_cookies::{SameSite, SetCookie};
///
/// let cookie = SetCookie::parse(b"sid=1; Path=/; samesite=STRICT; Priority=High").unwrap();
/// assert_eq!(cookie.name(), b"sid");
/// assert_eq!(cookie.same_site_mode(), Some(SameSite::Strict));
/// assert_eq!(cookie.secure().to_string(), "sid=1; Path=/; samesite=STRICT; Priority=High; Secure");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie<'a> {
    name: Cow<'a, [u8]>,
    value: Cow<'a, [u8]>,
    attributes: SmallVec<[Cow<'a, [u8]>; 6]>,
}

/// When a browser sends a cookie with requests that another site causes (RFC 6265bis §5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SameSite {
    /// Always; only with `Secure`.
    None,
    /// When the user follows a link, not with forms or scripts.
    Lax,
    /// Never.
    Strict,
}

/// A beginning of a cookie's name that browsers hold it to (RFC 6265bis §4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prefix {
    /// `__Secure-`: the cookie is `Secure`.
    Secure,
    /// `__Host-`: it is `Secure` as well, has no `Domain`, and `Path=/`.
    Host,
}

/// The most bytes that name and value may have together (§5.6).
pub(crate) const MOST: usize = 4096;

/// The most bytes that an attribute's value may have; longer ones are ignored (§5.6).
const MOST_ATTRIBUTE: usize = 1024;

impl<'a> SetCookie<'a> {
    /// A cookie with this name and value, and no attributes.
    ///
    /// # Errors
    ///
    /// When the name is no token, the value holds what a cookie's may not (§4.1.1), both together
    /// have more than 4096 bytes, or the name begins with a prefix's words in other letters.
    pub fn new(name: &'a str, value: &'a str) -> Result<Self, Error> {
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(Error::Name(name.to_owned()));
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        if !value.bytes().all(plain) {
            return Err(Error::Value(name.to_owned()));
        }
        let bytes = name.len() + value.len();
        if bytes > MOST {
            let name = name.to_owned();
            return Err(Error::Large { name, bytes });
        }
        Ok(Self {
            name: Cow::Borrowed(name.as_bytes()),
            value: Cow::Borrowed(value.as_bytes()),
            attributes: SmallVec::new(),
        })
    }

    /// Reads a header as a browser does; none where it would keep nothing: a control character, more
    /// than 4096 bytes in name and value, or neither name nor value.
    pub fn parse(header: &'a [u8]) -> Option<Self> {
        let control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
        if header.iter().any(control) {
            return None;
        }
        let mut pieces = header.split(|byte| *byte == b';');
        let pair = pieces.next().unwrap_or_default();
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                let (name, value) = pair.split_at(at);
                (trim(name), trim(value.get(1..).unwrap_or_default()))
            }
            None => (&b""[..], trim(pair)),
        };
        let bytes = name.len() + value.len();
        if bytes == 0 || bytes > MOST {
            return None;
        }
        Some(Self {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value),
            attributes: pieces.map(|piece| Cow::Borrowed(trim(piece))).collect(),
        })
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The value, quotes included.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Whether only HTTPS may carry it.
    pub fn is_secure(&self) -> bool {
        self.last("secure").is_some()
    }

    /// Whether page script cannot read it.
    pub fn is_http_only(&self) -> bool {
        self.last("httponly").is_some()
    }

    /// `SameSite`, if it is there and a browser knows the word.
    pub fn same_site_mode(&self) -> Option<SameSite> {
        let value = self.last("samesite")?;
        let modes = [
            ("none", SameSite::None),
            ("lax", SameSite::Lax),
            ("strict", SameSite::Strict),
        ];
        let is = |word: &str| value.eq_ignore_ascii_case(word.as_bytes());
        modes
            .iter()
            .find(|(word, _)| is(word))
            .map(|(_, mode)| *mode)
    }

    /// `Path`, if it is one.
    pub fn path_attribute(&self) -> Option<&[u8]> {
        self.last("path").filter(|path| path.starts_with(b"/"))
    }

    /// `Domain`, unless it is empty, which is as if there was none.
    pub fn domain_attribute(&self) -> Option<&[u8]> {
        self.last("domain").filter(|domain| !domain.is_empty())
    }

    /// How many `Domain`s there are.
    pub fn domains(&self) -> usize {
        self.all("domain").count()
    }

    /// `Max-Age` in seconds, if it is a number; what is too large counts as the largest.
    pub fn max_age_attribute(&self) -> Option<i64> {
        let text = self.last("max-age")?;
        let (sign, digits) = match text {
            [b'-', digits @ ..] => (-1, digits),
            digits => (1, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let add =
            |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
        Some(digits.iter().fold(0, add).saturating_mul(sign))
    }

    /// `Expires`, if it is a date; what lies before 1970 is 1970.
    pub fn expires_attribute(&self) -> Option<SystemTime> {
        moment(self.last("expires")?)
    }

    /// The prefix that a browser sees in the name, in whatever letters it is written (§5.4).
    pub fn prefix(&self) -> Option<Prefix> {
        let begins = |prefix: &str| {
            let head = self.name.get(..prefix.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        if begins("__Host-") {
            Some(Prefix::Host)
        } else {
            begins("__Secure-").then_some(Prefix::Secure)
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'a, [u8]>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same with another value.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Cow<'a, [u8]>>) -> Self {
        self.value = value.into();
        self
    }

    /// Adds `Secure`, if it is not there.
    #[must_use]
    pub fn secure(self) -> Self {
        if self.is_secure() {
            self
        } else {
            self.and("Secure")
        }
    }

    /// Adds `HttpOnly`, if it is not there.
    #[must_use]
    pub fn http_only(self) -> Self {
        if self.is_http_only() {
            self
        } else {
            self.and("HttpOnly")
        }
    }

    /// Sets `SameSite`, in place of what was there.
    #[must_use]
    pub fn same_site(self, mode: SameSite) -> Self {
        self.and(match mode {
            SameSite::None => "SameSite=None",
            SameSite::Lax => "SameSite=Lax",
            SameSite::Strict => "SameSite=Strict",
        })
    }

    /// Sets `Path`, in place of what was there.
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        self.and(format!("Path={path}"))
    }

    /// Sets `Domain`, in place of what was there.
    #[must_use]
    pub fn domain(self, domain: &str) -> Self {
        self.and(format!("Domain={domain}"))
    }

    /// Sets `Max-Age` to so many seconds, 400 days at most, beyond which browsers do not go (§5.5).
    #[must_use]
    pub fn max_age(self, seconds: u64) -> Self {
        self.and(format!("Max-Age={}", seconds.min(400 * 24 * 60 * 60)))
    }

    /// The bytes of name and value, of which a browser keeps 4096 at most.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }

    /// The header; none when a name or value was put in that no header may have.
    pub fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.text()).ok()
    }

    fn and(mut self, attribute: impl Into<String>) -> Self {
        let attribute: String = attribute.into();
        let name = attribute.split('=').next().unwrap_or_default();
        let is = |one: &Cow<'a, [u8]>| key_of(one).eq_ignore_ascii_case(name.as_bytes());
        self.attributes.retain(|one| !is(one));
        self.attributes.push(Cow::Owned(attribute.into_bytes()));
        self
    }

    fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.attributes.iter().filter_map(move |attribute| {
            let value = value_of(attribute);
            let counts = value.len() <= MOST_ATTRIBUTE;
            let is = key_of(attribute).eq_ignore_ascii_case(name.as_bytes());
            (is && counts).then_some(value)
        })
    }

    fn last(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next_back()
    }

    fn text(&self) -> Vec<u8> {
        let more: usize = self.attributes.iter().map(|one| one.len() + 2).sum();
        let mut text = Vec::with_capacity(self.bytes() + 1 + more);
        // Without a name, one that stands in the value must not become it.
        if !self.name.is_empty() || self.value.contains(&b'=') {
            text.extend_from_slice(&self.name);
            text.push(b'=');
        }
        text.extend_from_slice(&self.value);
        for attribute in &self.attributes {
            text.extend_from_slice(b"; ");
            text.extend_from_slice(attribute);
        }
        text
    }
}

impl fmt::Display for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

fn key_of(attribute: &[u8]) -> &[u8] {
    trim(
        attribute
            .split(|byte| *byte == b'=')
            .next()
            .unwrap_or_default(),
    )
}

fn value_of(attribute: &[u8]) -> &[u8] {
    let at = attribute.iter().position(|byte| *byte == b'=');
    at.map_or(&b""[..], |at| {
        trim(attribute.get(at + 1..).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests;
