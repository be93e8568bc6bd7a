//! What an ACME directory looks for to see that a name is ours.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::Error;
use crate::server;

/// The protocol by which a directory asks for a TLS-ALPN-01 answer (RFC 8737 §6.2).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// The answers that are waiting for an ACME directory to look at them. Clones share them, so that
/// they outlast a reload of the configuration.
///
/// ```
/// use panoply_tls::Challenges;
///
/// let challenges = Challenges::default();
/// let standing = challenges.answer_http("token", "token.thumbprint");
/// assert_eq!(challenges.http_answer("token").as_deref(), Some("token.thumbprint"));
/// drop(standing);
/// assert_eq!(challenges.http_answer("token"), None);
/// ```
#[derive(Clone, Default)]
pub struct Challenges(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    http: HashMap<String, (u64, String)>,
    tls_alpn: HashMap<String, (u64, Arc<CertifiedKey>)>,
    /// How many were given: an answer that took another's place outlasts that one's end.
    given: u64,
}

/// An answer that is given for as long as this is held.
#[derive(Debug)]
#[must_use]
pub struct Standing {
    challenges: Challenges,
    key: Key,
    number: u64,
}

#[derive(Debug)]
enum Key {
    Http(String),
    TlsAlpn(String),
}

impl Challenges {
    /// Answers for `token` over plain HTTP (HTTP-01, RFC 8555 §8.3).
    pub fn answer_http(&self, token: &str, answer: &str) -> Standing {
        let number = self.number();
        let answer = (number, answer.to_owned());
        self.waiting().http.insert(token.to_owned(), answer);
        self.standing(Key::Http(token.to_owned()), number)
    }

    /// Answers for `name`, a domain name or an IP address, in a TLS handshake (TLS-ALPN-01, RFC 8737
    /// §3) with the SHA-256 `digest` of the key authorization.
    ///
    /// # Errors
    ///
    /// When the certificate that carries the digest cannot be made.
    pub fn answer_tls_alpn(&self, name: &str, digest: &[u8]) -> Result<Standing, Error> {
        let certificate = Arc::new(certificate(name, digest)?);
        let asked = asked_for(name);
        let number = self.number();
        let answer = (number, certificate);
        self.waiting().tls_alpn.insert(asked.clone(), answer);
        Ok(self.standing(Key::TlsAlpn(asked), number))
    }

    /// What to answer at `/.well-known/acme-challenge/TOKEN`, if anything.
    pub fn http_answer(&self, token: &str) -> Option<String> {
        let waiting = self.waiting();
        waiting.http.get(token).map(|(_, answer)| answer.clone())
    }

    pub(crate) fn tls_alpn_answer(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let waiting = self.waiting();
        let (_, answer) = waiting.tls_alpn.get(name?)?;
        Some(Arc::clone(answer))
    }

    fn number(&self) -> u64 {
        let mut waiting = self.waiting();
        waiting.given += 1;
        waiting.given
    }

    fn standing(&self, key: Key, number: u64) -> Standing {
        Standing {
            challenges: self.clone(),
            key,
            number,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut waiting = self.challenges.waiting();
        match &self.key {
            Key::Http(token) => {
                waiting
                    .http
                    .retain(|own, (number, _)| own != token || *number != self.number);
            }
            Key::TlsAlpn(name) => {
                waiting
                    .tls_alpn
                    .retain(|own, (number, _)| own != name || *number != self.number);
            }
        }
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting();
        f.debug_struct("Challenges")
            .field("http", &waiting.http.len())
            .field("tls_alpn", &waiting.tls_alpn.len())
            .finish()
    }
}

/// The name in the handshake: an address is asked for as its reverse name (RFC 8738 §6).
fn asked_for(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(address)) => {
            let digits = format!("{:032x}", address.to_bits());
            let reversed: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", reversed.join("."))
        }
        Err(_) => name.to_owned(),
    }
}

fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(Error::Issue)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(Error::Issue)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![CertificateDer::from(certificate)];
    let provider: CryptoProvider = server::provider();
    let key = provider.key_provider.load_private_key(key);
    // Unchecked: no reader of certificates but a directory knows this critical extension.
    Ok(CertifiedKey::new(chain, key.map_err(Error::Rustls)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        assert_eq!(asked_for("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            asked_for("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        assert_eq!(asked_for("shop.example"), "shop.example");
    }

    #[test]
    fn an_answer_ends_with_its_guard() {
        let challenges = Challenges::default();
        let digest = [7; 32];
        let standing = challenges.answer_tls_alpn("shop.example", &digest).unwrap();
        let of = |name| challenges.tls_alpn_answer(name);
        let answer = of(Some("shop.example")).unwrap();
        let leaf = answer.cert.first().unwrap();
        // A critical extension 1.3.6.1.5.5.7.1.31 that holds an OCTET STRING of the digest.
        let oid = [
            0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01, 0xff,
        ];
        assert!(leaf.windows(oid.len()).any(|window| window == oid));
        assert!(leaf.windows(32).any(|window| window == digest));
        assert!(of(Some("other.example")).is_none() && of(None).is_none());
        drop(standing);
        assert!(of(Some("shop.example")).is_none());
    }
    #[test]
    fn an_answer_outlasts_the_one_whose_place_it_took() {
        let challenges = Challenges::default();
        let old = challenges
            .answer_tls_alpn("shop.example", &[7; 32])
            .unwrap();
        let new = challenges
            .answer_tls_alpn("shop.example", &[8; 32])
            .unwrap();
        drop(old);
        assert!(challenges.tls_alpn_answer(Some("shop.example")).is_some());
        drop(new);
        assert!(challenges.tls_alpn_answer(Some("shop.example")).is_none());
        let old = challenges.answer_http("token", "one");
        let _new = challenges.answer_http("token", "two");
        drop(old);
        assert_eq!(challenges.http_answer("token").as_deref(), Some("two"));
    }
}
