//! Which requests are logins, however their path is written.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body::Body;
use panoply_core::said_methods;
use panoply_core::spelling::{
    canonical, in_latin, is_canonical, loosely, may_be, named, without_steps,
};

use super::usual;
use crate::original::original;

/// The paths of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    paths: Vec<String>,
    /// A bit for each letter that follows a path's slash, by which most requests are told to be none.
    letters: u128,
    methods: Vec<Method>,
    /// Whether what ends as a login does is one, below whatever path.
    below: bool,
}

/// By what a login is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Its path.
    Path,
    /// The end of its path alone: it is one if a password is sent.
    End,
    /// Credentials in its head, and nothing else that it does.
    Head,
}

/// That a request is a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) by: By,
    pub(super) fit: Fit,
    /// Whether only some apps read so what was asked for.
    pub(super) is_doubtful: bool,
}

/// How well a path is one that is known, the better the greater, and by how long a one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// By its end, or it has more behind it.
    Partly(usize),
    /// But for its format, or for what follows a program.
    Nearly(usize),
    Wholly(usize),
}

/// What other pages of an app are that a failed login leads back to.
const USUAL: [&str; 8] = [
    "/login",
    "/signin",
    "/sign-in",
    "/sign_in",
    "/auth/login",
    "/users/sign_in",
    "/account/login",
    "/session/new",
];

impl Route {
    pub(super) fn new(paths: &[String], methods: Vec<Method>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for path in paths {
            let named = named(path);
            let canonical = canonical(path).into_owned();
            // What some take for another letter is that path, too.
            let other = (named != canonical).then_some(named);
            known.extend(std::iter::once(canonical).chain(other));
        }
        let paths = known;
        let letters = paths.iter().map(|path| letter(path));
        Self {
            letters: letters.fold(0, |all, one| all | one.unwrap_or(u128::MAX)),
            paths,
            methods,
            below: false,
        }
    }

    /// As well whatever ends as the path of a login, wherever it stands.
    pub(super) fn or_below(mut self, below: bool) -> Self {
        self.below = below;
        self
    }

    /// Whether a request is a login, and by what it is known: it goes there, and does something. That is what its
    /// method says, or means, or what may mean so in a body; or, where its end says so, what it brings in its head.
    ///
    /// Within a router that is nested, a path is read as it stands there, and as the client wrote it.
    pub(super) fn known_by<B: Body>(&self, request: &Request<B>) -> Option<Known> {
        let cut = request.uri().path();
        let whole = original(request.extensions(), request.uri()).path();
        let known = self.fits(request, cut);
        if whole == cut || known.is_some_and(|known| known.by == By::Path) {
            return known;
        }
        match self.fits(request, whole) {
            Some(other) if other.by == By::Path => Some(other),
            other => known.or(other),
        }
    }

    /// The same of a request by which another path may be meant than the one that it asks for.
    pub(super) fn known_at<B: Body>(&self, request: &Request<B>, path: &str) -> Option<Known> {
        let known = self.fits(request, path)?;
        let is_doubtful = true;
        Some(Known {
            is_doubtful,
            ..known
        })
    }

    fn fits<B: Body>(&self, request: &Request<B>, path: &str) -> Option<Known> {
        let starts = |known: &String| path.starts_with(known.as_str());
        let may_start = || letter(path).is_none_or(|letter| self.letters & letter != 0);
        let may_end = || {
            self.below
                && usual::may_have_login(path)
                && (usual::ends_as_login(path) || usual::is_behind_login(path))
        };
        let is_plain = is_canonical(path);
        if is_plain && !(may_start() && self.paths.iter().any(starts) || may_end()) {
            return None;
        }
        let acts = self.does_something(request);
        let brings =
            || has_credentials(request.headers()) && may_be(path, true, usual::ends_as_page);
        if !acts && !brings() {
            return None;
        }
        let (known, all) = (canonical(path), without_steps(path));
        let read = self.reads(request, &known, &all);
        let loose = (!is_plain).then(|| self.reads_loosely(request, path, (&known, &all)));
        let loose = loose.flatten();
        let fit = read.max(loose)?;
        let by = match fit {
            _ if !acts => By::Head,
            Fit::Partly(_) => By::End,
            Fit::Nearly(_) | Fit::Wholly(_) => By::Path,
        };
        Some(Known {
            by,
            fit,
            is_doubtful: loose > read,
        })
    }

    /// Whether a request does something by its method, or what may stand for it, and not by nothing but
    /// credentials in its head.
    fn does_something<B: Body>(&self, request: &Request<B>) -> bool {
        let body = request.body();
        let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
        self.acts(request.method())
            || !is_empty
            || said_methods(request).any(|said| self.acts(&said))
    }

