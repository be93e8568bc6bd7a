//! The nonce in the app's answers, and the placeholder in none of them.
//!
//! The app writes the placeholder wherever its templates have a nonce: also into pages for which the policy has
//! none, data that a page is made of in the browser (`text/x-component` of Next.js), and headers (`Link`, a policy
//! of its own). Whoever sees it there may write scripts that run on every page with a nonce. So it leaves in
//! nothing that can be looked into; where the policy has no nonce, one that nobody asked for takes its place.

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use memchr::memmem;
use panoply_core::Nonce;

use super::Failure;
use crate::body::{AppBody, ResponseBody};
use crate::nonce::Stamped;

/// What says how the bytes add up that the app has sent (RFC 9530, and what was before it).
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What the names of films, music and large files end in.
const LARGE: [&str; 24] = [
    "7z", "aac", "apk", "deb", "dmg", "exe", "flac", "gz", "iso", "m4a", "m4s", "m4v", "mkv",
    "mov", "mp3", "mp4", "msi", "ogg", "opus", "pdf", "wav", "webm", "xz", "zip",
];

/// Whether the app may be asked for the part that a client wants: not of a page, of which half a placeholder would go
/// out, but iOS plays no film that is not to be had in parts.
///
/// The client may say what it likes: no part of a text goes out ([`stamped`]).
pub(crate) fn may_be_in_parts(path: &str, headers: &HeaderMap) -> bool {
    let Some(range) = headers.get(RANGE) else {
        return false;
    };
    let is_played = || {
        let dest = headers.get(FETCH_DEST).map(HeaderValue::as_bytes);
        matches!(dest, Some(b"video" | b"audio"))
    };
    let is_large = || {
        let end = path
            .rsplit_once('.')
            .map(|(_, end)| end.to_ascii_lowercase());
        end.is_some_and(|end| LARGE.contains(&end.as_str()))
    };
    // Several come as a text of their own.
    !range.as_bytes().contains(&b',') && (is_large() || is_played())
}

/// Asks for what can be looked into: nothing that is compressed, and no part of it ([`may_be_in_parts`]). Says whether a
/// part is still asked for.
pub(crate) fn ask_for_all(path: &str, headers: &mut HeaderMap) -> bool {
    headers.remove(ACCEPT_ENCODING);
    let in_parts = may_be_in_parts(path, headers);
    if !in_parts {
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
    }
    in_parts
}

/// The app's answer with `nonce` in place of the placeholder, or with any, if its policy has none. `in_parts` says
/// whether the client has chosen a part of it.
pub(crate) fn stamped(
    answer: Response<AppBody>,
    placeholder: &str,
    nonce: Option<Nonce>,
    in_parts: bool,
) -> Result<Response<ResponseBody>, Failure> {
    let (mut parts, body) = answer.into_parts();
    let kind = Kind::of(&parts.headers);
    if in_parts && parts.status == StatusCode::PARTIAL_CONTENT && kind != Kind::Bytes {
        return Err(Failure::Part);
    }
    let is_told = tells(&parts.headers, placeholder);
    if kind == Kind::Bytes && !is_told {
        return Ok(Response::from_parts(parts, ResponseBody::Plain(body)));
    }
    let nonce = match nonce {
        Some(nonce) => nonce,
        None => Nonce::random().map_err(|_| Failure::Random)?,
    };
    if is_told {
        replace(&mut parts.headers, placeholder, &nonce);
    }
    if kind == Kind::Page {
        // A page with a nonce is another page each time: it must not be revalidated as the same.
        for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES].iter().chain(&DIGESTS) {
            parts.headers.remove(name);
        }
    }
    let body = match kind {
        Kind::Bytes => ResponseBody::Plain(body),
        Kind::Page | Kind::Text => {
            ResponseBody::Stamped(Box::new(Stamped::new(body, placeholder, nonce)))
        }
    };
    Ok(Response::from_parts(parts, body))
}

/// What an answer holds, by what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A page that scripts run in.
    Page,
    /// What may have the placeholder in it as well; what does not say what it is, too.
    Text,
    /// Pictures and the like.
    Bytes,
}

impl Kind {
    /// Of several kinds the one with the most to look at.
    fn of(headers: &HeaderMap) -> Self {
        let kinds = headers.get_all(CONTENT_TYPE).iter().map(Self::named);
        kinds.min_by_key(|kind| *kind as u8).unwrap_or(Self::Text)
    }

    fn named(media: &HeaderValue) -> Self {
        let media = String::from_utf8_lossy(media.as_bytes()).to_ascii_lowercase();
        let media = media.split(';').next().unwrap_or_default().trim();
        let has = |word: &&str| media.contains(*word);
        if ["text/html", "application/xhtml+xml"].contains(&media) {
            Self::Page
        } else if media.is_empty()
            || ["text/", "multipart/", "json", "xml", "html", "script"]
                .iter()
                .any(has)
        {
            Self::Text
        } else {
            Self::Bytes
        }
    }
}

fn tells(headers: &HeaderMap, placeholder: &str) -> bool {
    let mut values = headers.values();
    values.any(|value| memmem::find(value.as_bytes(), placeholder.as_bytes()).is_some())
}

