//! What rustls is told: versions, suites, groups, tickets.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use panoply_core::Clock;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::UnixTime;

use crate::challenges::ACME_TLS;
use crate::clients::Clients;
use crate::error::Error;
use crate::mode::Profile;
use crate::tls::Parts;

/// Mozilla's order. All of them have forward secrecy and AEAD.
static CIPHER_SUITES: [SupportedCipherSuite; 9] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The hybrid first: what is recorded today must not be readable by a quantum computer later.
static GROUPS: [&dyn SupportedKxGroup; 4] = [
    kx_group::X25519MLKEM768,
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::SECP384R1,
];

static INTERMEDIATE: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static MODERN: [&SupportedProtocolVersion; 1] = [&TLS13];

pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: CIPHER_SUITES.to_vec(),
        kx_groups: GROUPS.to_vec(),
        ..aws_lc_rs::default_provider()
    }
}

pub(crate) fn config(
    parts: &Parts,
    clients: Option<&Clients>,
    resolver: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, Error> {
    let clock = Arc::clone(&parts.clock);
    let provider = Arc::clone(&parts.provider);
    let verifier = clients.map_or_else(WebPkiClientVerifier::no_client_auth, Clients::verifier);
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(Time(clock)))
        .with_protocol_versions(versions(parts.profile))
        .map_err(Error::Rustls)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    // Who offers HTTP/1.0 alone, as `curl -0` does, would be turned away with an alert (RFC 7301 §3.2).
    let protocols: [&[u8]; 3] = [b"h2", b"http/1.1", b"http/1.0"];
    config.alpn_protocols = protocols.map(<[u8]>::to_vec).into();
    let terms = clients.map_or_else(Vec::new, Clients::terms);
    config.ticketer = parts.tickets.bound(terms, Arc::clone(&parts.clock));
    // Tickets hold the whole state; a cache would be one more lock that all workers share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ignore_client_order = true;
    // Early data can be replayed (RFC 8446 §8).
    config.max_early_data_size = 0;
    Ok(config)
}

/// For a directory that looks for an answer: it shows no certificate, and takes up no session.
pub(crate) fn for_challenges(
    parts: &Parts,
    resolver: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, Error> {
    let mut config = config(parts, None, resolver)?;
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(config)
}

pub(crate) fn versions(profile: Profile) -> &'static [&'static SupportedProtocolVersion] {
    match profile {
        Profile::Intermediate => &INTERMEDIATE,
        Profile::Modern => &MODERN,
    }
}

/// The time by the gateway's clock.
#[derive(Debug)]
pub(crate) struct Time(pub(crate) Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.wall().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}