    /// How a request to a path, in its canonical form and as that is with no step taken, is a login.
    fn reads<B>(&self, request: &Request<B>, path: &str, all: &str) -> Option<Fit> {
        // Who puts a file where he likes may call it so; no client puts a login but as a form or JSON.
        let stores = || *request.method() == Method::PUT && !is_form_or_json(request.headers());
        let part = || self.part(path, all).filter(|_| !stores());
        self.fit(path).or_else(part)
    }

    /// The same of what servers of Windows, and those that read Latin-1, make of a path that others read as `known`.
    fn reads_loosely<B>(
        &self,
        request: &Request<B>,
        path: &str,
        (known, all): (&str, &str),
    ) -> Option<Fit> {
        let taken = loosely(path, known, true);
        let left = loosely(path, all, false);
        let others =
            each(known, &taken).flat_map(|one| each(all, &left).map(move |all| (one, all)));
        // The first of them is known.
        let loose = others
            .skip(1)
            .filter_map(|(one, all)| self.reads(request, one, all));
        let loose = loose.max();
        let latin = in_latin(path).and_then(|path| {
            let known = (&*canonical(&path), &*without_steps(&path));
            let read = self.reads(request, known.0, known.1);
            read.max(self.reads_loosely(request, &path, known))
        });
        loose.max(latin)
    }

    /// How a path, in its canonical form, is one of those that are known.
    fn fit(&self, path: &str) -> Option<Fit> {
        let program = usual::program(path);
        let bare = |path: &'_ str| path.rsplit_once('.').map_or(0, |(path, _)| path.len());
        let nearly = [bare(path), program.len(), bare(program)];
        let fit = |known: &String| {
            let length = known.len();
            if **known == *path {
                return Some(Fit::Wholly(length));
            }
            let begins = nearly.contains(&length) && path.starts_with(known.as_str());
            begins.then_some(Fit::Nearly(length))
        };
        self.paths.iter().filter_map(fit).max()
    }

    /// Whether a path ends as a login, or has more behind that of one, be it steps: what goes by the beginning of a
    /// path, or by some of its segments, takes the rest for nothing.
    fn part(&self, path: &str, all: &str) -> Option<Fit> {
        if self.below {
            let ends = usual::ends_as_login(path) || usual::ends_as_login(all);
            return (ends || usual::is_behind_login(all)).then_some(Fit::Partly(0));
        }
        let begins = |known: &&String| {
            [path, all].into_iter().any(|path| {
                let rest = path.strip_prefix(known.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let longest = self.paths.iter().filter(begins).map(String::len).max();
        longest.map(Fit::Partly)
    }

    /// Whether `location`, where an answer redirects to, is the login again.
    pub(super) fn is_login_page(&self, location: &str) -> bool {
        let path = path_of(location);
        // Nothing but a query or a fragment leads back to where the form was sent.
        path.is_empty()
            || may_be(path, true, |path| {
                self.fit(path).is_some() || self.is_page(path)
            })
    }

    fn is_page(&self, path: &str) -> bool {
        USUAL.contains(&path) || self.below && usual::ends_as_page(path)
    }

    /// Whether where a login goes to is where its form is as well, as it is at the usual paths.
    pub(super) fn is_usual_page(path: &str) -> bool {
        let path = canonical(path);
        let without_format = path.rsplit_once('.').map(|(path, _)| path);
        USUAL.contains(&&*path)
            || without_format.is_some_and(|path| USUAL.contains(&path))
            || usual::ends_as_page(&path)
    }

    fn acts(&self, method: &Method) -> bool {
        let harmless = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::DELETE,
        ];
        !harmless.contains(method) || self.methods.contains(method)
    }
}

/// The path of an address, which may be one alone.
pub(crate) fn path_of(location: &str) -> &str {
    // What a query or a path holds (`/login?next=https://…`) is no address of its own.
    let is_scheme = |scheme: &str| !scheme.contains(['/', '?', '#']);
    let path = match location.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => location,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

/// The bit of the letter behind the first slash, if there is one.
fn letter(path: &str) -> Option<u128> {
    let byte = path.as_bytes().get(1)?;
    1_u128.checked_shl((*byte).into())
}

/// Whether a request brings a name and a password in its head, as Basic has them: what asks for them at a path of
/// its own, as Trac and Cockpit do, is asked by GET.
pub(crate) fn has_credentials(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().trim_ascii_start().get(.."basic".len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
    })
}

/// Whether a body says that it is what a login is sent as.
fn is_form_or_json(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().any(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.contains("form") || kind.contains("json")
    })
}

/// One reading of a path, and all others.
fn each<'a>(known: &'a str, others: &'a [String]) -> impl Iterator<Item = &'a str> {
    std::iter::once(known).chain(others.iter().map(String::as_str))
}
#[cfg(test)]
mod tests;
