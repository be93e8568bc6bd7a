//! What an app sets, as a browser is to keep it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::{Entry, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply_cookies::{SameSite, Sealer, SetCookie};

use super::CookieGuard;
use super::guard::Treatment;

/// How long a browser keeps a cookie at most (RFC 6265bis §5.5): that long one without an end may
/// come back.
const LONGEST: Duration = Duration::from_hours(400 * 24);

/// How many bytes of name and value a browser keeps (§5.6).
const MOST: usize = 4096;

impl CookieGuard {
    /// Hardens every cookie that `headers` set; whether one of them is of a session.
    ///
    /// `https` says whether the client came by HTTPS: only then names are others outside.
    pub fn outgoing(&self, headers: &mut HeaderMap, https: bool) -> bool {
        self.outgoing_from(headers, https, false)
    }

    /// The same, where it is known whether the answer is to a request `at_root`, with one slash in its
    /// path: what has no path of its own is for all of the site then.
    pub(super) fn outgoing_from(
        &self,
        headers: &mut HeaderMap,
        https: bool,
        at_root: bool,
    ) -> bool {
        // Most answers set none, and an entry costs more than a look.
        if !self.is_enabled() || !headers.contains_key(SET_COOKIE) {
            return false;
        }
        let Entry::Occupied(mut set) = headers.entry(SET_COOKIE) else {
            return false;
        };
        let mut session = false;
        for header in set.iter_mut() {
            let Some(cookie) = SetCookie::parse(header.as_bytes()) else {
                // No browser keeps it.
                continue;
            };
            let treatment = self.treatment(cookie.name());
            session |= treatment.is_session();
            if treatment.left {
                continue;
            }
            let hardened = self.harden(cookie, &treatment, https, at_root);
            if let Some(hardened) = hardened {
                *header = hardened;
            }
        }
        session
    }

    fn harden(
        &self,
        cookie: SetCookie<'_>,
        treatment: &Treatment<'_>,
        https: bool,
        at_root: bool,
    ) -> Option<HeaderValue> {
        let name = cookie.name().to_vec();
        let readable = !cookie.is_http_only();
        let said = cookie.same_site_mode();
        let mut cookie = cookie;
        if https {
            cookie = cookie.secure();
        }
        let same_site = match (said, treatment.same_site) {
            (None, asked) => Some(asked.unwrap_or(SameSite::Lax)),
            // What the app wants stricter stays so.
            (Some(said), Some(asked)) => (asked > said || asked == SameSite::None).then_some(asked),
            (Some(_), None) => None,
        };
        if let Some(mode) = same_site.filter(|mode| said != Some(*mode)) {
            cookie = cookie.same_site(mode);
        }
        if treatment.http_only && readable {
            self.tell_of_http_only(&name);
            cookie = cookie.http_only();
        }
        let outside = treatment.outside.filter(|_| https);
        // One cookie to a browser is one outside, however the app says that it is for all of the site.
        let path = cookie.path_attribute();
        let host = cookie.domains() == 0 && path.map_or(at_root, |path| path == b"/");
        if outside.is_some() && host && path.is_none() {
            // `__Host-` asks for a path that is written down.
            cookie = cookie.path("/");
        }
        let outside = outside.map(|names| if host { &*names.host } else { &*names.secure });
        if outside.is_some() && !host && cookie.domains() > 0 {
            self.tell_of_domain(&name);
        }
        let goes_as = outside.unwrap_or(&name);
        if treatment.sealed
            && let Some(value) = self.closed(&cookie, &name, goes_as)
        {
            cookie = cookie.with_value(Cow::Owned(value));
        }
        match outside {
            Some(outside) if outside.len() + cookie.value().len() <= MOST => {
                cookie = cookie.named(outside.to_vec());
            }
            Some(_) => self.tell_of_no_room(&cookie),
            None => {}
        }
        cookie.to_header()
    }

    /// The value sealed, or marked where that would be too large; none where it stays as it is.
    fn closed(&self, cookie: &SetCookie<'_>, name: &[u8], outside: &[u8]) -> Option<Vec<u8>> {
        let value = cookie.value();
        let max_age = cookie.max_age_attribute();
        // What deletes a cookie never comes back.
        if value.is_empty() || max_age.is_some_and(|age| age <= 0) {
            return None;
        }
        let own = str::from_utf8(name).ok()?;
        let lasts = max_age.and_then(|age| u64::try_from(age).ok());
        // cookie-session says it by a date alone; one that is past deletes.
        let until = |end: SystemTime| end.duration_since(self.now()).ok();
        let until = || cookie.expires_attribute().and_then(until);
        let lasts = lasts.map(Duration::from_secs).or_else(until);
        let lasts = lasts.unwrap_or(LONGEST).min(LONGEST);
        let fits = |bytes: usize| outside.len().saturating_add(bytes) <= MOST;
        if fits(Sealer::sealed_len(value.len())) {
            return match self.sealer().seal(own, value, lasts) {
                Ok(sealed) => Some(sealed.into_bytes()),
                Err(error) => {
                    tracing::error!(%error, cookie = own, "a cookie could not be sealed");
                    // Nobody must be able to read it.
                    Some(Vec::new())
                }
            };
        }
        let marked = self.sealer().mark(own, value).ok()?;
        let first = self.first_told(name);
        if fits(marked.len()) {
            if first {
                tracing::warn!(
                    cookie = own,
                    bytes = value.len(),
                    "too large to be sealed: its user can read it, though not change it. Keep less \
                     in it, or the session in a store"
                );
            }
            return Some(marked);
        }
        if first {
            tracing::warn!(
                cookie = own,
                bytes = value.len(),
                "too large to be sealed or marked: it goes out as it is, and will not be taken back. \
                 Keep less in it, or set `cookies.names.\"{own}\".seal = false`"
            );
        }
        None
    }

    /// Under its own name a browser keeps it at least.
    fn tell_of_no_room(&self, cookie: &SetCookie<'_>) {
        if self.first_told(cookie.name()) {
            let name = String::from_utf8_lossy(cookie.name());
            tracing::warn!(
                cookie = %name,
                bytes = cookie.bytes(),
                "too large for a longer name: it goes out under its own, and will not be taken back. \
                 Keep less in it, or set `cookies.names.\"{name}\".rename = false`"
            );
        }
    }

    /// The other hosts of the domain know nothing of the name that it has outside.
    fn tell_of_domain(&self, name: &[u8]) {
        if self.first_told(&[name, b", domain"].concat()) {
            let name = String::from_utf8_lossy(name);
            tracing::info!(
                cookie = %name,
                "the app sets it for a whole domain, and it goes by another name outside: if another host of the \
                 domain reads it, set `cookies.names.\"{name}\".rename = false`"
            );
        }
    }

    fn tell_of_http_only(&self, name: &[u8]) {
        if self.first_told(name) {
            let cookie = String::from_utf8_lossy(name);
            tracing::info!(
                %cookie,
                "HttpOnly was added to a cookie that the app leaves to page script; if a script of \
                 the app reads it, name it in `cookies.script_readable`"
            );
        }
    }
}
