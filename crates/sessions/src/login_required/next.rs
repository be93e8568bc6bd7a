//! Where somebody wanted to go before he had to log in.

use std::fmt::Write as _;

use http::Request;

/// The path of this site that `next` names, for a redirect after a login; none if it leads elsewhere.
///
/// Who may choose where a login leads to can send its users to a page that looks like it, so anything but a
/// path is refused, and so is what browsers read as another host (`//host`, `/\host`, with tabs in between).
///
/// ```
/// use panoply_sessions::local_path;
///
/// assert_eq!(local_path("/account?tab=2"), Some("/account?tab=2"));
/// assert_eq!(local_path("//evil.example"), None);
/// assert_eq!(local_path("https://evil.example/"), None);
/// ```
pub fn local_path(next: &str) -> Option<&str> {
    let rest = next.strip_prefix('/')?;
    // Browsers drop tabs and line breaks wherever they stand, and take `\` for `/`.
    let odd = |character: char| character.is_control() || character == '\\';
    (!rest.starts_with('/') && !next.chars().any(odd)).then_some(next)
}

/// The path and the query that a request asked for, before routers within routers have cut it.
pub(super) fn target<B>(request: &Request<B>) -> String {
    #[cfg(feature = "axum")]
    let uri = match request.extensions().get::<axum::extract::OriginalUri>() {
        Some(axum::extract::OriginalUri(uri)) => uri,
        None => request.uri(),
    };
    #[cfg(not(feature = "axum"))]
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    local_path(target).unwrap_or("/").to_owned()
}

/// As the value of a parameter in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}
