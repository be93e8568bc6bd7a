//! `tls/old-protocol` and `tls/weak-cipher`.

use super::super::handshake::{Scan, Weakness};
use super::super::target::Target;
use crate::finding::{Finding, Place};
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::tls::{OLD_PROTOCOL, WEAK_CIPHER};

/// Judges what a server let itself in for; none if there was nobody to ask.
pub(crate) fn check(target: &Target, scan: Option<&Scan>, report: &mut Report) {
    let Some(scan) = scan else {
        for rule in [&OLD_PROTOCOL, &WEAK_CIPHER] {
            report.not_checked(rule, format!("{} gives no TLS", target.https));
        }
        return;
    };
    let place = Place::Url(target.https.to_string());
    let host = target.host();
    if !scan.old.is_empty() {
        let names: Vec<&str> = scan.old.iter().map(|protocol| protocol.name()).collect();
        let message = format!("{host} speaks {}", names.join(", "));
        report.push(Finding::new(&OLD_PROTOCOL, place.clone(), message));
    }
    if let Some(reason) = &scan.old_unknown {
        report.not_checked(&OLD_PROTOCOL, reason.clone());
    }
    let mut kinds: Vec<Weakness> = scan.weak.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds.into_iter().rev() {
        let names = scan.weak.iter().filter(|(other, _)| *other == kind);
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        let message = format!("{host} accepts {}: {}", told(kind), names.join(", "));
        let severity = match kind {
            Weakness::None | Weakness::StaticKey | Weakness::ShortBlocks => Severity::Medium,
            _ => Severity::High,
        };
        report.push(Finding::new(&WEAK_CIPHER, place.clone(), message).severity(severity));
    }
    if let Some(reason) = &scan.weak_unknown {
        report.not_checked(&WEAK_CIPHER, reason.clone());
    }
}

fn told(kind: Weakness) -> &'static str {
    match kind {
        Weakness::None | Weakness::StaticKey => {
            "suites without forward secrecy, where the server's key opens all that was recorded"
        }
        Weakness::ShortBlocks => "ciphers with blocks of 64 bits",
        Weakness::Rc4 => "RC4",
        Weakness::ShortKey => "keys of 40 or 56 bits",
        Weakness::Anonymous => "connections in which nobody says who the server is",
        Weakness::Plain => "connections that are not encrypted",
    }
}
