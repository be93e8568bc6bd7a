//! Plain HTTP that came to where TLS is spoken.

use http::header::HOST;
use http::{Request, StatusCode};
use panoply_core::Refusal;

/// Marks such a request, among its extensions.
///
/// It is sent nowhere: what `http://` has carried in the open is not to go on as if it had not, and a program that
/// follows a redirect would say it in the open each time. A person is told what to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Astray;

/// What whoever has sent a request astray is told.
///
/// The host is one, and nothing but one, when [`admit`](super::admit) has looked.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Refusal> {
    request.extensions().get::<Astray>()?;
    let host = request.headers().get(HOST);
    let address = match host.and_then(|host| host.to_str().ok()) {
        Some(host) => format!("https://{host}/"),
        None => "an address that begins with https://".to_owned(),
    };
    let detail =
        format!("This port takes HTTPS, and the request came by plain HTTP: use {address}");
    let status = StatusCode::BAD_REQUEST;
    Some(Refusal::new(status, "intake/plain-http", detail))
}
