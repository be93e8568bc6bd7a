//! A policy that an application sent: printed and parsed it is itself, and it can be sent.
#![no_main]

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use panoply_headers::ContentSecurityPolicy;

fuzz_target!(|text: &str| {
    let Ok(policy) = ContentSecurityPolicy::parse(text) else {
        return;
    };
    let printed = policy.to_string();
    let again = ContentSecurityPolicy::parse(&printed).expect("what was printed");
    assert_eq!(again, policy);
    assert!(HeaderValue::try_from(printed).is_ok());
    let _ = policy.check();
});
