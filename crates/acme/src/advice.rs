//! What a directory says, and what a person can do about it.

use std::time::SystemTime;

use instant_acme::{Error, Problem};

use crate::config::{ChallengeKind, Directory};
use crate::issuer::{Failure, Fault};

/// What ACME's errors begin with (RFC 8555 §6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// What was tried when it went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) name: &'a str,
    pub(crate) kind: ChallengeKind,
}

impl Tried<'_> {
    /// A failure, of a call.
    pub(crate) fn error(self, error: &Error) -> Failure {
        match error {
            Error::Api(problem) => self.problem(problem),
            Error::Timeout(_) => Failure::new(
                Fault::Directory,
                format!("{} has not decided within some minutes", self.directory),
                "It is asked again later; there is nothing to do.",
            ),
            Error::Unsupported(what) => Failure::new(
                Fault::Directory,
                format!("{} does not offer {what}", self.directory),
                "Take the setting that asks for it out of `[acme]`.",
            ),
            error => {
                let mut problem = format!("{} cannot be asked: {error}", self.directory);
                let mut cause = std::error::Error::source(error);
                while let Some(one) = cause {
                    problem.push_str(": ");
                    problem.push_str(&one.to_string());
                    cause = one.source();
                }
                let advice = format!(
                    "Can this machine reach {}? A firewall may close the way out, and a directory \
                     within a company needs `acme.roots`.",
                    self.directory.url()
                );
                Failure::new(Fault::Directory, problem, advice)
            }
        }
    }

    /// A failure, of a challenge or an order.
    pub(crate) fn problem(self, problem: &Problem) -> Failure {
        let Self {
            directory,
            name,
            kind,
        } = self;
        let whole = problem.r#type.as_deref().unwrap_or_default();
        let word = whole.strip_prefix(PREFIX).unwrap_or(whole);
        let said = problem.detail.as_deref().unwrap_or("it does not say why");
        let detail = |one: &instant_acme::Subproblem| one.detail.clone();
        let more: Vec<String> = problem.subproblems.iter().filter_map(detail).collect();
        let text = if more.is_empty() {
            format!("{directory}: {said}")
        } else {
            format!("{directory}: {said}: {}", more.join("; "))
        };
        let port = if kind == ChallengeKind::Http01 {
            80
        } else {
            443
        };
        let (fault, advice) = match word {
            "dns" => (
                Fault::Validation,
                format!("Point an A or AAAA record of {name} at this machine; a new one may take an hour to be seen."),
            ),
            "connection" => (
                Fault::Validation,
                format!("Port {port} of {name} must be reached from the internet: does its A or AAAA record point here, and is the port open in every firewall?"),
            ),
            "unauthorized" | "incorrectResponse" if kind == ChallengeKind::Dns01 => (
                Fault::Validation,
                format!("_acme-challenge.{name} does not have the TXT record: does `acme.dns_hook` wait until every name server has it?"),
            ),
            "unauthorized" | "incorrectResponse" | "tls" => (
                Fault::Validation,
                format!("Somebody else answers on port {port} of {name}: does one of its A and AAAA records point elsewhere, or does a proxy or CDN stand in front?"),
            ),
            "caa" => (
                Fault::Request,
                format!("A CAA record of {name} does not let this authority issue; for Let's Encrypt add `{name}. CAA 0 issue \"letsencrypt.org\"`."),
            ),
            "rateLimited" => (
                Fault::Limited,
                "Too much has been asked of the directory for these names. It is tried again when it may be; `acme.staging = true` is there for rehearsals.".to_owned(),
            ),
            "rejectedIdentifier" | "unsupportedIdentifier" => (
                Fault::Request,
                format!("{directory} does not issue for {name}: is it spelled right? For a name that is not public write `tls.mode = \"local\"`."),
            ),
            "externalAccountRequired" => (
                Fault::Request,
                format!("{directory} wants an account: write `external_account = {{ id = \"…\", key = \"…\" }}` in `[acme]`."),
            ),
            "invalidContact" | "unsupportedContact" => (
                Fault::Request,
                "Write another address as `acme.contact`, or none.".to_owned(),
            ),
            "invalidProfile" => (
                Fault::Request,
                "The directory does not know the `acme.profile`; take it out or write another.".to_owned(),
            ),
            "userActionRequired" => (
                Fault::Request,
                "The directory's terms have changed and a person must agree; it says where.".to_owned(),
            ),
            "malformed" | "badCSR" | "unauthorizedAccount" | "alreadyReplaced" => (
                Fault::Request,
                "It is tried again by itself.".to_owned(),
            ),
            _ => (
                Fault::Directory,
                "It is tried again by itself.".to_owned(),
            ),
        };
        let mut failure = Failure::new(fault, text, advice);
        failure.at_once = word == "badNonce";
        if word == "rateLimited" {
            failure.not_before = until(said);
        }
        failure
    }
}

