//! What a page has a browser ask for, whoever has written the page.

use http::{HeaderName, Request};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a browser says that it asks for this because another site's page has it do so, or because it is part of a
/// page: a picture, a script, a frame (Fetch Metadata, sections 2.1 and 2.3).
///
/// The visitor has not chosen that. A page with fifty pictures that are gone must not cost him the site, nor may
/// whoever writes one, here or elsewhere, have its readers held out. Whoever is no browser can claim it, and is then
/// where he was without a limit.
pub(super) fn is_caused<B>(request: &Request<B>) -> bool {
    let other = |name: HeaderName, own: [&str; 2]| {
        let value = request.headers().get(name);
        value.is_some_and(|value| !own.iter().any(|own| value == *own))
    };
    other(SITE, ["same-origin", "none"]) || other(DEST, ["document", "empty"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_by_himself_is_told_from_what_a_page_asks_for() {
        for (site, dest, expected) in [
            (None, None, false),
            (Some("none"), Some("document"), false),
            (Some("same-origin"), Some("document"), false),
            (Some("same-origin"), Some("empty"), false),
            (Some("same-origin"), Some("image"), true),
            (Some("same-origin"), Some("iframe"), true),
            (Some("cross-site"), Some("document"), true),
            (Some("same-site"), Some("empty"), true),
            (Some("cross-site"), None, true),
        ] {
            let mut request = Request::new(());
            for (name, value) in [(SITE, site), (DEST, dest)] {
                if let Some(value) = value {
                    request.headers_mut().insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_caused(&request), expected, "{site:?} {dest:?}");
        }
    }
}
