//! From evidence to a policy: which sources to add, which to doubt, and what no source should allow.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use panoply_core::HostName;
use panoply_headers::{ContentSecurityPolicy, CspConfig, Directive, HeaderInForce, Headers};
use serde::Serialize;

use super::evidence::{CspEvidence, Sighting};

mod judge;

use judge::{Heard, Verdict, judge};

pub(super) use judge::{eval, guarding, holds_code, is_origin};

/// What the evidence says the policy in force lacks.
///
/// Reports are hostile input, so whoever sends them must not be able to open the policy by himself: a
/// source seen by one client among several, or once, is doubtful, and inline code, `eval` and what
/// protects from other sites is allowed by no source that is proposed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CspProposal {
    /// What to add.
    pub allow: Vec<CspSource>,
    /// What to add only if somebody knows it for the site's own.
    pub doubtful: Vec<CspSource>,
    /// What is to be changed in the app.
    pub by_hand: Vec<CspSource>,
    /// How much of the evidence the policy allows already.
    pub settled: usize,
}

/// Sources by what they are added to, which is the names of a `[[headers.domain]]`, if it is one, and the prefix of
/// a path, and by directive.
pub type CspAdditions<'a> = BTreeMap<(&'a [String], &'a str), BTreeMap<&'a str, Vec<&'a str>>>;

/// One source under one directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CspSource {
    /// The names whose policy it is about, as `[[headers.domain]]` has them; none where it is the site's.
    pub domains: Vec<String>,
    /// The prefix of the paths whose policy it is about; `/` is the site's.
    pub path: String,
    /// The directive as it would be written.
    pub directive: String,
    /// The source as it would be written; what was reported where there is nothing to write.
    pub source: String,
    /// The line that allows it, where one is proposed.
    pub line: Option<String>,
    /// Why it is doubted, or what to do instead.
    pub why: Option<String>,
    /// What was seen.
    pub seen: Sighting,
}

impl CspProposal {
    /// What `evidence` says that the policies of `headers` lack. Doubts about sources named in `with`
    /// are put aside.
    pub fn new(evidence: &CspEvidence, headers: &Headers, with: &[String]) -> Self {
        let sites = Sites::of(headers);
        let mut proposal = Self {
            allow: Vec::new(),
            doubtful: Vec::new(),
            by_hand: Vec::new(),
            settled: 0,
        };
        for seen in &evidence.sightings {
            for Concerned {
                at: (domains, path),
                policy,
                heard,
            } in concerned(&sites, seen)
            {
                let line = |directive: Directive, source: &str| {
                    Some(format!("append = {{ {directive} = [\"{source}\"] }}"))
                };
                let (list, directive, source, line, why) =
                    match judge(seen, policy, heard, evidence) {
                        Verdict::Settled => {
                            proposal.settled += 1;
                            continue;
                        }
                        Verdict::Allow(directive, source) => {
                            let line = line(directive, &source);
                            (&mut proposal.allow, directive.as_str(), source, line, None)
                        }
                        Verdict::Doubt(directive, source, why) => {
                            let list = if with.contains(&source) {
                                &mut proposal.allow
                            } else {
                                &mut proposal.doubtful
                            };
                            let line = line(directive, &source);
                            (list, directive.as_str(), source, line, Some(why))
                        }
                        Verdict::ByHand(why) => {
                            let [directive, source] = [&seen.directive, &seen.source];
                            let list = &mut proposal.by_hand;
                            (list, &**directive, source.clone(), None, Some(why))
                        }
                    };
                // `script-src-elem` and `script-src-attr` may both have blocked the same.
                let same = |one: &CspSource| {
                    (&*one.domains, &*one.path) == (domains, path)
                        && (&*one.directive, &one.source) == (directive, &source)
                };
                if !list.iter().any(same) {
                    list.push(CspSource {
                        domains: domains.to_vec(),
                        path: path.to_owned(),
                        directive: directive.to_owned(),
                        source,
                        line,
                        why,
                        seen: seen.clone(),
                    });
                }
            }
        }
        // Of `script-src` and `script-src-elem` one may be doubted where the other is not.
        let allowed = &proposal.allow;
        proposal.doubtful.retain(|doubted| {
            let same = |one: &CspSource| {
                (&one.domains, &one.path, &one.directive, &one.source)
                    == (
                        &doubted.domains,
                        &doubted.path,
                        &doubted.directive,
                        &doubted.source,
                    )
            };
            !allowed.iter().any(same)
        });
        proposal
    }

    /// What is to be added, by what it is added to and by directive.
    pub fn additions(&self) -> CspAdditions<'_> {
        let mut tables: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
        for one in &self.allow {
            let directives = tables.entry((&*one.domains, &*one.path)).or_default();
            directives
                .entry(&*one.directive)
                .or_default()
                .push(&*one.source);
        }
        tables
    }

    /// The same as lines of `panoply.toml`; nothing where nothing is to be added.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for ((domains, path), directives) in self.additions() {
            let lists = directives.iter().map(|(directive, sources)| {
                let sources: Vec<_> = sources.iter().map(|one| format!("\"{one}\"")).collect();
                format!("{directive} = [{}]", sources.join(", "))
            });
            let append = format!("append = {{ {} }}", lists.collect::<Vec<_>>().join(", "));
            // Writing to a string does not fail.
            let _ = if !domains.is_empty() {
                let names: Vec<_> = domains.iter().map(|name| format!("\"{name}\"")).collect();
                writeln!(
                    text,
                    "[[headers.domain]]\ndomains = [{}]\ncontent-security-policy = {{ {append} }}\n",
                    names.join(", ")
                )
            } else if path == "/" {
                writeln!(text, "[headers.content-security-policy]\n{append}\n")
            } else {
                writeln!(
                    text,
                    "[[headers.path]]\nprefix = \"{path}\"\ncontent-security-policy = {{ {append} }}\n"
                )
            };
        }
        text
    }
}

