//! What a directory says, and what a person can do about it.

use std::time::SystemTime;

use http::StatusCode;
use instant_acme::{Error, Problem};

use crate::client::name_of;
use crate::config::{ChallengeKind, Directory};
use crate::issuer::{Failure, Fault};
use crate::transport::Unusable;

/// What ACME's errors begin with (RFC 8555 §6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// What was tried when it went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub(crate) directory: &'a Directory,
    /// The names that it is about, if any.
    pub(crate) names: &'a [String],
    pub(crate) of: Of,
}

/// What a call was about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// An order, by a challenge of this kind.
    Challenge(ChallengeKind),
    /// The account, or something that is asked in its name.
    Account {
        /// Whether it belongs to an account with the authority.
        is_external: bool,
    },
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
            Error::Other(inner) if inner.is::<Unusable>() => match inner.downcast_ref() {
                Some(unusable) => self.unusable(unusable),
                None => self.unreachable(error),
            },
            Error::Json(_) => Failure::new(
                Fault::Directory,
                format!(
                    "{} answers what no ACME directory does: {error}",
                    self.directory
                ),
                self.is_it_one(),
            ),
            error => self.unreachable(error),
        }
    }

    /// A failure, of a call that has not come through.
    fn unreachable(self, error: &Error) -> Failure {
        let mut problem = format!("{} cannot be asked: {error}", self.directory);
        let mut cause = std::error::Error::source(error);
        while let Some(one) = cause {
            problem.push_str(": ");
            problem.push_str(&one.to_string());
            cause = one.source();
        }
        Failure::new(Fault::Directory, problem, self.can_it_be_reached())
    }

    /// A failure, of an answer that is none of a directory.
    fn unusable(self, unusable: &Unusable) -> Failure {
        let problem = format!("{}: {unusable}", self.directory);
        let by_itself = "It is tried again by itself.".to_owned();
        let (fault, advice, not_before) = match unusable {
            Unusable::Refused { problem, again } => {
                let mut failure = self.problem(problem);
                failure.not_before = failure.not_before.max(Some(*again));
                return failure;
            }
            Unusable::Late => (Fault::Directory, self.can_it_be_reached(), None),
            Unusable::Status { status, again, .. } => {
                let limited = *status == StatusCode::TOO_MANY_REQUESTS;
                let fault = if limited {
                    Fault::Limited
                } else {
                    Fault::Directory
                };
                let is_for_now = limited || status.is_server_error();
                let advice = if is_for_now {
                    by_itself
                } else {
                    self.is_it_one()
                };
                (fault, advice, *again)
            }
            Unusable::TooLong | Unusable::Page | Unusable::Incomplete(_) => {
                (Fault::Directory, self.is_it_one(), None)
            }
            Unusable::Roots(_) => {
                let advice = "Write as `acme.roots` a PEM file with the root that the directory's \
                              own certificate is checked against.";
                (Fault::Directory, advice.to_owned(), None)
            }
        };
        let mut failure = Failure::new(fault, problem, advice);
        failure.not_before = not_before;
        failure
    }

    fn can_it_be_reached(self) -> String {
        format!(
            "Can this machine reach {}? A firewall may close the way out, and a directory within a \
             company needs `acme.roots`.",
            self.directory.url()
        )
    }

    fn is_it_one(self) -> String {
        format!(
            "Is {} an ACME directory? A proxy on the way out may answer in its place; else write \
             the right URL in `acme.directories`.",
            self.directory.url()
        )
    }

    /// A failure to place an order. No name has been looked at by then: who is not authorized is the account, closed
    /// by somebody (RFC 8555 §7.3.6).
    pub(crate) fn placing(self, error: &Error, is_external: bool) -> Failure {
        if !is(error, "unauthorized") {
            return self.error(error);
        }
        let of = Of::Account { is_external };
        let names = &[];
        Self { names, of, ..self }.error(error)
    }

    /// A failure that the directory gives a name to.
    pub(crate) fn problem(self, problem: &Problem) -> Failure {
        let directory = self.directory;
        let said = problem.detail.as_deref().unwrap_or("it does not say why");
        let mut text = format!("{directory}: {said}");
        let mut mark = ':';
        for one in &problem.subproblems {
            let name = one.identifier.as_ref().map(name_of);
            let parts = [name.as_deref(), one.detail.as_deref()];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            text = format!("{text}{mark} {}", parts.join(": "));
            mark = ';';
        }
        // What is wrong with one of several names says more than what is wrong with their order.
        let part = problem.subproblems.iter().find(|one| one.r#type.is_some());
        let word = word(part.map_or(problem.r#type.as_ref(), |part| part.r#type.as_ref()));
        let name = self.name(problem);
        let mut failure = match self.of {
            Of::Account { is_external } => self.of_account(word, is_external, text),
            Of::Challenge(kind) => self.of_challenge(word, kind, &name, text),
        };
        failure.at_once = word == "badNonce";
        if word == "rateLimited" {
            failure.not_before = until(said);
        }
        failure
    }

    /// The name that a problem is about: the one that the directory names, or all that were asked for.
    fn name(self, problem: &Problem) -> String {
        let named = |one: &instant_acme::Subproblem| one.identifier.as_ref().map(name_of);
        if let Some(name) = problem.subproblems.iter().find_map(named) {
            return name;
        }
        let said = problem.detail.as_deref().unwrap_or_default();
        let apart = |c: char| !(c.is_alphanumeric() || "-.:*".contains(c));
        let is_said = |name: &&String| {
            let mut words = said.split(apart);
            words.any(|word| word.trim_matches(['.', ':']) == name.as_str())
        };
        let said: Vec<&str> = { self.names.iter().filter(is_said) }
            .map(String::as_str)
            .collect();
        if said.is_empty() {
            self.names.join(", ")
        } else {
            said.join(", ")
        }
    }

    /// What was refused before any name was looked at.
    fn of_account(self, word: &str, is_external: bool, text: String) -> Failure {
        match word {
            "unauthorized" | "malformed" | "externalAccountRequired" if is_external => {
                Failure::new(
                    Fault::Request,
                    text,
                    "Are the `id` and the `key` of `acme.external_account` those that your account with \
                 the authority shows? Each may do for one ACME account alone.",
                )
            }
            "unauthorized" => Failure::new(
                Fault::Request,
                text,
                "The directory does not take this account's word for it: was the certificate ordered \
                 by another, or the account closed? If it was, another is made after a restart without its file, \
                 `acme/account-….json` in the state directory.",
            ),
            _ => self.of_challenge(word, ChallengeKind::TlsAlpn01, "", text),
        }
    }

    /// What a person can do about an order.
    fn of_challenge(self, word: &str, kind: ChallengeKind, name: &str, text: String) -> Failure {
        let directory = self.directory;
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
        Failure::new(fault, text, advice)
    }
}

/// Whether an account is not known any more, as with a directory that was set up anew.
pub(crate) fn is_account_gone(error: &Error) -> bool {
    is(error, "accountDoesNotExist")
}

/// Whether a nonce was refused, as a directory may do whenever it likes (RFC 8555 §6.5).
pub(crate) fn is_bad_nonce(error: &Error) -> bool {
    is(error, "badNonce")
}

/// Whether a certificate was revoked before.
pub(crate) fn is_revoked_already(error: &Error) -> bool {
    is(error, "alreadyRevoked")
}

fn is(error: &Error, expected: &str) -> bool {
    let problem = match error {
        Error::Api(problem) => problem,
        Error::Other(inner) => match inner.downcast_ref() {
            Some(Unusable::Refused { problem, .. }) => problem,
            _ => return false,
        },
        _ => return false,
    };
    word(problem.r#type.as_ref()) == expected
}

fn word(whole: Option<&String>) -> &str {
    let whole = whole.map_or("", String::as_str);
    whole.strip_prefix(PREFIX).unwrap_or(whole)
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
mod tests;
