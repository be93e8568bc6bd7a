//! An options object of Helmet's: refused, or it can be built and sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_headers::HeadersConfig;

fuzz_target!(|json: &[u8]| {
    let Ok(options) = serde_json::from_slice(json) else {
        return;
    };
    if let Ok(config) = HeadersConfig::from_helmet(&options) {
        config.build().expect("what was read can be sent");
    }
    for middleware in ["hpkp", "hsts", "frameguard", "xssFilter", "referrerPolicy"] {
        if let Ok(config) = HeadersConfig::from_helmet3(middleware, &options) {
            config.build().expect("what was read can be sent");
        }
    }
});
