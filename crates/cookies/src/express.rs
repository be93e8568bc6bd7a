//! Signatures as Express (`cookie-signature`) and cookie-session (`keygrip`) make them.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use panoply_core::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// A secret that an Express app signs with, however short it is: it is the app's to change.
#[derive(Clone, PartialEq, Eq)]
pub struct ExpressSecret(Secret);

impl ExpressSecret {
    /// The secret as the app has it.
    ///
    /// It weakens: a word such as `keyboard cat` can be guessed, and with it every signature.
    pub fn danger_of_any_length(secret: impl Into<Vec<u8>>) -> Self {
        Self(Secret::new(secret.into()))
    }
}

impl fmt::Debug for ExpressSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpressSecret(…)")
    }
}

/// The secrets of an Express app, the newest first: the first signs, all of them verify.
///
/// ```
/// use panoply_cookies::{ExpressSecret, ExpressSecrets};
///
/// let secrets = ExpressSecrets::new([ExpressSecret::danger_of_any_length("keyboard cat")]);
/// let signed = secrets.sign("AbCdEfGhIjKlMnOpQrStUvWxYz012345");
/// assert_eq!(
///     signed,
///     "s:AbCdEfGhIjKlMnOpQrStUvWxYz012345.Rep3/Fvg0qav4rmx0KMMPMPLPqwiVeA7cAX7m1k6618",
/// );
/// assert_eq!(secrets.verify(&signed), Some(("AbCdEfGhIjKlMnOpQrStUvWxYz012345", 0)));
/// ```
#[derive(Debug, Clone)]
pub struct ExpressSecrets(Vec<ExpressSecret>);

/// What a `.sig` cookie of cookie-session holds, and which key made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookieSessionSignature {
    /// The place of the key; other than zero, cookie-session signs anew.
    pub key: usize,
}

impl ExpressSecrets {
    /// These secrets.
    pub fn new(secrets: impl IntoIterator<Item = ExpressSecret>) -> Self {
        Self(secrets.into_iter().collect())
    }

    /// `s:` + value + `.` + signature, not yet URL-encoded.
    pub fn sign(&self, value: &str) -> String {
        let signature = self.0.first().map(|secret| sha256(secret, value));
        format!("s:{value}.{}", signature.unwrap_or_default())
    }

    /// The value of a text that was [signed](Self::sign), and the place of the secret that did it.
    pub fn verify<'a>(&self, signed: &'a str) -> Option<(&'a str, usize)> {
        let (value, signature) = signed.strip_prefix("s:")?.rsplit_once('.')?;
        let is = |secret: &ExpressSecret| same(&sha256(secret, value), signature);
        let place = self.0.iter().position(is)?;
        Some((value, place))
    }

    /// The `.sig` of the cookie `name` with this value, as cookie-session writes it.
    pub fn sign_cookie(&self, name: &str, value: &str) -> String {
        let first = self.0.first().map(|secret| sha1(secret, name, value));
        first.unwrap_or_default()
    }

    /// Which key has made a `.sig`, if one has.
    pub fn verify_cookie(
        &self,
        name: &str,
        value: &str,
        signature: &str,
    ) -> Option<CookieSessionSignature> {
        let is = |secret: &ExpressSecret| same(&sha1(secret, name, value), signature);
        let key = self.0.iter().position(is)?;
        Some(CookieSessionSignature { key })
    }
}

fn sha256(secret: &ExpressSecret, value: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.expose());
    STANDARD_NO_PAD.encode(hmac::sign(&key, value.as_bytes()))
}

fn sha1(secret: &ExpressSecret, name: &str, value: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.0.expose());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, format!("{name}={value}").as_bytes()))
}

/// Compares without telling by the time how much is the same.
fn same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// A value as Express writes it into a cookie: `encodeURIComponent`.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, COMPONENT).to_string()
}

