//! The headers of the admin listener's own answers: those of the preset `strict`, with a policy that
//! leaves nothing open that the page does not need.

use http::{HeaderMap, HeaderValue};
use panoply_headers::{ContentSecurityPolicy, Error, Headers, Referrer, ReferrerPolicy};

/// Its script and style are files of its own, and no text becomes code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What every answer carries.
pub(super) fn own() -> Result<HeaderMap, Error> {
    let policy = ContentSecurityPolicy::parse(POLICY)?;
    // Without a referrer browsers send `Origin: null`, and the page's own forms would be refused.
    let headers = Headers::strict()
        .csp(|csp| csp.policy(policy))
        .referrer_policy(ReferrerPolicy::new(vec![Referrer::SameOrigin])?)
        .build()?;
    let mut own = HeaderMap::new();
    for header in headers.describe() {
        // It may be reached over plain HTTP, where this means nothing.
        if header.name == "strict-transport-security" {
            continue;
        }
        if let Ok(value) = HeaderValue::from_str(&header.value) {
            own.insert(header.name.clone(), value);
        }
    }
    own.insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    Ok(own)
}
