//! What is known of the Content-Security-Policy, and what it is.

use panoply_headers::{HeaderInForce, Headers};
use serde::{Deserialize, Serialize};

use crate::reports::CspEvidence;
use crate::settings::Live;
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// What browsers have reported, and under which policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reports {
    /// What was reported.
    pub evidence: CspEvidence,
    /// The policies in force: the prefix of the paths, the header's name, its value.
    pub policies: Vec<Policy>,
    /// The same of each `[[headers.domain]]`, with its names; none of an older gateway, which does not say.
    #[serde(default)]
    pub domains: Option<Vec<(Vec<String>, Vec<Policy>)>>,
}

/// The prefix of the paths, the header's name, its value.
type Policy = (String, String, String);

impl Reports {
    /// Whether the gateway sends the policies of `headers`, as far as it says what it sends: those of the site, and
    /// those under each name that has headers of its own.
    pub fn are_under(&self, headers: &Headers) -> bool {
        let has = |theirs: &[Policy], ours: &[Policy]| ours.iter().all(|one| theirs.contains(one));
        let of_names = |(names, ours): &(Vec<String>, Vec<Policy>)| {
            let mut theirs = self.domains.iter().flatten();
            theirs.any(|(others, theirs)| others == names && has(theirs, ours))
        };
        has(&self.policies, &policies(headers.describe()))
            && (self.domains.is_none() || domains(headers).iter().all(of_names))
    }
}

pub(super) fn reports(live: &Live, shared: &Shared, around: &Surroundings) -> Reports {
    let headers = live.suit.headers();
    Reports {
        evidence: around.reports.evidence(shared.clock.wall()),
        policies: policies(headers.describe()),
        domains: Some(domains(headers)),
    }
}

fn domains(headers: &Headers) -> Vec<(Vec<String>, Vec<Policy>)> {
    let domains = headers.describe_domains().iter();
    domains
        .map(|(names, sent)| (names.clone(), policies(sent)))
        .collect()
}

fn policies(sent: &[HeaderInForce]) -> Vec<Policy> {
    let is_policy = |header: &&HeaderInForce| {
        let name = header.name.as_str();
        name.starts_with("content-security-policy")
    };
    let told = |header: &HeaderInForce| {
        let name = header.name.to_string();
        (header.path.clone(), name, header.value.clone())
    };
    sent.iter().filter(is_policy).map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::UNIX_EPOCH;

    use panoply_headers::Directive;

    use super::*;
    use crate::reports::Kept;

    #[test]
    fn what_is_sent_under_a_name_is_looked_at_as_well() {
        let headers = |source: &'static str| {
            let config = Headers::helmet().domain(["docs.test"], |docs| {
                docs.csp(|policy| policy.append(Directive::ScriptSrc, source))
            });
            config.build().unwrap()
        };
        let (headers, others) = (headers("https://a.test"), headers("https://b.test"));
        let mut reports = Reports {
            evidence: Kept::new(Path::new("state")).evidence(UNIX_EPOCH),
            policies: policies(headers.describe()),
            domains: Some(domains(&headers)),
        };
        assert!(reports.are_under(&headers));
        assert!(!reports.are_under(&others));
        reports.domains = None;
        assert!(reports.are_under(&others), "an older gateway does not say");
        reports.policies.clear();
        assert!(!reports.are_under(&others));
    }
}
