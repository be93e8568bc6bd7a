//! What a client sends, as the app is to see it.

use std::borrow::Cow;
use std::collections::HashMap;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use panoply_cookies::{Pair, Sealer, pairs};
use smallvec::SmallVec;

use super::CookieGuard;
use super::config::Unsealable;
use super::guard::Treatment;

/// What a request's cookies told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookiesSeen {
    /// Whether one of them is of a session, or proves who somebody is.
    pub session: bool,
    /// Whether one does not open that must, and the request is to be refused for it
    /// ([`Unsealable::Block`]).
    pub blocked: bool,
}

/// How many cookies are looked at; browsers send 180 at most, and what comes behind is dropped.
const MOST: usize = 500;

/// Who can have set a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    Anybody,
    /// A neighbouring host that knows the name, too.
    Domain,
    Host,
}

/// One pair, as the app is to see it.
struct Passed<'a> {
    name: &'a [u8],
    value: Cow<'a, [u8]>,
    /// Whether the first of its name counts alone.
    once: bool,
    trust: Trust,
    /// Whether it makes an answer one for its user alone.
    session: bool,
    as_it_came: bool,
}

impl CookieGuard {
    /// Gives the app its own names and values back, and takes out what it must not see.
    ///
    /// `https` says whether the client came by HTTPS: only then names are others outside.
    pub fn incoming(&self, headers: &mut HeaderMap, https: bool) -> CookiesSeen {
        let mut seen = CookiesSeen::default();
        if !self.is_enabled() {
            return seen;
        }
        let rebuilt = {
            let mut passed: SmallVec<[Passed<'_>; 8]> = SmallVec::new();
            let mut as_it_came = true;
            let mut looked_at = 0;
            'all: for line in headers.get_all(COOKIE) {
                for pair in pairs(line.as_bytes()) {
                    if looked_at == MOST {
                        as_it_came = false;
                        break 'all;
                    }
                    looked_at += 1;
                    if let Some(pair) = self.admit(pair, https) {
                        as_it_came &= pair.as_it_came;
                        passed.push(pair);
                    } else {
                        as_it_came = false;
                        seen.blocked |= self.blocks(pair, https);
                    }
                }
            }
            let before = passed.len();
            self.drop_repeated(&mut passed);
            as_it_came &= passed.len() == before;
            seen.session = passed.iter().any(|pair| pair.session);
            (!as_it_came).then(|| join(&passed))
        };
        match rebuilt {
            None => {}
            // Nothing of it may be left; a value that no header can have was in none.
            Some(text) => match HeaderValue::from_bytes(&text) {
                Ok(value) if !value.is_empty() => drop(headers.insert(COOKIE, value)),
                _ => drop(headers.remove(COOKIE)),
            },
        }
        seen
    }

    fn admit<'a>(&'a self, pair: Pair<'a>, https: bool) -> Option<Passed<'a>> {
        let inside = self.aliases().inside(pair.name).filter(|_| https);
        let name = inside.map_or(pair.name, |(name, _)| name);
        let treatment = self.treatment(name);
        if treatment.left {
            return Some(Passed::as_it_came(pair, treatment.is_session()));
        }
        if pair.is_odd() || self.is_another_in_blanks(pair.name) {
            return None;
        }
        let is_other = || treatment.outside.is_some() || self.is_read_as_another(name);
        let plain = https && inside.is_none() && is_other();
        let aliased = https && inside.is_none();
        let holds = || {
            (aliased || self.config().seals_any()) && self.holds_another(pair, aliased)
                || self.is_read_as_sealed(name)
        };
        if (plain || holds()) && !self.takes_plain() {
            if plain {
                self.tell_of_plain(name);
            }
            return None;
        }
        let value = self.unsealed(name, pair.value, &treatment)?;
        let unsealed = matches!(value, Cow::Owned(_)) || value.len() != pair.value.len();
        Some(Passed {
            name,
            once: treatment.is_protected(),
            session: treatment.is_session(),
            trust: match inside {
                Some((_, true)) => Trust::Host,
                Some((_, false)) => Trust::Domain,
                None => Trust::Anybody,
            },
            as_it_came: inside.is_none() && !unsealed,
            value,
        })
    }

