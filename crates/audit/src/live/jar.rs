//! The cookies that a browser keeps while it follows redirects.

use jiff::Timestamp;
use panoply_cookies::{SameSite, SetCookie};
use url::Url;

use super::domain;

/// More cookies of one visit are not kept.
const MOST: usize = 300;

/// The cookies of one visit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar(Vec<Kept>);

/// A cookie that was kept.
#[expect(clippy::struct_excessive_bools, reason = "a cookie has four flags")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) domain: String,
    /// Whether no other host gets it.
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    /// Whether it was set in order to be gone.
    pub(crate) gone: bool,
}

impl Jar {
    /// All that were kept, those too that were set in order to be gone.
    pub(crate) fn all(&self) -> &[Kept] {
        &self.0
    }

    /// Keeps what an answer from `url` sets, if a browser would.
    pub(crate) fn keep(&mut self, line: &[u8], url: &Url) {
        let Some(kept) = Kept::read(line, url) else {
            return;
        };
        let same = |one: &&mut Kept| {
            (&one.name, &one.domain, &one.path) == (&kept.name, &kept.domain, &kept.path)
        };
        if let Some(old) = self.0.iter_mut().find(same) {
            *old = kept;
        } else if self.0.len() < MOST {
            self.0.push(kept);
        }
    }

    /// The `Cookie` header for an address. What was to be gone and would go there is gone from now on.
    pub(crate) fn header(&mut self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let goes = |kept: &Kept| {
            let here = kept.domain == host || (!kept.host_only && covers(&kept.domain, host));
            here && (!kept.secure || url.scheme() == "https") && path_covers(&kept.path, url.path())
        };
        self.0.retain(|kept| !(kept.gone && goes(kept)));
        let pairs = self.0.iter().filter(|kept| goes(kept));
        let pairs: Vec<String> = pairs
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Kept {
    fn read(line: &[u8], url: &Url) -> Option<Self> {
        let set = SetCookie::parse(line)?;
        let host = url.host_str()?.to_ascii_lowercase();
        if set.name().is_empty() || set.name().contains(&b'\t') || set.value().contains(&b'\t') {
            return None;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let domain = set
            .domain_attribute()
            .map(|domain| text(domain).to_ascii_lowercase());
        let domain = domain.map(|domain| domain.strip_prefix('.').unwrap_or(&domain).to_owned());
        let domain = domain.filter(|domain| !domain.is_empty());
        if let Some(domain) = &domain
            && (!may_be_shared(domain) || !(*domain == host || covers(domain, &host)))
        {
            return None;
        }
        let default = || match url.path().rfind('/') {
            None | Some(0) => "/".to_owned(),
            Some(end) => url.path().get(..end).unwrap_or("/").to_owned(),
        };
        let host_only = domain.is_none();
        let kept = Self {
            name: text(set.name()),
            value: text(set.value()),
            domain: domain.unwrap_or(host),
            host_only,
            path: set.path_attribute().map_or_else(default, text),
            secure: set.is_secure(),
            http_only: set.is_http_only(),
            same_site: set.same_site_mode(),
            gone: is_gone(line),
        };
        kept.holds_its_prefix().then_some(kept)
    }

    /// RFC 6265bis §4.1.3.
    fn holds_its_prefix(&self) -> bool {
        let host = self.name.starts_with("__Host-");
        let secure = host || self.name.starts_with("__Secure-");
        (!secure || self.secure) && (!host || (self.host_only && self.path == "/"))
    }
}

/// Whether a line takes a cookie away, instead of setting one.
pub(crate) fn is_gone(line: &[u8]) -> bool {
    let Some(set) = SetCookie::parse(line) else {
        return false;
    };
    if let Some(seconds) = set.max_age_attribute() {
        return seconds <= 0;
    }
    // No server asks for a cookie that ended years ago unless to be rid of it.
    let date = set.expires_attribute().map(Timestamp::try_from);
    date.is_some_and(|date| date.is_ok_and(|date| date < Timestamp::constant(1_577_836_800, 0)))
}

/// Whether a domain's cookies go to a host below it.
fn covers(domain: &str, host: &str) -> bool {
    let below = host
        .strip_suffix(domain)
        .is_some_and(|rest| rest.ends_with('.'));
    below && !domain::is_address(host)
}

/// Whether a cookie may be for a domain: not for one below which anybody can have a name (RFC 6265bis §5.7,
/// RFC 6761).
fn may_be_shared(domain: &str) -> bool {
    let special = ["local", "example", "invalid", "localhost", "test"];
    match domain.rsplit_once('.') {
        Some((_, last)) if special.contains(&last) => true,
        None if matches!(domain, "localhost" | "invalid") => true,
        _ => domain::registered(domain).is_some(),
    }
}

/// RFC 6265 §5.1.4.
fn path_covers(cookie: &str, path: &str) -> bool {
    { path.strip_prefix(cookie) }
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(url: &str, lines: &[&str]) -> Jar {
        let url = Url::parse(url).unwrap();
        let mut jar = Jar::default();
        for line in lines {
            jar.keep(line.as_bytes(), &url);
        }
        jar
    }

    fn sent(jar: &mut Jar, url: &str) -> String {
        jar.header(&Url::parse(url).unwrap()).unwrap_or_default()
    }

    #[test]
    fn cookies_go_where_browsers_send_them() {
        let mut jar = jar(
            "https://www.shop.example/a/b",
            &[
                "host=1; Path=/",
                "all=2; Domain=.shop.example; Path=/",
                "path=3",
                "secure=4; Secure; Path=/",
                "gone=5; Max-Age=0; Path=/",
                "old=6; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
                "foreign=7; Domain=other.example",
                "public=8; Domain=com",
                "=nameless",
            ],
        );
        assert_eq!(
            sent(&mut jar, "https://www.shop.example/a/x"),
            "host=1; all=2; path=3; secure=4"
        );
        assert_eq!(
            sent(&mut jar, "http://www.shop.example/ab"),
            "host=1; all=2"
        );
        assert_eq!(sent(&mut jar, "http://api.shop.example/"), "all=2");
        assert_eq!(sent(&mut jar, "http://shop.example.test/"), "");
    }

    #[test]
    fn a_later_one_takes_the_place_of_an_earlier() {
        let mut jar = jar("http://a.test/", &["a=1; Secure", "a=2", "a=3; Path=/x"]);
        assert_eq!(jar.all().len(), 2);
        assert_eq!(sent(&mut jar, "http://a.test/x"), "a=2; a=3");
    }

    #[test]
    fn prefixes_are_held_to() {
        let lines = [
            "__Host-a=1; Path=/",
            "__Host-b=1; Secure; Path=/; Domain=a.test",
            "__Host-c=1; Secure; Path=/x",
            "__Host-d=1; Secure; Path=/",
            "__Secure-e=1",
            "__Secure-f=1; Secure; Domain=a.test",
        ];
        let jar = jar("https://a.test/", &lines);
        let names: Vec<_> = jar.all().iter().map(|kept| &*kept.name).collect();
        assert_eq!(names, ["__Host-d", "__Secure-f"]);
    }
}
