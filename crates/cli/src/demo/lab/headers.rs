//! What the heads of answers tell and forbid.

use std::{collections::BTreeSet, io, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Lab,
    outcome::{Outcome, Side},
    wire::Answer,
};

/// Names of session cookies, and what sets them.
const COOKIES: [(&str, &str); 8] = [
    ("connect.sid", "express-session"),
    ("PHPSESSID", "PHP"),
    ("JSESSIONID", "Java"),
    ("laravel_session", "Laravel"),
    ("sessionid", "Django"),
    ("ASP.NET_SessionId", "ASP.NET"),
    ("rack.session", "Rack"),
    ("koa.sess", "Koa"),
];

/// Headers that forbid a browser something.
const FORBID: [&str; 13] = [
    "content-security-policy",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "origin-agent-cluster",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-dns-prefetch-control",
    "x-download-options",
    "x-frame-options",
    "x-permitted-cross-domain-policies",
];

/// The page had the account page in two frames; what they showed is in `asked`.
pub(super) async fn framed(lab: &Lab, asked: &Value) -> io::Result<Outcome> {
    let mut sides = Vec::new();
    for (door, mut visitor) in lab.doors().into_iter().zip(lab.visitors()) {
        let answer = visitor.get("/account").await?;
        let says = |what| asked.get(door.name)?.get(what)?.as_bool();
        let shown = says("shown") == Some(true);
        let can_be_shown = says("trusted") == Some(true);
        let mut forbids = forbids(&answer);
        let mut report = None;
        for _ in 0..15 {
            report = report.or_else(|| lab.came_back.take_report("/account", "frame-ancestors"));
            if shown || report.is_some() || door.name == "naked" {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        if let Some(report) = report {
            forbids.push(format!(
                "reported by the browser: {} on {}",
                report.directive, report.page
            ));
        }
        let fell = match (shown, forbids.is_empty()) {
            (true, _) => Some(true),
            (false, false) if can_be_shown => Some(false),
            _ => None,
        };
        sides.push(Side {
            fell,
            sent: format!(
                "<iframe src=\"{}/account\">, on {}/",
                door.origin, lab.start
            ),
            answered: match (forbids.is_empty(), shown) {
                (false, _) => forbids.join("\n"),
                (true, true) => {
                    "(nothing in the head forbids it, and the page told that it is shown)"
                        .to_owned()
                }
                (true, false) => "(nothing in the head forbids it)".to_owned(),
            },
            saw: match fell {
                Some(true) => {
                    "The page shows in another site’s frame, which can lay what it likes over it. \
                               Disguise the frames, and claim the mug."
                }
                Some(false) => "The browser refused to show the page inside another site's.",
                None => "No page came. Does the browser trust the certificate?",
            }
            .to_owned(),
        });
    }
    Ok(two(sides)?.into())
}

/// What in the head forbids to be framed.
fn forbids(answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(value) = answer.header("x-frame-options") {
        found.push(format!("x-frame-options: {value}"));
    }
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let mut directives = policy.split(';').map(str::trim);
    if let Some(directive) = directives.find(|one| one.starts_with("frame-ancestors")) {
        found.push(format!("content-security-policy: …{directive}…"));
    }
    found
}

/// Whether the head tells what runs.
pub(super) async fn fingerprint(lab: &Lab) -> io::Result<Outcome> {
    let mut sides = Vec::new();
    for mut visitor in lab.visitors() {
        let answer = visitor.get("/").await?;
        let told = tells(&answer);
        sides.push(Side {
            fell: Some(!told.is_empty()),
            sent: visitor.sent.clone(),
            answered: answer.head.clone(),
            saw: if told.is_empty() {
                "Nothing in it tells which software this is.".to_owned()
            } else {
                format!("It tells: {}.", told.join(", "))
            },
        });
    }
    Ok(two(sides)?.into())
}

fn tells(answer: &Answer) -> Vec<String> {
    let mut told = Vec::new();
    for (name, value) in &answer.headers {
        match name.as_str() {
            "server" | "x-powered-by" | "x-generator" | "x-runtime" | "via"
            | "x-aspnet-version" => {
                told.push(value.clone());
            }
            "set-cookie" => {
                let name = value.split('=').next().unwrap_or_default();
                let known = COOKIES.iter().find(|(known, _)| *known == name);
                told.extend(known.map(|(name, by)| format!("{by} by its cookie {name}")));
            }
            _ => {}
        }
    }
    told
}

/// The heads of the same page, line by line.
pub(super) async fn compare(lab: &Lab) -> io::Result<Outcome> {
    let mut sides = Vec::new();
    let mut answers = Vec::new();
    for mut visitor in lab.visitors() {
        let answer = visitor.get("/account").await?;
        let forbid = FORBID
            .iter()
            .filter(|name| answer.header(name).is_some())
            .count();
        sides.push(Side {
            fell: Some(forbid == 0),
            sent: visitor.sent.clone(),
            answered: answer.head.clone(),
            saw: match forbid {
                0 => "No header protects whoever looks at this page.".to_owned(),
                1 => "One header protects whoever looks at this page.".to_owned(),
                more => format!("{more} headers protect whoever looks at this page."),
            },
        });
        answers.push(answer);
    }
    let names: BTreeSet<&str> = { answers.iter() }
        .flat_map(|answer| answer.headers.iter().map(|(name, _)| name.as_str()))
        .collect();
    let rows = names.into_iter().map(|name| {
        let mut values = answers.iter().map(|answer| answer.header(name));
        let (naked, guarded) = (values.next().flatten(), values.next().flatten());
        let change = match (naked, guarded) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            (naked, guarded) if naked == guarded => "same",
            _ => "changed",
        };
        json!({"name": name, "naked": naked, "guarded": guarded, "change": change})
    });
    let rows = rows.collect();
    Ok(Outcome::from(two(sides)?).with_rows(rows))
}

fn two(sides: Vec<Side>) -> io::Result<[Side; 2]> {
    { sides.try_into() }.map_err(|_| io::Error::other("an attack has two sides"))
}
