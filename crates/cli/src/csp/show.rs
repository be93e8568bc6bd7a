//! A suggestion, for people to judge.

use std::fmt::Write as _;

use panoply_gateway::{CspEvidence, CspProposal, CspSource, Sighting};
use panoply_headers::{HeaderInForce, Headers};

const WIDTH: usize = 96;

/// More of what stays blocked would hide the change itself, and strangers can report anything.
const MOST_BLOCKED: usize = 12;

/// What is in force, what to add and why, what to doubt, what to change, and the lines.
pub(super) fn suggestion(
    evidence: &CspEvidence,
    proposal: &CspProposal,
    headers: &Headers,
) -> String {
    let mut text = String::new();
    policy(&mut text, "", headers.describe());
    for (names, sent) in headers.describe_domains() {
        if differs(sent, headers.describe()) {
            policy(&mut text, &format!(" under {}", names.join(", ")), sent);
        }
    }
    let noise = match evidence.noise {
        0 => String::new(),
        noise => format!(" {noise} of them came from browsers' extensions and are left out."),
    };
    let unkept = match evidence.unkept {
        0 => String::new(),
        unkept => format!(" {unkept} told of more than is kept."),
    };
    let settled = match proposal.settled {
        0 => String::new(),
        1 => " One thing that they tell of is allowed by now.".to_owned(),
        settled => format!(" {settled} things that they tell of are allowed by now."),
    };
    paragraph(
        &mut text,
        "",
        &format!(
            "{} reports of {} since {}.{noise}{unkept}{settled}",
            evidence.reports,
            clients(evidence.clients, false),
            moment(evidence.since)
        ),
    );
    list(&mut text, "To allow:", &proposal.allow);
    list(
        &mut text,
        "Doubtful, and left out unless you say with `--with SOURCE` that it is yours:",
        &proposal.doubtful,
    );
    list(
        &mut text,
        "To be changed in the app, since no source should allow it:",
        &proposal.by_hand,
    );
    let lines = proposal.lines();
    if lines.is_empty() {
        text.push_str("\nNothing is to be added to the policy.\n");
    } else {
        let _ = write!(text, "\nThe lines for panoply.toml:\n\n{lines}");
        paragraph(
            &mut text,
            "",
            "Anybody can send reports: look whether each source is one of yours. `panoply csp \
             enforce` writes them down and has the policy block.",
        );
    }
    text
}

/// The policy that is enforced, and the one that is only reported.
fn sent(in_force: &[HeaderInForce]) -> [Option<&HeaderInForce>; 2] {
    let named = |name: &str| {
        in_force
            .iter()
            .find(|header| header.path == "/" && header.name == name)
    };
    [
        named("content-security-policy"),
        named("content-security-policy-report-only"),
    ]
}

fn differs(one: &[HeaderInForce], other: &[HeaderInForce]) -> bool {
    sent(one) != sent(other)
}

fn policy(text: &mut String, at: &str, in_force: &[HeaderInForce]) {
    let [enforced, reported] = sent(in_force);
    let (said, policy) = match (enforced, reported) {
        (Some(policy), _) => (format!("In force{at}:"), policy),
        (None, Some(policy)) => (
            format!("Only reported{at}, so that nothing is blocked and an injected script runs:"),
            policy,
        ),
        (None, None) => {
            let _ = writeln!(text, "No policy is sent at all{at}.\n");
            return;
        }
    };
    let _ = writeln!(text, "{said}");
    for directive in policy.value.split(';') {
        let _ = writeln!(text, "  {directive}");
    }
    text.push('\n');
}

fn list(text: &mut String, title: &str, sources: &[CspSource]) {
    if sources.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for one in sources {
        let below = match (&*one.domains, &*one.path) {
            ([], "/") => String::new(),
            ([], path) => format!(" (below {path})"),
            (names, _) => format!(" (under {})", names.join(", ")),
        };
        let _ = writeln!(text, "  {} {}{below}", one.directive, one.source);
        paragraph(text, "      ", &seen(&one.seen));
        if let Some(why) = &one.why {
            paragraph(text, "      ", why);
        }
    }
}

/// What a policy blocks once it is in force, and on which pages.
pub(super) fn blocked(left: &CspProposal) -> String {
    let mut text = String::new();
    for (title, sources) in [
        (
            "Left out as doubtful, and blocked (`--with SOURCE` takes one that is yours):",
            &left.doubtful,
        ),
        (
            "Blocked until the app is changed (`panoply csp suggest` says how):",
            &left.by_hand,
        ),
    ] {
        if !sources.is_empty() {
            let _ = writeln!(text, "{title}");
        }
        for one in sources.iter().take(MOST_BLOCKED) {
            let more = if one.seen.more_pages { " and more" } else { "" };
            let pages = one.seen.pages.join(", ");
            let words = format!("{} {} on {pages}{more}", one.directive, one.source);
            paragraph(&mut text, "  ", &words);
        }
        let more = sources.len().saturating_sub(MOST_BLOCKED);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more; `panoply csp suggest` has all");
        }
    }
    text
}

fn seen(seen: &Sighting) -> String {
    let pages = seen.pages.join(", ");
    let more = if seen.more_pages { " and more" } else { "" };
    let when = if seen.first == seen.last {
        format!("at {}", moment(seen.first))
    } else {
        format!("first {}, last {}", moment(seen.first), moment(seen.last))
    };
    let times = match seen.reports {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    format!(
        "{times}, by {}, on {pages}{more}; {when}",
        clients(seen.clients, seen.more_clients)
    )
}

fn clients(count: usize, more: bool) -> String {
    match count {
        1 => "1 client".to_owned(),
        count if more => format!("{count} or more clients"),
        count => format!("{count} clients"),
    }
}

fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Broken between words.
fn paragraph(text: &mut String, indent: &str, words: &str) {
    let mut width = 0;
    for word in words.split(' ') {
        if width > 0 && width + 1 + word.len() > WIDTH {
            text.push('\n');
            width = 0;
        }
        if width == 0 {
            text.push_str(indent);
            width = indent.len();
        } else {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += word.len();
    }
    text.push('\n');
}
