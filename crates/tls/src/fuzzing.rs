//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(clippy::expect_used, reason = "what fails is found")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use panoply_core::{CertificateSource, ManualClock};
use rustls::server::ProducesTickets;
use rustls_pki_types::ServerName;

use crate::error::At;
use crate::info::CertificateInfo;
use crate::{Tickets, domain, pem};

/// A PEM file: refused with a sentence, or a chain and a key that can be looked at.
pub fn pem(data: &[u8]) {
    let at = At::setting("certificate", Path::new("server.pem"));
    match pem::chain(data, &at) {
        Ok(chain) => {
            assert!(!chain.is_empty());
            for der in &chain {
                let Ok(info) = CertificateInfo::read(der, CertificateSource::Files) else {
                    continue;
                };
                let names = info.names();
                assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
                assert!(!info.to_string().is_empty());
                let _ = (info.renewal(), info.lifetime());
            }
        }
        Err(error) => assert!(error.to_string().contains("server.pem")),
    }
    if let Err(error) = pem::private_key(data, &at) {
        assert!(error.to_string().contains("server.pem"));
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let entry = pem::entry(
        (&at, data),
        (&at, data),
        CertificateSource::Files,
        &provider,
    );
    if let Err(error) = entry {
        assert!(!error.to_string().is_empty());
    }
}

/// A name in the configuration: refused with a word on what to write, or one that rustls takes too.
pub fn domain(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match domain::check(text) {
        Ok(()) => {
            let name = text.strip_prefix("*.").unwrap_or(text);
            assert!(ServerName::try_from(name).is_ok(), "{name}");
            assert_eq!(name, name.to_ascii_lowercase());
            let _ = domain::is_public(name);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

static TICKETS: LazyLock<Arc<dyn ProducesTickets>> = LazyLock::new(|| {
    let clock = ManualClock::new();
    Tickets::default().bound(b"terms".to_vec(), Arc::new(clock))
});

/// A session ticket that nobody has made does not open; one that was made does, and is what it was.
pub fn ticket(data: &[u8]) {
    assert_eq!(TICKETS.decrypt(data), None, "nobody has made it");
    let ticket = TICKETS.encrypt(data).expect("random bytes");
    assert_eq!(TICKETS.decrypt(&ticket).as_deref(), Some(data));
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[("pem", pem), ("domain", domain), ("ticket", ticket)]);
}
