use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use panoply::trace::{Observer, TraceLayer};
use proptest::prelude::*;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::*;

#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Exchange>>>);

impl Observer for Seen {
    fn answered(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

/// What is observed of a request.
fn exchange(uri: &str, user_agent: &[u8]) -> Exchange {
    let seen = Seen::default();
    let answer = |_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from_static(
            b"hello",
        ))))
    };
    let service = TraceLayer::new(
        Arc::new(seen.clone()),
        Arc::new(panoply_core::SystemClock::new()),
    )
    .layer(service_fn(answer));
    let request = Request::get(uri)
        .header("host", "app.test")
        .header("user-agent", user_agent)
        .body(())
        .unwrap();
    block_on(async {
        let answer = service.oneshot(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
    });
    let exchange = seen.0.lock().unwrap().pop();
    exchange.unwrap()
}

fn block_on(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(work);
}

#[test]
fn a_terminal_finds_nothing_to_obey() {
    let path = "/caf\u{e9}/\u{9b}31mred\u{202e}";
    let exchange = exchange(path, b"x");
    let mut lines = Lines::default();
    lines.text(&exchange, UNIX_EPOCH);
    let text = String::from_utf8(lines.take(0)).unwrap();
    assert!(
        text.contains("app.test/caf\u{e9}/%C2%9B31mred%E2%80%AE "),
        "{text}"
    );
    lines.json(&exchange, UNIX_EPOCH);
    let json = String::from_utf8(lines.take(0)).unwrap();
    assert!(json.contains("/caf\u{e9}/\\u009b31mred\\u202e\""), "{json}");
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["path"], path);
}

proptest! {
    #[test]
    fn a_line_is_one_json_object_whatever_a_client_sends(
        path in "/[!$-;=?-Z\\[-~]{0,40}",
        user_agent in proptest::collection::vec(
            prop_oneof![Just(b'\t'), 0x20_u8..0x7f, 0x80_u8..],
            0..40,
        ),
    ) {
        prop_assume!(path.parse::<http::Uri>().is_ok());
        let exchange = exchange(&path, &user_agent);
        let mut lines = Lines::default();
        lines.json(&exchange, UNIX_EPOCH);
        let bytes = lines.take(0);
        prop_assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 2);
        let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let shown = HeaderValue::from_bytes(&user_agent).unwrap();
        let shown = shown.to_str().unwrap_or("");
        prop_assert_eq!(&line["path"], exchange.uri.path());
        prop_assert_eq!(&line["user_agent"], shown);
        prop_assert_eq!(&line["host"], "app.test");
        prop_assert_eq!(&line["status"], 200);
        prop_assert_eq!(&line["bytes"], 5);
        prop_assert_eq!(&line["request_id"], &exchange.id.to_string());
        prop_assert_eq!(&line["client.ip"], "");
        prop_assert_eq!(line.get("rule"), None);
    }

    #[test]
    fn times_are_what_others_write(
        seconds in 0_u64..20_000_000_000,
        nanos in 0_u32..1_000_000_000,
        again in 0_u32..1_000_000_000,
    ) {
        let mut stamp = Stamp::default();
        for nanos in [nanos, again] {
            let now = UNIX_EPOCH + Duration::new(seconds, nanos);
            let mut bytes = Vec::new();
            stamp.write(now, &mut bytes);
            let theirs = jiff::Timestamp::try_from(now).unwrap();
            let whole = jiff::Timestamp::from_millisecond(theirs.as_millisecond()).unwrap();
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), format!("{whole:.3}"));
        }
        let time = Duration::new(seconds % 100_000, nanos);
        let mut bytes = Vec::new();
        milliseconds(&mut bytes, time);
        let read: f64 = String::from_utf8(bytes.clone()).unwrap().parse().unwrap();
        prop_assert!((read - time.as_secs_f64() * 1e3).abs() < 6e-4);
        prop_assert_eq!(bytes, serde_json::to_vec(&read).unwrap());
    }
}

proptest! {
    #[test]
    fn addresses_are_what_others_write(six: [u8; 16], four: [u8; 4]) {
        for it in [IpAddr::from(six), IpAddr::from(four)] {
            let mut bytes = Vec::new();
            address(&mut bytes, it);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), it.to_string());
        }
    }
}

#[test]
fn names_and_passwords_stay_out() {
    let mut lines = Lines::default();
    let exchange = exchange("http://name:password@app.test/a?token=secret", b"x");
    lines.json(&exchange, UNIX_EPOCH);
    lines.text(&exchange, UNIX_EPOCH);
    let said = String::from_utf8(lines.take(0)).unwrap();
    let [json, text] = said.lines().collect::<Vec<_>>()[..] else {
        panic!("{said}")
    };
    assert!(json.contains(r#""host":"app.test","path":"/a""#), "{json}");
    assert!(
        text.starts_with("1970-01-01T00:00:00.000Z 200 GET     app.test/a "),
        "{text}"
    );
    assert!(
        !said.contains("password") && !said.contains("secret"),
        "{said}"
    );
}
