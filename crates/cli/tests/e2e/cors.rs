//! An app at one origin that calls an API at another: what its pages see of preflights and refusals.

use super::support;

use support::{Gateway, Recorder, curl};

const NULL: &str = "/dev/null";
const APP: &str = "https://app.example";

fn gateway(app: &Recorder, config: &str) -> Gateway {
    let config = format!("[tls]\nmode = \"off\"\n{config}");
    Gateway::before(&app.origin(), &config)
}

fn from(origin: &str) -> String {
    format!("Origin: {origin}")
}

#[test]
fn a_page_can_read_that_it_has_to_wait() {
    let app = Recorder::start();
    let config = "[cross_site]\norigins = [\"https://app.example\"]\n\
        [[limit]]\npoints = 3\nwindow = \"1m\"\n";
    let gateway = gateway(&app, config);
    let url = gateway.url("/api/items");
    let ask = |origin: &str| curl(NULL.as_ref(), &["-H", &from(origin), &url]);
    let preflight = || {
        let asks = "Access-Control-Request-Method: GET";
        let origin = from(APP);
        let arguments = ["-X", "OPTIONS", "-H", &origin, "-H", asks, &url];
        curl(NULL.as_ref(), &arguments)
    };
    for _ in 0..3 {
        assert_eq!(preflight().status, 200);
        let answer = ask(APP);
        assert_eq!(answer.status, 200);
        // That is the app's to say.
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), None);
    }
    assert_eq!(preflight().status, 200);
    let refused = ask(APP);
    assert_eq!(refused.status, 429);
    let header = |name: &str| refused.header(name).unwrap_or_default();
    assert_eq!(header("access-control-allow-origin"), APP);
    assert_eq!(header("access-control-allow-credentials"), "true");
    assert_eq!(
        header("access-control-expose-headers"),
        "retry-after, ratelimit, ratelimit-policy"
    );
    assert!(header("vary").to_ascii_lowercase().contains("origin"));
    for other in ["https://other.example", "null", "http://app.example"] {
        let refused = ask(other);
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("access-control-allow-origin"), None);
        assert_eq!(refused.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn it_can_read_every_other_refusal_too() {
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let config = "[tls]\nmode = \"off\"\n[limits]\nbody_bytes = \"1KiB\"\n\
        [cross_site]\norigins = [\"https://app.example\"]\n[[access]]\npath = \"/admin/\"\nallow = []\n";
    let gateway = Gateway::before(&nobody, config);
    let long = "x".repeat(2000);
    for (path, more, status) in [
        ("/", &[][..], 502),
        ("/admin/", &[], 404),
        ("/", &["-d", &long], 413),
    ] {
        let url = gateway.url(path);
        let origin = from(APP);
        let refused = curl(NULL.as_ref(), &[&["-H", &origin, &url][..], more].concat());
        assert_eq!(refused.status, status);
        let allowed = refused.header("access-control-allow-origin");
        assert_eq!(allowed.as_deref(), Some(APP), "{status}");
    }
}
