//! Any options object of Helmet's is refused, or gives headers that can be sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_headers::HeadersConfig;

fuzz_target!(|text: &str| {
    let Ok(options) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if let Ok(headers) = HeadersConfig::from_helmet(&options).and_then(|config| config.build()) {
        for header in headers.describe() {
            assert!(http::HeaderValue::from_str(&header.value).is_ok(), "{header}");
        }
    }
});
