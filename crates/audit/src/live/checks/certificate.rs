//! `tls/cert`.

use jiff::Timestamp;
use panoply_core::{Clock as _, SystemClock};

use super::super::client::{Answer, Problem, Shown};
use super::super::scene::Scene;
use super::place;
use crate::finding::{Confidence, Finding};
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::tls::CERT;

const DAY: i64 = 24 * 60 * 60;

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    let Ok(visit) = &scene.https else {
        report.not_checked(&CERT, format!("{} shows none", scene.target.https));
        return;
    };
    // The site's own, and that of another host of it to which it leads.
    let mut hosts = Vec::new();
    for answer in visit
        .answers()
        .iter()
        .filter(|answer| scene.is_own(&answer.url))
    {
        let Some(shown) = &answer.certificate else {
            continue;
        };
        let host = answer.url.host_str().unwrap_or_default();
        if !hosts.contains(&host) {
            hosts.push(host);
            judge(answer, shown, host, report);
        }
    }
}

fn judge(answer: &Answer, shown: &Shown, host: &str, report: &mut Report) {
    for problem in &shown.problems {
        let (message, help) = told(problem, host);
        let mut finding = Finding::new(&CERT, place(answer), message).help(help);
        if matches!(problem, Problem::UnknownAuthority(_) | Problem::Other(_)) {
            // The machines of its visitors may know that authority.
            finding = finding.confidence(Confidence::Likely);
        }
        report.push(finding);
    }
    let ends = shown.valid.filter(|_| shown.problems.is_empty());
    let now = SystemClock::new().wall();
    let now = now.duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    });
    if let Some((from, until)) = ends
        && is_late(from, until, now)
    {
        let days = (until - now) / DAY;
        let message = format!(
            "the certificate of {host} ends in {days} days, on {}",
            date(until)
        );
        report.push(
            Finding::new(&CERT, place(answer), message)
                .severity(Severity::Medium)
                .help("Renew it, and find out why nothing did: `panoply run --domain …` renews by itself."),
        );
    }
}

/// Whether a certificate should have been renewed: two weeks before its end, or when a quarter of its time
/// is left of one that is shorter.
fn is_late(from: i64, until: i64, now: i64) -> bool {
    let left = until - now;
    left < 14 * DAY && left < (until - from) / 4
}

fn date(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}

/// What is wrong, and what to do about exactly that.
fn told(problem: &Problem, host: &str) -> (String, String) {
    match problem {
        Problem::Expired(at) => (
            format!("the certificate of {host} ended on {}", date(*at)),
            "Renew it: `panoply run --domain …` and certbot do so by themselves.".to_owned(),
        ),
        Problem::NotYet(at) => (
            format!("the certificate of {host} holds only from {} on", date(*at)),
            "Set the server's clock right, or wait with this certificate.".to_owned(),
        ),
        Problem::WrongName(names) if names.is_empty() => (
            format!("the certificate is not for {host}, and names no host at all"),
            format!("Get one with `{host}` as a subject alternative name; the common name does not count."),
        ),
        Problem::WrongName(names) => (
            format!("the certificate is not for {host}, but for {}", listed(names)),
            format!("Get one that names `{host}` too, or send visitors to a name that it has."),
        ),
        Problem::SelfSigned => (
            format!("the certificate of {host} is self-signed: nobody speaks for it but the server itself"),
            "Get one of an authority that browsers know, such as Let's Encrypt.".to_owned(),
        ),
        Problem::UnknownAuthority(issuer) => (
            format!("the certificate of {host} is signed by `{issuer}`, which is not known here"),
            "If that is your own authority, name its file: `--ca FILE`; else get a certificate of one that browsers know.".to_owned(),
        ),
        Problem::Incomplete(issuer) => (
            format!("the chain of {host} is incomplete: the certificate of `{issuer}` is not sent along"),
            "Serve the whole chain (`fullchain.pem`, not `cert.pem`).".to_owned(),
        ),
        Problem::ShortKey(bits) => (
            format!("the certificate of {host} has an RSA key of {bits} bits"),
            "Make a new key: ECDSA P-256, or RSA with 2048 bits or more.".to_owned(),
        ),
        Problem::Other(error) => (
            format!("the certificate of {host} is not accepted: {error}"),
            CERT.help.to_owned(),
        ),
    }
}

fn listed(names: &[String]) -> String {
    let quoted = names.iter().take(5).map(|name| format!("`{name}`"));
    let text = quoted.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(5) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_late_by_the_lifetime() {
        let late = |days: i64, left: i64| is_late(0, days * DAY, (days - left) * DAY);
        assert!(late(90, 13) && !late(90, 15));
        assert!(late(365, 13) && !late(365, 20));
        assert!(late(6, 1) && !late(6, 3));
        assert!(late(30, 7) && !late(30, 8));
    }
}
