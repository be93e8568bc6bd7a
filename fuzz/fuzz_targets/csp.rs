//! A policy printed and parsed is itself, and can be sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_headers::ContentSecurityPolicy;

fuzz_target!(|text: &str| {
    if let Ok(policy) = ContentSecurityPolicy::parse(text) {
        let printed = policy.to_string();
        assert!(http::HeaderValue::from_str(&printed).is_ok(), "{printed:?}");
        let again = ContentSecurityPolicy::parse(&printed).expect("what was printed parses");
        assert_eq!(again.to_string(), printed);
    }
});