fn replace(headers: &mut HeaderMap, placeholder: &str, nonce: &Nonce) {
    for value in headers.values_mut() {
        let mut bytes = value.as_bytes().to_vec();
        let found: Vec<usize> = memmem::find_iter(&bytes, placeholder).collect();
        for start in &found {
            if let Some(place) = bytes.get_mut(*start..start + placeholder.len()) {
                // They are of the same length.
                place.copy_from_slice(nonce.as_str().as_bytes());
            }
        }
        if !found.is_empty()
            && let Ok(replaced) = HeaderValue::from_bytes(&bytes)
        {
            *value = replaced;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    const PLACEHOLDER: &str = "abababababababababababac";

    fn passed(pairs: &[(&str, &str)], nonce: Option<&Nonce>) -> (HeaderMap, String) {
        let mut answer = Response::builder();
        for (name, value) in pairs {
            answer = answer.header(*name, value.replace('#', PLACEHOLDER));
        }
        let text = Bytes::from(format!("<script nonce={PLACEHOLDER}>"));
        let answer = answer.body(AppBody::Whole(Full::new(text))).unwrap();
        let (parts, body) = stamped(answer, PLACEHOLDER, nonce.cloned(), false)
            .unwrap()
            .into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let bytes = runtime
            .unwrap()
            .block_on(body.collect())
            .unwrap()
            .to_bytes();
        (parts.headers, String::from_utf8(bytes.into()).unwrap())
    }

    #[test]
    fn a_page_has_the_nonce_of_its_policy() {
        let nonce = Nonce::random().unwrap();
        for media in [
            "text/html",
            "Text/HTML ;charset=utf-8",
            "application/xhtml+xml",
        ] {
            let page = [("content-type", media), ("etag", "\"1\"")];
            let (headers, body) = passed(&page, Some(&nonce));
            assert_eq!(
                body,
                format!("<script nonce={}>", nonce.as_str()),
                "{media}"
            );
            assert!(!headers.contains_key(ETAG), "{media}");
        }
    }

    #[test]
    fn a_page_says_nothing_of_the_bytes_that_the_app_has_sent() {
        let digests = ["content-md5", "digest", "content-digest", "repr-digest"];
        for (media, passes) in [("text/html", false), ("image/png", true)] {
            let mut pairs = vec![("content-type", media)];
            pairs.extend(digests.map(|name| (name, "sha-256=:AAAA:")));
            let (headers, _) = passed(&pairs, None);
            for name in digests {
                assert_eq!(headers.contains_key(name), passes, "{media}: {name}");
            }
        }
    }

    #[test]
    fn the_placeholder_is_in_nothing_that_goes_out() {
        let nonce = Nonce::random().unwrap();
        for media in [
            "text/html",
            "text/x-component",
            "text/event-stream",
            "application/json; charset=utf-8",
            "application/problem+json",
            "image/svg+xml",
            "application/javascript",
            "multipart/mixed; boundary=-",
            "",
        ] {
            // A page of a path without a nonce, and what is no page.
            for nonce in [None, Some(&nonce)] {
                let (_, body) = passed(&[("content-type", media)], nonce);
                assert!(!body.contains(PLACEHOLDER), "{media}: {body}");
            }
        }
        let (_, body) = passed(&[], None);
        assert!(!body.contains(PLACEHOLDER), "{body}");
        let twice = [("content-type", "image/png"), ("content-type", "text/html")];
        let (_, body) = passed(&twice, None);
        assert!(!body.contains(PLACEHOLDER), "{body}");
    }

    #[test]
    fn nor_in_a_header() {
        let nonce = Nonce::random().unwrap();
        let own = nonce.as_str();
        let pairs = [
            ("content-type", "image/png"),
            (
                "link",
                "</a.js>; rel=preload; nonce=\"#\", </b.js>; nonce=#",
            ),
            ("content-security-policy", "script-src 'nonce-#'"),
            ("etag", "\"1\""),
        ];
        let (headers, _) = passed(&pairs, Some(&nonce));
        let link = format!("</a.js>; rel=preload; nonce=\"{own}\", </b.js>; nonce={own}");
        assert_eq!(headers["link"], link);
        assert_eq!(
            headers["content-security-policy"],
            format!("script-src 'nonce-{own}'")
        );
        assert_eq!(headers["etag"], "\"1\"");
        let (headers, _) = passed(&pairs, None);
        assert!(!format!("{headers:?}").contains(PLACEHOLDER), "{headers:?}");
    }

    #[test]
    fn parts_are_of_films_and_large_files_alone() {
        let asks = |path: &str, pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            });
            may_be_in_parts(path, &pairs.collect())
        };
        let range = ("range", "bytes=0-1");
        assert!(asks("/film.MP4", &[range]) && asks("/a/b.tar.gz", &[range]));
        assert!(asks("/film", &[range, ("sec-fetch-dest", "video")]));
        assert!(!asks("/film.mp4", &[]), "without a range");
        assert!(!asks("/film.mp4", &[("range", "bytes=0-1, 3-4")]));
        for page in ["/", "/page.html", "/mp4", "/data.json", "/film.mp4/"] {
            assert!(!asks(page, &[range]), "{page}");
        }
        // Whatever was asked for, no part of a text goes out.
        for (media, goes) in [
            ("video/mp4", true),
            ("application/pdf", true),
            ("text/html", false),
            ("application/json", false),
            ("multipart/byteranges", false),
        ] {
            let answer = || {
                let answer = Response::builder()
                    .status(206)
                    .header("content-type", media);
                answer.body(AppBody::default()).unwrap()
            };
            assert_eq!(
                stamped(answer(), PLACEHOLDER, None, true).is_ok(),
                goes,
                "{media}"
            );
            // One that the app has chosen.
            assert!(
                stamped(answer(), PLACEHOLDER, None, false).is_ok(),
                "{media}"
            );
        }
    }

    #[test]
    fn a_picture_is_not_looked_into() {
        let (_, body) = passed(&[("content-type", "image/png")], None);
        assert!(body.contains(PLACEHOLDER));
    }
}
