//! Which requests are logins, however their path is written.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method, Request};
use http_body::Body;
use percent_encoding::percent_decode_str;

use crate::original::original;

/// The paths of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    paths: Vec<String>,
    /// A bit for each letter that follows a path's slash, by which most requests are told to be none.
    letters: u128,
    methods: Vec<Method>,
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

/// Headers by which a request says that it means another method.
const OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

impl Route {
    pub(super) fn new(paths: &[String], methods: Vec<Method>) -> Self {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| canonical(path).into_owned())
            .collect();
        let letters = paths.iter().map(|path| letter(path));
        Self {
            letters: letters.fold(0, |all, one| all | one.unwrap_or(u128::MAX)),
            paths,
            methods,
        }
    }

    /// Whether a request is a login: it goes there, and does something. That is what its method
    /// says, or means, or what may mean so in a body.
    ///
    /// Within a router that is nested, a path is read as it stands there, and as the client wrote it.
    pub(super) fn matches<B: Body>(&self, request: &Request<B>) -> bool {
        let cut = request.uri().path();
        let whole = original(request.extensions(), request.uri()).path();
        self.fits(request, cut) || whole != cut && self.fits(request, whole)
    }

    fn fits<B: Body>(&self, request: &Request<B>, path: &str) -> bool {
        let starts = |known: &String| path.starts_with(known.as_str());
        let may_start = || letter(path).is_none_or(|letter| self.letters & letter != 0);
        if is_canonical(path) && !(may_start() && self.paths.iter().any(starts)) {
            return false;
        }
        let body = request.body();
        let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
        let means = self.acts(request.method()) || !is_empty || self.is_overridden(request);
        means && self.leads_to(path)
    }

    /// Whether `location`, where an answer redirects to, is the login again.
    pub(super) fn is_login_page(&self, location: &str) -> bool {
        let path = path_of(location);
        // Nothing but a query or a fragment leads back to where the form was sent.
        path.is_empty() || self.leads_to(path) || USUAL.contains(&&*canonical(path))
    }

    /// Whether where a login goes to is where its form is as well, as it is at the usual paths.
    pub(super) fn is_usual_page(path: &str) -> bool {
        let path = canonical(path);
        let without_format = path.rsplit_once('.').map(|(path, _)| path);
        USUAL.contains(&&*path) || without_format.is_some_and(|path| USUAL.contains(&path))
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

    fn is_overridden<B>(&self, request: &Request<B>) -> bool {
        let acts = |method: &str| {
            let method = method.trim().to_ascii_uppercase();
            Method::from_bytes(method.as_bytes()).is_ok_and(|method| self.acts(&method))
        };
        let query = request.uri().query().unwrap_or("");
        let in_query = form_urlencoded::parse(query.as_bytes())
            .any(|(key, value)| key.eq_ignore_ascii_case("_method") && acts(&value));
        in_query || in_headers(request.headers()).any(acts)
    }

    fn leads_to(&self, path: &str) -> bool {
        let path = canonical(path);
        let without_format = path.rsplit_once('.').map(|(path, _)| path);
        let is = |known: &String| **known == *path || Some(known.as_str()) == without_format;
        self.paths.iter().any(is)
    }
}

/// The path of an address, which may be one alone.
pub(super) fn path_of(location: &str) -> &str {
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => location,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

/// The bit of the letter behind the first slash, if there is one.
fn letter(path: &str) -> Option<u128> {
    let byte = path.as_bytes().get(1)?;
    1_u128.checked_shl((*byte).into())
}

fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = OVERRIDES.into_iter().flat_map(|name| headers.get_all(name));
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(','))
}

/// Whether a path is certainly its own canonical form, as far as it goes: most are, and most are no
/// login, which is then known without an allocation.
pub(super) fn is_canonical(path: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let mut before = b' ';
    for byte in path.bytes() {
        let goes_on =
            plain(byte) || (byte == b'/' && before != b'/') || (byte == b'.' && before != b'/');
        // Two dots in a row may be a way up.
        if !goes_on || (byte == b'.' && before == b'.') {
            return false;
        }
        before = byte;
    }
    path.starts_with('/')
}

/// A path as the most lenient app would read it: decoded, without case, `//`, `.` and `..` folded,
/// without parameters (`;…`) and without a slash at the end.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    if is_canonical(path) {
        return match path.trim_end_matches('/') {
            "" => "/".into(),
            path => path.into(),
        };
    }
    folded(path).into()
}