/// Whether an account is not known any more, as with a directory that was set up anew.
pub(crate) fn is_account_gone(error: &Error) -> bool {
    is(error, "accountDoesNotExist")
}

/// Whether a certificate was revoked before.
pub(crate) fn is_revoked_already(error: &Error) -> bool {
    is(error, "alreadyRevoked")
}

fn is(error: &Error, word: &str) -> bool {
    let Error::Api(problem) = error else {
        return false;
    };
    let said = problem.r#type.as_deref().unwrap_or_default();
    said.strip_prefix(PREFIX) == Some(word)
}

/// The moment in Let's Encrypt's `…, retry after 2026-11-24 05:00:00 UTC: …`.
fn until(said: &str) -> Option<SystemTime> {
    let (_, rest) = said.split_once("retry after ")?;
    let text: String = rest.chars().take("2026-11-24 05:00:00".len()).collect();
    let moment = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", &text).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(SystemTime::from(moment.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(word: &str, detail: &str, kind: ChallengeKind) -> Failure {
        let problem = serde_json::json!({ "type": format!("{PREFIX}{word}"), "detail": detail });
        let problem: Problem = serde_json::from_value(problem).unwrap();
        let directory = Directory::lets_encrypt();
        let tried = Tried {
            directory: &directory,
            name: "shop.example",
            kind,
        };
        tried.problem(&problem)
    }

    #[test]
    fn people_learn_what_to_do() {
        let cases = [
            (
                "dns",
                ChallengeKind::Http01,
                Fault::Validation,
                "A or AAAA record of shop.example",
            ),
            (
                "connection",
                ChallengeKind::Http01,
                Fault::Validation,
                "Port 80 of shop.example",
            ),
            (
                "connection",
                ChallengeKind::TlsAlpn01,
                Fault::Validation,
                "Port 443",
            ),
            (
                "unauthorized",
                ChallengeKind::Dns01,
                Fault::Validation,
                "acme.dns_hook",
            ),
            (
                "tls",
                ChallengeKind::TlsAlpn01,
                Fault::Validation,
                "Somebody else answers on port 443",
            ),
            (
                "caa",
                ChallengeKind::TlsAlpn01,
                Fault::Request,
                "CAA 0 issue",
            ),
            (
                "rejectedIdentifier",
                ChallengeKind::TlsAlpn01,
                Fault::Request,
                "spelled right",
            ),
            (
                "externalAccountRequired",
                ChallengeKind::TlsAlpn01,
                Fault::Request,
                "external_account =",
            ),
            (
                "serverInternal",
                ChallengeKind::TlsAlpn01,
                Fault::Directory,
                "by itself",
            ),
        ];
        for (word, kind, fault, advice) in cases {
            let failure = failure(word, "no", kind);
            assert_eq!(failure.fault, fault, "{word}");
            assert!(
                failure.advice.contains(advice),
                "{word}: {}",
                failure.advice
            );
            assert_eq!(failure.problem, "letsencrypt: no");
        }
    }

    #[test]
    fn a_limit_says_until_when() {
        let detail = "too many certificates (5) already issued for this exact set of identifiers \
                      in the last 168h0m0s, retry after 2026-11-24 05:00:00 UTC: see https://…";
        let limited = failure("rateLimited", detail, ChallengeKind::TlsAlpn01);
        let until = crate::plan::moment(1_795_496_400);
        assert_eq!(limited.not_before, Some(until));
        assert_eq!(
            failure("rateLimited", "later", ChallengeKind::TlsAlpn01).not_before,
            None
        );
    }
}
