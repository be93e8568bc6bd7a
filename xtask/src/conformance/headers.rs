//! Helmet's answers.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{Request, Response};
use panoply_core::{CertificateSource, Connection, TlsSession};
use panoply_headers::{Error, HeadersConfig, Override};
use serde_json::{Map, Value};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::Outcome;

type Sent = BTreeMap<String, String>;

/// Helmet 8: `options` to the headers of the answer.
pub(crate) fn run(file: &Value) -> Outcome {
    Outcome::of(file, |case| {
        let none = Value::Object(Map::new());
        let config = HeadersConfig::from_helmet(case.get("options").unwrap_or(&none));
        judge(case, config)
    })
}

/// Helmet 3: one `middleware` with its `options`.
pub(crate) fn run_legacy(file: &Value) -> Outcome {
    Outcome::of(file, |case| {
        let name = case
            .get("middleware")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let config = HeadersConfig::from_helmet3(name, case.get("options").unwrap_or(&Value::Null));
        judge(case, config)
    })
}

/// `Ok(true)`: as the peer. `Ok(false)`: otherwise, on purpose. `Err`: otherwise.
fn judge(case: &Value, config: Result<HeadersConfig, Error>) -> Result<bool, String> {
    // Helmet overwrites whatever the app has set.
    let built = config.and_then(|config| config.override_app(Override::Always).build());
    let expected = case.get("headers").and_then(Value::as_object);
    match (expected, built) {
        (None, Err(_)) => Ok(true),
        (None, Ok(_)) => Err(format!("accepted, where Helmet says: {}", case["error"])),
        (Some(_), Err(Error::Unknown { .. })) => Ok(false),
        (Some(_), Err(error)) => Err(format!("refused: {error}")),
        (Some(expected), Ok(headers)) => {
            let app = case.get("upstream").and_then(Value::as_object);
            let legacy = case.get("middleware").is_some();
            let sent = answer(&headers, app, legacy)?;
            let expected = expected
                .iter()
                .map(|(name, value)| (name.to_lowercase(), text(value)));
            let expected: Sent = expected.collect();
            if sent == expected {
                return Ok(true);
            }
            let differs = |(name, value): &(&String, &String)| expected.get(*name) != Some(value);
            let ours: Vec<_> = sent.iter().filter(differs).collect();
            let differs = |(name, value): &(&String, &String)| sent.get(*name) != Some(value);
            let theirs: Vec<_> = expected.iter().filter(differs).collect();
            Err(format!("ours {ours:?}, Helmet's {theirs:?}"))
        }
    }
}

/// What goes out over HTTPS when the app sets `app` besides what Express always sets.
fn answer(
    headers: &panoply_headers::Headers,
    app: Option<&Map<String, Value>>,
    legacy: bool,
) -> Result<Sent, String> {
    let mut given: Vec<(String, String)> = Vec::new();
    if !legacy {
        given.push(("x-powered-by".to_owned(), "Express".to_owned()));
    }
    for (name, value) in app.into_iter().flatten() {
        given.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        given.push((name.to_lowercase(), text(value)));
    }
    let inner = service_fn(move |_: Request<()>| {
        let mut response = Response::builder();
        for (name, value) in &given {
            response = response.header(name, value);
        }
        let response = response.body(()).unwrap_or_else(|_| Response::new(()));
        async move { Ok::<_, Infallible>(response) }
    });
    let tls = TlsSession::new(CertificateSource::Files, None);
    let mut request = Request::new(());
    request
        .extensions_mut()
        .insert(Connection::new(([127, 0, 0, 1], 1).into(), Some(tls)));
    let answered = futures_executor::block_on(headers.layer().layer(inner).oneshot(request));
    let Ok(response) = answered;
    let mut sent = Sent::new();
    for (name, value) in response.headers() {
        let value = value.to_str().map_err(|_| format!("{name} is not text"))?;
        let entry = sent.entry(name.as_str().to_owned()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(value);
    }
    Ok(sent)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
