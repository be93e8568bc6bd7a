//! Requests that htmx makes from within a page.

use http::{HeaderMap, HeaderName, Method, Request, Uri};

use super::next::local_path;

/// Where htmx is to take the whole page, whatever the status beside it.
pub(super) const REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Whether htmx asks, which would follow a redirect without being told of it.
pub(super) fn is_asking(headers: &HeaderMap) -> bool {
    headers.get("hx-request").is_some_and(|it| it == "true")
}

/// The page that htmx is on, where it says so. A link that it follows in place of the browser is for another one.
pub(super) fn page<B>(request: &Request<B>) -> Option<String> {
    let headers = request.headers();
    let boosted = headers.get("hx-boosted").is_some_and(|it| it == "true");
    if boosted && *request.method() == Method::GET {
        return None;
    }
    let page: Uri = headers.get("hx-current-url")?.to_str().ok()?.parse().ok()?;
    // Its path alone: whose page it is only the browser knows.
    let path = local_path(page.path_and_query()?.as_str())?;
    Some(path.to_owned())
}