/// The policies by the prefix of their paths, that of the site first.
fn policies(in_force: &[HeaderInForce]) -> Vec<(&str, ContentSecurityPolicy)> {
    let mut all: Vec<(&str, ContentSecurityPolicy)> = Vec::new();
    // One that is only reported stands where none is enforced.
    for name in [
        "content-security-policy",
        "content-security-policy-report-only",
    ] {
        for header in in_force.iter().filter(|header| header.name == name) {
            let known = all.iter().any(|(path, _)| *path == header.path);
            if let Ok(policy) = ContentSecurityPolicy::parse(&header.value)
                && !known
            {
                all.push((&header.path, policy));
            }
        }
    }
    all.sort_by_key(|(path, _)| path.len());
    all
}

/// The policies of one site by the prefix of their paths.
type Policies<'a> = Vec<(&'a str, ContentSecurityPolicy)>;

/// The policies of the site, and those under names that have headers of their own.
struct Sites<'a> {
    headers: &'a Headers,
    site: Policies<'a>,
    domains: Vec<(&'a [String], Policies<'a>)>,
}

impl<'a> Sites<'a> {
    fn of(headers: &'a Headers) -> Self {
        let domains = headers.describe_domains().iter();
        Self {
            headers,
            site: policies(headers.describe()),
            domains: domains
                .map(|(names, sent)| (&**names, policies(sent)))
                .collect(),
        }
    }

    /// The policy of a page, and what to add to where it lacks something. What a name shares with the site is the
    /// site's, and what lies below a path with a policy of its own is that path's under all names.
    fn policy_of(&self, page: &str) -> Option<((&'a [String], &'a str), &ContentSecurityPolicy)> {
        let (host, path) = page.split_at_checked(page.find('/')?)?;
        let name = HostName::parse(host.as_bytes());
        let table = name.and_then(|name| self.domains.get(self.headers.domain_of(&name)?));
        let of_site: &[String] = &[];
        let site = below(&self.site, path);
        let Some((names, policies)) = table else {
            return site.map(|(prefix, policy)| ((of_site, prefix), policy));
        };
        let (prefix, own) = below(policies, path)?;
        let at = match site {
            Some((shared, policy)) if policy == own => (of_site, shared),
            _ if prefix == "/" => (*names, prefix),
            _ => (of_site, prefix),
        };
        Some((at, own))
    }
}

/// The policy for a path. A path whose policy is the site's has none of its own.
fn below<'a, 'p>(
    policies: &'p Policies<'a>,
    path: &str,
) -> Option<(&'a str, &'p ContentSecurityPolicy)> {
    let holds = |prefix: &str| {
        let below = path.strip_prefix(prefix.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (prefix, policy) = policies.iter().rev().find(|(prefix, _)| holds(prefix))?;
    let site = policies.first().filter(|(_, same)| same == policy);
    Some((site.map_or(*prefix, |(site, _)| *site), policy))
}

/// A policy that something was seen under, and how much was heard of that there.
struct Concerned<'a, 'p> {
    /// The names that have it, and the prefix of its paths.
    at: (&'a [String], &'a str),
    policy: &'p ContentSecurityPolicy,
    heard: Heard,
}

/// The policies of the pages on which it was seen.
fn concerned<'a, 'p>(sites: &'p Sites<'a>, seen: &Sighting) -> Vec<Concerned<'a, 'p>> {
    let mut found: Vec<Concerned<'_, '_>> = Vec::new();
    for (number, page) in seen.pages.iter().enumerate() {
        let Some((at, policy)) = sites.policy_of(page) else {
            continue;
        };
        // Of what was kept without it nothing is known.
        let (clients, reports) = seen.by_page.get(number).copied().unwrap_or_default();
        match found.iter_mut().find(|other| other.at == at) {
            Some(other) => {
                // The same clients may have been on both pages.
                other.heard.clients = other.heard.clients.max(clients);
                other.heard.reports = other.heard.reports.saturating_add(reports);
            }
            None => found.push(Concerned {
                at,
                policy,
                heard: Heard { clients, reports },
            }),
        }
    }
    // Of one policy all is known; what one page's visitors say opens no other page's.
    if let [only] = &mut *found {
        only.heard = Heard {
            clients: seen.clients,
            reports: seen.reports,
        };
    }
    found
}

/// Whether a policy can hold the source, and mean it.
fn can_be_written(directive: Directive, source: &str) -> bool {
    CspConfig::new().append(directive, source).build().is_ok()
}

#[cfg(test)]
mod tests;
