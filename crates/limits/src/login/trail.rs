//! What a request says of itself by which its answer would show less, or something else, than how the
//! login went.
//!
//! A page that asks for a password again is sent in part to whoever asks for a `Range` of it, and not
//! at all to whoever says that he has it. A redirect back (`res.redirect('back')`, Laravel's `back()`)
//! leads where `Referer` says. So the app is not told the one, and of the other only where the login
//! itself is.

use http::header::{
    HOST, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, REFERER,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Uri};
use panoply_core::ClientAddress;

use super::route::Route;
use crate::original::original;

/// What Express takes for `Referer` as well, and before it; no browser writes it so.
const REFERRER: HeaderName = HeaderName::from_static("referrer");

/// Where an answer leads whose app goes by what the client says of where it came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail {
    /// Where the login is, which the app was told in place of what the client said.
    own: Option<String>,
    /// What the client said.
    said: Option<String>,
    /// Another site, where it came from in its own words.
    elsewhere: Option<Authority>,
    /// Whether nothing of a page is sent.
    without_body: bool,
}

impl Trail {
    /// Takes from a login what its answer must not depend on.
    pub(super) fn clear(parts: &mut Parts) -> Self {
        for name in [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE, REFERRER] {
            parts.headers.remove(name);
        }
        let mut trail = Self {
            without_body: parts.method == Method::HEAD,
            ..Self::default()
        };
        let Some((scheme, host)) = origin(parts) else {
            return trail;
        };
        let path = original(&parts.extensions, &parts.uri).path();
        let is_page = Route::is_usual_page(path);
        match came_from(&parts.headers) {
            Some(CameFrom::Address(authority, _)) if authority != host => {
                // A framework that compares the two still sees that they differ.
                trail.elsewhere = Some(authority);
                return trail;
            }
            // The page of a login is as good as the front page, which is what is said where the origin
            // is all that may be told.
            Some(CameFrom::Address(_, said))
                if !(is_page && said.ends_with(&format!("{host}/"))) =>
            {
                trail.said = Some(said);
            }
            // Elsewhere than at a page it may be that nothing is to be seen where the form goes.
            None if !is_page => return trail,
            _ => {}
        }
        // A query that is empty tells a redirect back from one that the app writes out.
        let mark = if trail.said.is_some() { "?" } else { "" };
        let own = format!("{scheme}://{host}{path}{mark}");
        if let Ok(value) = HeaderValue::try_from(&own) {
            parts.headers.insert(REFERER, value);
            trail.own = Some(own);
        }
        trail
    }

    /// Whether nothing but the client's word leads there.
    pub(super) fn leads_to(&self, location: &str) -> bool {
        let there = || location.parse::<Uri>().ok()?.into_parts().authority;
        self.elsewhere.is_some() && there() == self.elsewhere
    }

    /// Whether an answer has no body, whatever its head says.
    pub(super) const fn is_without_body(&self) -> bool {
        self.without_body
    }

    /// Sends the client back to where it came from after all.
    pub(super) fn restore(&self, headers: &mut HeaderMap) {
        let (Some(own), Some(said)) = (&self.own, &self.said) else {
            return;
        };
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(rest) = location.and_then(|location| location.strip_prefix(own.as_str())) else {
            return;
        };
        // `?error=1`, put behind it by the app.
        if (rest.is_empty() || rest.starts_with(['?', '&', '#']))
            && let Ok(value) = HeaderValue::try_from(format!("{said}{rest}"))
        {
            headers.insert(LOCATION, value);
        }
    }
}

/// Where a client says that it came from.
enum CameFrom {
    /// An address as a browser writes it.
    Address(Authority, String),
    /// Something that no browser says.
    Odd,
}

fn came_from(headers: &HeaderMap) -> Option<CameFrom> {
    let mut said = headers.get_all(REFERER).iter();
    let first = said.next()?;
    let address = || {
        let text = first.to_str().ok()?;
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.into_parts().authority?;
        (is_web && !authority.as_str().contains('@')).then(|| (authority, text.to_owned()))
    };
    Some(match (address(), said.next()) {
        (Some((authority, text)), None) => CameFrom::Address(authority, text),
        _ => CameFrom::Odd,
    })
}

