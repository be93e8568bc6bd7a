//! Logins at paths that nobody guards: told of once each, with the table to write.
//!
//! What is guessed there is not counted, and nothing else would show it. That a password was sent shows in the
//! names of the fields; nothing is gathered for it, and what stands in them is not looked at.

use std::rc::Rc;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use panoply::limits::{LoginVerdict, sends_a_password};

use crate::body::{Progress, RequestBody};

/// More paths than these are not told of.
const MOST: usize = 8;

/// A path that is longer is not worth a line.
const LONGEST: usize = 120;

/// How much of a body is glanced at, in bytes.
const BEGINNING: usize = 4096;

/// The paths that have been told of.
pub(crate) type Told = crate::told::Told<MOST>;

/// A request that may turn out to be such a login.
#[derive(Debug)]
pub(crate) struct Suspect {
    path: Box<str>,
    by: By,
}

#[derive(Debug)]
enum By {
    /// A field of the body.
    Field(Rc<Progress>),
    /// Credentials in the head.
    Basic,
}

impl Suspect {
    /// What is to be looked at once the app has answered.
    pub(crate) fn of(request: &Request<RequestBody>, told: &Told) -> Option<Self> {
        // The guard gives one to each login that it lets through.
        if told.is_full() || request.extensions().get::<LoginVerdict>().is_some() {
            return None;
        }
        let by = if *request.method() == Method::POST && has_fields(request.headers()) {
            let progress = request.body().progress();
            progress.look_for_a_password();
            By::Field(progress)
        } else if has_credentials(request.headers()) {
            By::Basic
        } else {
            return None;
        };
        let path = request.uri().path();
        (path.len() <= LONGEST).then(|| Self {
            path: path.into(),
            by,
        })
    }

    /// Tells of it, if it was one, by what the app has answered.
    pub(crate) fn tell(&self, status: StatusCode, told: &Told) {
        let path = &*self.path;
        match &self.by {
            By::Field(progress)
                if progress.has_seen_a_password() && is_there(status) && told.first(path) =>
            {
                tracing::warn!(
                    path,
                    status = status.as_u16(),
                    "a password was sent to where no login is guarded: if that is a login, nobody counts what is \
                     guessed there. If nothing but the login is sent there, panoply.toml needs a table [[login]] with \
                     this path (where there is one, the usual paths are guarded only if they stand in its list, as in \
                     path = [\"/login\", \"/enter\"]); if other forms are, as at an index.php, a [[limit]] on it \
                     bounds how fast is guessed"
                );
            }
            // Whoever was let in has been asked; a page that is there for everybody shows nothing.
            By::Basic if status == StatusCode::UNAUTHORIZED && told.first(path) => {
                tracing::warn!(
                    path,
                    status = status.as_u16(),
                    "the app has refused a name and a password in a request's head (Basic) where no login is \
                     guarded: nobody counts what is guessed there. Where one path takes them, panoply.toml needs \
                     a table [[login]] with this path and methods = [\"GET\"] (and the usual paths, if they are \
                     to be guarded as well); where all do, a [[limit]] bounds how fast is guessed"
                );
            }
            _ => {}
        }
    }
}

/// Whether an app has something there.
fn is_there(status: StatusCode) -> bool {
    let absent = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    !absent.contains(&status) && !status.is_server_error()
}

fn has_fields(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        let has = |word: &[u8]| {
            let mut parts = kind.windows(word.len());
            parts.any(|part| part.eq_ignore_ascii_case(word))
        };
        has(b"form") || has(b"json")
    })
}

fn has_credentials(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|value| {
        let scheme = value.as_bytes().get(.."basic ".len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
    })
}

/// Whether a body has a field for a password, where somebody wants to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Glance {
    #[default]
    Unasked,
    /// As long as no more than so many bytes pass.
    Asked(usize),
    Seen,
}

impl Glance {
    /// Somebody wants to know.
    pub(crate) const ASKED: Self = Self::Asked(BEGINNING);

    /// What is known once this part has passed. Each is looked at by itself: a name that is cut in two is not seen.
    pub(crate) fn at(self, part: &[u8]) -> Self {
        let Self::Asked(left) = self else {
            return self;
        };
        let beginning = part.get(..left).unwrap_or(part);
        if sends_a_password(beginning) {
            return Self::Seen;
        }
        match left - beginning.len() {
            0 => Self::Unasked,
            left => Self::Asked(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_in_any_part_of_the_beginning() {
        let after = |parts: &[&str]| {
            let mut parts = parts.iter().map(|part| part.as_bytes());
            parts.try_fold(Glance::ASKED, |glance, part| match glance.at(part) {
                Glance::Unasked => Err(Glance::Unasked),
                glance => Ok(glance),
            })
        };
        let text = format!("text={}", "a".repeat(BEGINNING));
        let (short, long) = (&text[..BEGINNING - 20], &*text);
        for parts in [
            &["user=ada&password=x"][..],
            &["u", "ser=ada&password=x"],
            &["", "user=ada&pa", "ss=x&password=x", "&more=x"],
            &[short, "&password=x"],
        ] {
            assert_eq!(after(parts), Ok(Glance::Seen), "{parts:?}");
        }
        assert_eq!(after(&[long, "&password=x"]), Err(Glance::Unasked));
        let late = format!("{long}&password=x");
        assert_eq!(after(&[&late]), Err(Glance::Unasked));
        assert_eq!(Glance::default().at(b"password=x"), Glance::Unasked);
    }

    #[test]
    fn the_kind_of_a_body_is_known_in_any_case() {
        for (kind, has) in [
            ("application/x-www-form-urlencoded", true),
            ("Multipart/Form-Data; boundary=x", true),
            ("APPLICATION/JSON", true),
            ("text/plain", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(has_fields(&headers), has, "{kind}");
        }
    }
}