    /// Whether a pair that was not admitted is one that does not open, and blocks.
    fn blocks(&self, pair: Pair<'_>, https: bool) -> bool {
        let name = self.aliases().inside(pair.name).filter(|_| https);
        let treatment = self.treatment(name.map_or(pair.name, |(name, _)| name));
        // A plain name is dropped, whatever its value.
        let plain = https && name.is_none() && treatment.outside.is_some();
        self.config().on_unsealable() == Unsealable::Block
            && treatment.sealed
            && !plain
            && !pair.is_odd()
    }

    /// Of those that count once the one stays that the fewest can have set, and of those the first.
    fn drop_repeated(&self, passed: &mut SmallVec<[Passed<'_>; 8]>) {
        if passed.iter().filter(|pair| pair.once).count() < 2 {
            return;
        }
        let mut best: HashMap<&[u8], (Trust, usize)> = HashMap::new();
        for (at, pair) in passed.iter().enumerate().filter(|(_, pair)| pair.once) {
            let known = best.entry(pair.name).or_insert((pair.trust, at));
            if pair.trust > known.0 {
                *known = (pair.trust, at);
            }
        }
        let mut at = 0;
        passed.retain(|pair| {
            let kept = best.get(pair.name).filter(|_| pair.once);
            let stays = kept.is_none_or(|(_, place)| *place == at);
            at += 1;
            if !stays
                && pair.trust == Trust::Domain
                && kept.is_some_and(|kept| kept.0 == Trust::Host)
            {
                self.tell_of_two(pair.name);
            }
            stays
        });
    }

    /// Whoever is sent back to log in again and again is, where another host of the domain has set it.
    fn tell_of_plain(&self, name: &[u8]) {
        if self.aliases().outside(name).is_some() && self.first_told(&[name, b", plain"].concat()) {
            let name = String::from_utf8_lossy(name);
            tracing::info!(
                cookie = %name,
                "a client has sent it by its plain name, which a neighbouring host can set, and the app does not \
                 get it: who had it before the cookie guard was there logs in again (or set \
                 `cookies.plain_until`). If another host of this domain sets it for this app, set \
                 `cookies.names.\"{name}\".rename = false`"
            );
        }
    }

    /// Two apps that share a host may both mean theirs; a neighbouring host may mean to slip one in.
    fn tell_of_two(&self, name: &[u8]) {
        if self.first_told(&[name, b", two"].concat()) {
            let name = String::from_utf8_lossy(name);
            tracing::warn!(
                cookie = %name,
                "a client has sent two of this name, one for all of the site and one for a path or a domain, and \
                 the app gets the first alone. If two apps share this host, and users of one are logged out \
                 again and again, have its session go by another name, or set \
                 `cookies.names.\"{name}\".rename = false`"
            );
        }
    }

    /// The value as the app has set it; none where it must not see what is there.
    fn unsealed<'v>(
        &self,
        name: &[u8],
        value: &'v [u8],
        treatment: &Treatment<'_>,
    ) -> Option<Cow<'v, [u8]>> {
        // Empty is what an app deletes with; nothing can hide in it.
        if value.is_empty() {
            return Some(Cow::Borrowed(value));
        }
        // Also those that were sealed under settings of another day.
        if Sealer::is_sealed(value)
            && let (Ok(name), Ok(text)) = (str::from_utf8(name), str::from_utf8(value))
            && let Ok(opened) = self.sealer().open(name, text)
        {
            return Some(Cow::Owned(opened.value));
        }
        if Sealer::is_marked(value)
            && let Ok(name) = str::from_utf8(name)
            && let Ok(value) = self.sealer().unmark(name, value)
        {
            return Some(Cow::Borrowed(value));
        }
        let passes = !treatment.sealed
            || self.takes_plain()
            || self.config().on_unsealable() == Unsealable::Pass;
        passes.then_some(Cow::Borrowed(value))
    }
}

impl<'a> Passed<'a> {
    const fn as_it_came(pair: Pair<'a>, session: bool) -> Self {
        Self {
            name: pair.name,
            value: Cow::Borrowed(pair.value),
            once: false,
            trust: Trust::Anybody,
            session,
            as_it_came: true,
        }
    }
}

fn join(passed: &[Passed<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    for pair in passed {
        if !text.is_empty() {
            text.extend_from_slice(b"; ");
        }
        // One without a name passes only where it is left as it is.
        if !pair.name.is_empty() || pair.value.contains(&b'=') {
            text.extend_from_slice(pair.name);
            text.push(b'=');
        }
        text.extend_from_slice(&pair.value);
    }
    text
}
