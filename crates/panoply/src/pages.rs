//! Pages of the site's own in place of those that a refusal has.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use panoply_core::{OwnPage, PageOfItsOwn, Refusal, RequestId};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// What refusals look like, by their status.
///
/// In a text, `{detail}` stands for why it was refused, `{retry_after}` for the seconds until
/// another try, `{request_id}` for the id that the log has, and `{status}` for the number.
///
/// ```
/// use http::StatusCode;
/// use panoply::pages::Pages;
///
/// let pages = Pages::new().html(
///     StatusCode::TOO_MANY_REQUESTS,
///     "<h1>Slow down</h1><p>{detail} Try again in {retry_after} seconds.</p>",
/// );
/// # let _ = pages;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pages(Arc<HashMap<(StatusCode, Form), String>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Html,
    Problem,
}

impl Pages {
    /// Those that refusals have by themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The page for browsers.
    #[must_use]
    pub fn html(self, status: StatusCode, page: impl Into<String>) -> Self {
        self.with(status, Form::Html, page.into())
    }

    /// The problem document (RFC 9457) for programs; it should be JSON.
    #[must_use]
    pub fn problem(self, status: StatusCode, document: impl Into<String>) -> Self {
        self.with(status, Form::Problem, document.into())
    }

    fn with(mut self, status: StatusCode, form: Form, text: String) -> Self {
        Arc::make_mut(&mut self.0).insert((status, form), text);
        self
    }

    /// The text in place of a refusal's own, if it is to be replaced.
    fn text<B>(&self, response: &Response<B>) -> Option<String> {
        let extensions = response.extensions();
        if extensions.get::<PageOfItsOwn>().is_some() {
            return None;
        }
        let own = || extensions.get().map(OwnPage::words);
        let refusal = extensions.get::<Refusal>().or_else(own)?;
        let media = response.headers().get(CONTENT_TYPE)?.as_bytes();
        let form = match media {
            b"text/html; charset=utf-8" => Form::Html,
            b"application/problem+json" => Form::Problem,
            _ => return None,
        };
        let page = self.0.get(&(refusal.status(), form))?;
        Some(filled(page, refusal, form))
    }
}

/// A text with its places filled in one go, so that what is put in is not read again.
fn filled(page: &str, refusal: &Refusal, form: Form) -> String {
    let mut text = String::with_capacity(page.len() + 64);
    let mut rest = page;
    while let Some(at) = rest.find('{') {
        let (before, place) = rest.split_at(at);
        text.push_str(before);
        let name = place.find('}').and_then(|end| place.get(1..end));
        let value = name.and_then(|name| value(name, refusal, form));
        rest = if let (Some(name), Some(value)) = (name, value) {
            text.push_str(&value);
            place.get(name.len() + 2..).unwrap_or("")
        } else {
            text.push('{');
            place.get(1..).unwrap_or("")
        };
    }
    text.push_str(rest);
    text
}

fn value<'a>(name: &str, refusal: &'a Refusal, form: Form) -> Option<Cow<'a, str>> {
    Some(match name {
        "detail" => match form {
            Form::Html => refusal.detail_as_html().into(),
            Form::Problem => refusal.detail_as_json().into(),
        },
        "retry_after" => refusal
            .retry_after_seconds()
            .unwrap_or(0)
            .to_string()
            .into(),
        "request_id" => {
            let id = refusal.id().as_ref().map(RequestId::to_string);
            id.unwrap_or_default().into()
        }
        "status" => refusal.status().as_str().to_owned().into(),
        _ => return None,
    })
}

/// Puts [`Pages`] in place of what refusals answer.
#[derive(Debug, Clone, Default)]
pub struct PagesLayer(Pages);

impl PagesLayer {
    /// Shows `pages`.
    pub const fn new(pages: Pages) -> Self {
        Self(pages)
    }
}

impl<S> Layer<S> for PagesLayer {
    type Service = PagesService<S>;

    fn layer(&self, inner: S) -> PagesService<S> {
        PagesService {
            inner,
            pages: self.0.clone(),
        }
    }
}

/// The service that [`PagesLayer`] makes.
#[derive(Debug, Clone)]
pub struct PagesService<S> {
    inner: S,
    pages: Pages,
}

impl<S, B, R> Service<B> for PagesService<S>
where
    S: Service<B, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PagesFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: B) -> Self::Future {
        PagesFuture {
            call: self.inner.call(request),
            pages: (!self.pages.0.is_empty()).then(|| self.pages.clone()),
        }
    }
}

pin_project! {
    /// The future of [`PagesService`].
    #[derive(Debug)]
    pub struct PagesFuture<F> {
        #[pin]
        call: F,
        pages: Option<Pages>,
    }
}

impl<F, R, E> Future for PagesFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.call.poll(cx);
        if let (Poll::Ready(Ok(response)), Some(pages)) = (&mut polled, this.pages)
            && let Some(text) = pages.text(response)
        {
            let length = HeaderValue::from(text.len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = R::from(Bytes::from(text));
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http::HeaderMap;
    use http::header::ACCEPT;
    use http_body_util::{BodyExt as _, Full};
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    async fn answer(accept: &'static str) -> String {
        let pages = Pages::new()
            .html(
                StatusCode::TOO_MANY_REQUESTS,
                "<p>{detail}|{retry_after}|{nothing}|{status}|{",
            )
            .problem(StatusCode::TOO_MANY_REQUESTS, "{\"why\":\"{detail}\"}");
        let app = service_fn(move |(): ()| {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT, HeaderValue::from_static(accept));
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "test", "a \"<{status}>\"")
                .with_retry_after(Duration::from_millis(1500));
            let response = refusal.into_response(&asked).map(Full::<Bytes>::from);
            async move { Ok::<_, Infallible>(response) }
        });
        let response = PagesLayer::new(pages).layer(app).oneshot(()).await.unwrap();
        let length: usize = response.headers()[CONTENT_LENGTH]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), length);
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_page_of_the_site_s_own() {
        assert_eq!(
            answer("text/html").await,
            "<p>a &quot;&lt;{status}&gt;&quot;|2|{nothing}|429|{"
        );
        assert_eq!(
            answer("application/json").await,
            "{\"why\":\"a \\\"<{status}>\\\"\"}"
        );
        assert!(answer("text/plain").await.starts_with("429 Too Many"));
    }
}