fn folded(path: &str) -> String {
    let mut decoded = path.to_owned();
    // Twice, since a proxy behind us might decode once more.
    for _ in 0..2 {
        decoded = percent_decode_str(&decoded)
            .decode_utf8_lossy()
            .into_owned();
    }
    let decoded = decoded.to_lowercase().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        let segment = segment
            .split([';', '\0', '?', '#'])
            .next()
            .unwrap_or("")
            .trim();
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{Empty, Full};
    use proptest::prelude::*;

    use super::*;

    fn is_login(method: &str, uri: &str, header: Option<(&str, &str)>) -> bool {
        let route = Route::new(&["/login".to_owned()], Vec::new());
        let mut request = Request::builder().method(method).uri(uri);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        route.matches(&request.body(Empty::<Bytes>::new()).unwrap())
    }

    #[test]
    fn however_a_path_is_written_it_is_the_login() {
        for path in [
            "/login",
            "/LOGIN",
            "/login/",
            "//login",
            "/login//",
            "/%6cogin",
            "/%6Cog%69n",
            "/%256cogin",
            "/./login",
            "/x/../login",
            "/login;a=b",
            "/login.json",
            "/login?x=1",
            "/%2flogin",
            "/login%2f",
            "/login%00",
            "/login%20",
            "/x/%2e%2e/login",
            "/lo%67in/.",
            "http://shop.example/login",
        ] {
            assert!(is_login("POST", path, None), "{path}");
        }
        for path in ["/", "/login/help", "/logins", "/api/login", "/x/login"] {
            assert!(!is_login("POST", path, None), "{path}");
        }
    }

    #[test]
    fn whatever_is_configured_is_found() {
        for known in ["/", "/login", "/Anmelden", "/ünter/x", "/%6c", "/1"] {
            let route = Route::new(&[known.to_owned()], Vec::new());
            for path in [
                "/",
                "/login",
                "/anmelden/",
                "/%C3%BCnter/x",
                "/l",
                "/1",
                "/x",
            ] {
                let request = Request::post(path).body(Empty::<Bytes>::new()).unwrap();
                let is = route.leads_to(path);
                assert_eq!(route.matches(&request), is, "{known} {path}");
                let same = canonical(known).eq_ignore_ascii_case(&canonical(path));
                assert_eq!(is, same, "{known} {path}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_canonical_stays(path in "[/.a-cA-C%;_-]{0,12}") {
            if is_canonical(&path) && path != "/" {
                prop_assert_eq!(folded(&path), path.trim_end_matches('/'));
            }
        }

        #[test]
        fn the_short_way_says_the_same(path in "/{0,2}(%6c|l|L)ogi(n|%6e)(/|/\\.|\\.json|;a|x|/\\.\\.)?") {
            let route = Route::new(&["/login".to_owned()], Vec::new());
            let request = Request::post(path.as_str()).body(Empty::<Bytes>::new());
            if let Ok(request) = request {
                prop_assert_eq!(route.matches(&request), route.leads_to(request.uri().path()));
            }
        }
    }

    #[test]
    fn however_a_method_is_said_it_is_a_login() {
        for method in ["POST", "PUT", "PATCH", "QUERY", "post"] {
            assert!(is_login(method, "/login", None), "{method}");
        }
        assert!(is_login("GET", "/login?_method=post", None));
        assert!(is_login(
            "DELETE",
            "/login",
            Some(("X-HTTP-Method-Override", "Post"))
        ));
        for value in ["POST, GET", "get,Post", "\tPOST\t,x", "POST,"] {
            let header = Some(("X-HTTP-Method-Override", value));
            assert!(is_login("GET", "/login", header), "{value}");
        }
        assert!(!is_login("GET", "/login", None));
        assert!(!is_login(
            "HEAD",
            "/login",
            Some(("X-HTTP-Method-Override", "get"))
        ));
    }

    #[test]
    fn a_body_may_mean_another_method() {
        let route = Route::new(&["/login".to_owned()], Vec::new());
        for (body, means) in [("_method=POST&username=alice", true), ("", false)] {
            let request = Request::delete("/login")
                .body(Full::<Bytes>::from(body))
                .unwrap();
            assert_eq!(route.matches(&request), means, "{body}");
        }
    }

    #[test]
    fn where_a_failure_leads_back_to() {
        let route = Route::new(&["/sessions".to_owned()], Vec::new());
        for page in [
            "/sessions",
            "/sessions?error=1",
            "https://shop.example/Login/",
            "?again",
            "/signin#x",
            "//shop.example/../login",
            "",
        ] {
            assert!(
                route.is_login_page(page) || page.starts_with("//"),
                "{page}"
            );
        }
        for page in [
            "/",
            "/account",
            "https://shop.example",
            "https://shop.example/home?login",
        ] {
            assert!(!route.is_login_page(page), "{page}");
        }
    }
}