/// A value as Express reads it from a cookie: without quotes around it, and decoded unless that
/// would not be text.
pub fn decode(value: &[u8]) -> Option<String> {
    let value = match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    };
    let text = std::str::from_utf8(value).ok()?;
    // `decodeURIComponent` throws at a stray `%`, and then the text stays as it is.
    let stray = text.split('%').skip(1).any(|rest| {
        !matches!(rest.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    });
    if stray {
        return Some(text.to_owned());
    }
    let decoded = percent_decode(value).decode_utf8();
    Some(decoded.map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn recorded() -> Value {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../conformance/sessions.json"
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    fn secrets(of: &Value) -> ExpressSecrets {
        let one = |secret: &Value| {
            ExpressSecret::danger_of_any_length(match secret["hex"].as_str() {
                Some(digits) => bytes(digits),
                None => secret.as_str().unwrap().as_bytes().to_vec(),
            })
        };
        match of {
            Value::Array(all) => ExpressSecrets::new(all.iter().map(one)),
            all => ExpressSecrets::new([one(all)]),
        }
    }

    /// Name and value of a `Set-Cookie`.
    fn pair(line: &Value) -> (String, String) {
        let cookie = crate::SetCookie::parse(line.as_str().unwrap().as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(cookie.name()), text(cookie.value()))
    }

    #[test]
    fn what_express_session_signed() {
        let mut checked = 0;
        for case in recorded()["express_session"].as_array().unwrap() {
            let (Some(sid), Some(line)) = (case["sid"].as_str(), case["set_cookie"].get(0)) else {
                continue;
            };
            let (_, value) = pair(line);
            let secrets = secrets(&case["options"]["secret"]);
            assert_eq!(encode(&secrets.sign(sid)), value, "{}", case["name"]);
            let read = decode(value.as_bytes()).unwrap();
            assert_eq!(secrets.verify(&read), Some((sid, 0)), "{}", case["name"]);
            checked += 1;
        }
        assert!(checked >= 8, "{checked}");
    }

    #[test]
    fn what_cookie_session_signed() {
        let mut checked = 0;
        for case in recorded()["cookie_session"].as_array().unwrap() {
            let Some([cookie, signature]) = case["set_cookie"].as_array().map(Vec::as_slice) else {
                continue;
            };
            if cookie.as_str().is_some_and(|line| line.contains('…')) {
                // Recorded in part.
                continue;
            }
            let ((name, value), (sig_name, signature)) = (pair(cookie), pair(signature));
            assert_eq!(sig_name, format!("{name}.sig"));
            let secrets = secrets(&case["options"]["keys"]);
            assert_eq!(
                secrets.sign_cookie(&name, &value),
                signature,
                "{}",
                case["name"]
            );
            checked += 1;
        }
        assert!(checked >= 4, "{checked}");
    }

    #[test]
    fn rotated_and_forged() {
        let old = ExpressSecrets::new([ExpressSecret::danger_of_any_length("old")]);
        let both = ExpressSecrets::new(["new", "old"].map(ExpressSecret::danger_of_any_length));
        assert_eq!(both.verify(&old.sign("a.b")), Some(("a.b", 1)));
        assert_eq!(old.verify(&both.sign("a")), None);
        let signature = old.sign_cookie("session", "e30=");
        assert_eq!(
            both.verify_cookie("session", "e30=", &signature)
                .unwrap()
                .key,
            1
        );
        assert_eq!(both.verify_cookie("other", "e30=", &signature), None);
        assert_eq!(format!("{old:?}"), "ExpressSecrets([ExpressSecret(…)])");
        for odd in ["", "s:", "s:a", "a.b", "s:.", "s:a."] {
            assert_eq!(both.verify(odd), None, "{odd}");
        }
    }

    #[test]
    fn decoded_as_express_does() {
        for (value, read) in [
            ("s%3Aa", "s:a"),
            ("\"a%20b\"", "a b"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%ff", "%ff"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), Some(read));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_into_a_cookie_is_read(value: String, other: String) {
            let written = encode(&value);
            prop_assert!(written.is_ascii());
            prop_assert_eq!(decode(written.as_bytes()), Some(value.clone()));
            let secrets = ExpressSecrets::new(["new", "old"].map(ExpressSecret::danger_of_any_length));
            let signed = secrets.sign(&value);
            prop_assert_eq!(secrets.verify(&signed), Some((value.as_str(), 0)));
            let forged = format!("s:{value}.{other}");
            prop_assert_eq!(secrets.verify(&forged), None);
        }
    }
}