/// The scheme and host by which the client asked.
fn origin(parts: &Parts) -> Option<(&'static str, Authority)> {
    let client = parts.extensions.get::<ClientAddress>()?;
    let header = || parts.headers.get(HOST)?.to_str().ok()?.parse().ok();
    let host = client.forwarded_host().cloned();
    let host = host.or_else(|| parts.uri.authority().cloned());
    let scheme = if client.is_https() { "https" } else { "http" };
    Some((scheme, host.or_else(header)?))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::Request;
    use panoply_core::Scheme;

    use super::*;

    fn parts(path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post(path).header("host", "shop.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
        let client = ClientAddress::direct(peer, Scheme::Https);
        parts.extensions.insert(client);
        parts
    }

    /// What the app is told, and where the client ends up when that is where the answer leads.
    fn back(path: &str, headers: &[(&str, &str)], more: &str) -> (Option<String>, String) {
        let mut parts = parts(path, headers);
        let trail = Trail::clear(&mut parts);
        assert!(parts.headers.get_all(REFERER).iter().count() < 2);
        let told = { parts.headers.get(REFERER) }.map(|value| value.to_str().unwrap().to_owned());
        let leads = format!("{}{more}", told.as_deref().unwrap_or("/"));
        let mut answer = HeaderMap::new();
        answer.insert(LOCATION, leads.parse().unwrap());
        trail.restore(&mut answer);
        let leads = answer[LOCATION].to_str().unwrap().to_owned();
        (told, leads)
    }

    #[test]
    fn the_app_is_told_where_the_login_is_and_the_client_goes_where_it_was() {
        let own = "https://shop.example/login";
        let home = "https://shop.example/";
        let mug = "https://shop.example/mugs/3?x=1";
        for (said, more, leads) in [
            (&[][..], "", own),
            (&[("referer", own)], "", own),
            (&[("referer", mug)], "", mug),
            (
                &[("referer", mug)],
                "#top",
                "https://shop.example/mugs/3?x=1#top",
            ),
            (
                &[("referer", mug)],
                "&error=1",
                "https://shop.example/mugs/3?x=1&error=1",
            ),
            // All that a browser's policy lets be told.
            (&[("referer", home)], "", own),
            (&[("referer", "/home")], "", own),
            (&[("referer", "")], "", own),
            (&[("referer", "https://x@shop.example/home")], "", own),
            (&[("referer", mug), ("referer", home)], "", own),
            (&[("referrer", home)], "", own),
            (&[("referer", mug), ("Referrer", home)], "", mug),
        ] {
            let (told, led) = back("/login", said, more);
            assert_eq!(told.unwrap().trim_end_matches('?'), own, "{said:?}");
            assert_eq!(led, leads, "{said:?}");
        }
        // Rails and Laravel write out whole addresses, which are meant.
        let mut parts = parts("/login", &[("referer", mug)]);
        let trail = Trail::clear(&mut parts);
        for meant in [
            own,
            "https://shop.example/login?error=1",
            "/login?",
            "/account",
        ] {
            let mut answer = HeaderMap::new();
            answer.insert(LOCATION, meant.parse().unwrap());
            trail.restore(&mut answer);
            assert_eq!(answer[LOCATION], meant);
        }
    }

    #[test]
    fn where_there_may_be_no_page_nothing_is_made_up() {
        assert_eq!(back("/authenticate", &[], ""), (None, "/".to_owned()));
        let home = "https://shop.example/";
        let (told, led) = back("/authenticate", &[("referer", home)], "");
        assert_eq!(told.as_deref(), Some("https://shop.example/authenticate?"));
        assert_eq!(led, home);
    }

    #[test]
    fn another_site_stays_one_and_is_known_again() {
        let there = "https://evil.example/home";
        let mut parts = parts("/login", &[("referer", there)]);
        let trail = Trail::clear(&mut parts);
        assert_eq!(parts.headers[REFERER], there);
        assert!(trail.leads_to(there) && trail.leads_to("https://evil.example/%7Bx%7D"));
        assert!(!trail.leads_to("/account") && !trail.leads_to("https://shop.example/"));
        assert!(!Trail::default().leads_to("/account"));
    }

    #[test]
    fn nothing_is_asked_for_in_part_or_not_at_all() {
        let mut parts = parts(
            "/login",
            &[
                ("range", "bytes=0-0"),
                ("if-range", "\"x\""),
                ("if-none-match", "*"),
                ("if-modified-since", "Fri, 01 Jan 2038 00:00:00 GMT"),
                ("accept", "*/*"),
            ],
        );
        Trail::clear(&mut parts);
        let mut left: Vec<&str> = parts.headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "host", "referer"]);
    }
}
