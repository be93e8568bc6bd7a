//! In which form an answer is asked for.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// What a request says of the form that it wants to be answered in, for whoever has passed it on by the time of a
/// [`Refusal`](crate::Refusal).
///
/// ```
/// use http::{HeaderMap, StatusCode, header::ACCEPT};
/// use panoply_core::{AskedForm, Refusal};
///
/// let request = HeaderMap::from_iter([(ACCEPT, "text/html".parse()?)]);
/// let asked = AskedForm::of(&request);
/// drop(request);
/// let answer = Refusal::new(StatusCode::NOT_FOUND, "access", "There is nothing.").answer_as(&asked);
/// assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AskedForm {
    accept: Option<HeaderValue>,
    grpc: bool,
}

/// The forms an answer can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Problem,
    Text,
}

impl AskedForm {
    /// What the headers of a request say.
    pub fn of(request: &HeaderMap) -> Self {
        Self {
            accept: request.get(ACCEPT).cloned(),
            grpc: request.get(CONTENT_TYPE).is_some_and(is_grpc),
        }
    }

    /// The first form that `Accept` names; a browser names `text/html` first, curl nothing. None is that of gRPC.
    pub(super) fn form(&self) -> Option<Form> {
        let accept = { self.accept.as_ref() }.and_then(|value| value.to_str().ok());
        let form = |range: &str| {
            let media = range.split(';').next().unwrap_or("").trim();
            match media.to_ascii_lowercase().as_str() {
                "text/html" | "application/xhtml+xml" => Some(Form::Html),
                "application/json" | "application/problem+json" => Some(Form::Problem),
                "text/plain" => Some(Form::Text),
                _ => None,
            }
        };
        let named = accept.unwrap_or("").split(',').find_map(form);
        named.or((!self.grpc).then_some(Form::Text))
    }
}

/// Whether it is the type of gRPC over HTTP/2, be it with a format (`application/grpc+proto`). gRPC-Web, which a proxy
/// translates, has another, and its clients go by the status.
fn is_grpc(value: &HeaderValue) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let (start, rest) = value.as_bytes().split_at(value.len().min(GRPC.len()));
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}
