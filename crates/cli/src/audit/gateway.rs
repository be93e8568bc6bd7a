//! The `panoply.toml` that covers findings without touching the code, and says which it does not.

use std::collections::BTreeMap;

use panoply_audit::Report;
use toml_edit::Value;

use self::covered::{Covered, array, host, is_name, one_line};
use self::page::Page;
use super::folder;
use crate::init;

mod covered;
mod page;

/// What of the gateway keeps a finding from being of use to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    Hosts,
    Tls,
    Headers,
    Banners,
    Client,
    Logins,
    CookieFlags,
    CookieNames,
    CookieSeals,
    ErrorPages,
    /// Nothing; why.
    Nothing(&'static str),
}

use Cover::Nothing;

/// What covers the findings of a rule.
fn cover(rule: &str) -> Cover {
    let (group, _) = rule.split_once('/').unwrap_or((rule, ""));
    match rule {
        "headers/cors" => Nothing("only the app knows which sites may read its answers"),
        "headers/subresource-integrity" => Nothing("the hash belongs into the page"),
        "session/memory-store" => Nothing("where sessions are kept is the app's own"),
        "session/cookie-session-sensitive" => Cover::CookieSeals,
        "session/cookie-session-nested"
        | "cookie/no-secure"
        | "cookie/httponly-disabled"
        | "cookie/no-samesite" => Cover::CookieFlags,
        "session/default-name" => Cover::CookieNames,
        "errors/default-404" | "errors/default-handler" => Cover::ErrorPages,
        "proxy/trust-all" => Cover::Client,
        "proxy/trust-unset" => Nothing(
            "behind the gateway the app has to believe it: `app.set('trust proxy', 'loopback')`",
        ),
        _ => match group {
            "host" => Cover::Hosts,
            "tls" => Cover::Tls,
            "headers" => Cover::Headers,
            "fingerprint" => Cover::Banners,
            "auth" => Cover::Logins,
            "deps" | "runtime" => Nothing("what is installed has to be updated"),
            "errors" => {
                Nothing("the page is the app's own, not Express's; the gateway passes it on")
            }
            "secrets" => Nothing("a secret that was written down has to be changed"),
            "redirect" => Nothing("where the app sends its visitors is its own"),
            "cookie" => Nothing("how long and where a cookie holds is the app's own"),
            _ => Nothing("it is no matter of the gateway's"),
        },
    }
}

/// The file.
pub(super) fn config(reports: &[Report], targets: &[String]) -> String {
    let mut covers: BTreeMap<Cover, Covered> = BTreeMap::new();
    for report in reports {
        for finding in report.findings.iter().filter(|f| f.rule.group() != "audit") {
            covers
                .entry(cover(finding.rule.id))
                .or_default()
                .add(report, finding);
        }
    }
    let mut page = Page::default();
    page.prose(&format!(
        "What covers the findings of `panoply audit {}` without touching the code. Above each line \
         stands what it covers; what none does is at the end. `panoply check` says what is in force.",
        one_line(&targets.join(" "))
    ));
    app(&mut page, targets);
    hosts(&mut page, covers.get(&Cover::Hosts), targets);
    tls(&mut page, covers.get(&Cover::Tls), targets);
    headers(&mut page, &covers);
    if let Some(covered) = covers.get(&Cover::Client) {
        page.table("client");
        page.covers(
            covered,
            "What clients claim of their address is dropped; the app is told the one they have",
        );
        page.line("trusted_proxies = []");
    }
    logins(&mut page, covers.get(&Cover::Logins));
    cookies(&mut page, &covers);
    if let Some(covered) = covers.get(&Cover::ErrorPages) {
        page.table("pages");
        page.covers(
            covered,
            "Express's own error pages give way to the site's, with the same status",
        );
        page.line("framework_errors = \"replace\"");
    }
    let bare = covers.iter().filter_map(|(cover, covered)| match cover {
        Nothing(why) => Some((*why, covered)),
        _ => None,
    });
    let mut first = true;
    for (why, covered) in bare {
        if std::mem::take(&mut first) {
            page.line("");
            page.prose("Not covered by any line:");
        }
        page.list(covered);
        page.prose(&format!("    {why}"));
    }
    page.text
}

fn app(page: &mut Page, targets: &[String]) {
    let table = folder(targets).and_then(|folder| init::app_table(&folder));
    let runs = targets.iter().find(|target| {
        let (host, _) = host(target).unwrap_or_default();
        target.starts_with("http://") && matches!(&*host, "localhost" | "127.0.0.1" | "[::1]")
    });
    match (table, runs) {
        (Some(table), _) => page.text.push_str(&table),
        (None, Some(url)) => {
            page.table("app");
            let origin: Vec<&str> = url.splitn(4, '/').take(3).collect();
            page.line(&format!("upstream = {}", Value::from(origin.join("/"))));
        }
        (None, None) => {
            page.table("app");
            page.prose("How the app is started, or where it runs:");
            page.line("#command = [\"node\", \"server.js\"]");
            page.line("#upstream = \"http://127.0.0.1:3000\"");
        }
    }
}

/// The names of the sites that were looked at, below `key`; `without` says what becomes of a site that has none.
fn names(page: &mut Page, key: &str, targets: &[String], without: &str) {
    let hosts = targets.iter().filter_map(|target| host(target));
    let names = hosts.filter(|(host, _)| is_name(host));
    let mut names: Vec<String> = names.map(|(host, _)| host).collect();
    names.dedup();
    if names.is_empty() {
        page.prose(&format!("The names of the site; without them {without}"));
        page.line(&format!("#{key} = [\"shop.example\"]"));
    } else {
        page.line(&format!("{key} = {}", array(&names)));
    }
}

fn hosts(page: &mut Page, covered: Option<&Covered>, targets: &[String]) {
    let Some(covered) = covered else {
        return;
    };
    page.table("listen");
    page.covers(
        covered,
        "A request for a host that is none of these is answered 421, and never reaches the app",
    );
    let without = "every host is let in:";
    names(page, "hosts", targets, without);
}

fn tls(page: &mut Page, covered: Option<&Covered>, targets: &[String]) {
    let Some(covered) = covered else {
        return;
    };
    page.table("tls");
    page.covers(
        covered,
        "HTTPS with TLS 1.2 and 1.3 alone; plain HTTP leads there; certificates are ordered and renewed",
    );
    let without = "the certificate is a local one, to try it.";
    names(page, "domains", targets, without);
}

fn headers(page: &mut Page, covers: &BTreeMap<Cover, Covered>) {
    let (headers, banners) = (covers.get(&Cover::Headers), covers.get(&Cover::Banners));
    if headers.is_none() && banners.is_none() {
        return;
    }
    page.table("headers");
    if let Some(covered) = banners {
        page.covers(
            covered,
            "Headers that tell what runs are taken away, without a line",
        );
    }
    if let Some(covered) = headers {
        page.covers(
            covered,
            "What Helmet sends, on every answer; of two values the stricter stays",
        );
        page.line("preset = \"helmet\"");
        page.prose(
            "Scripts and styles of other hosts, which it stops; the log names each that was blocked:",
        );
        page.line("#[headers.content-security-policy]");
        page.line("#append = { script-src = [\"https://js.stripe.com\"] }");
    }
}

fn logins(page: &mut Page, covered: Option<&Covered>) {
    let Some(covered) = covered else {
        return;
    };
    let how = "Failures are counted by user, by client and by both, whatever the app counts";
    page.line("");
    page.covers(covered, how);
    if covered.paths.is_empty() {
        page.prose("The paths that logins usually have are guarded without a line; another:");
        page.line("#[[login]]");
        page.line("#path = \"/login\"");
        return;
    }
    for path in &covered.paths {
        page.line("[[login]]");
        page.line(&format!("path = {}", Value::from(path.as_str())));
    }
    page.prose("The field with the user's name, where it is not one of the usual ones:");
    page.line("#username = \"email\"");
}

fn cookies(page: &mut Page, covers: &BTreeMap<Cover, Covered>) {
    let of = |cover| covers.get(&cover);
    let (flags, names, seals) = (
        of(Cover::CookieFlags),
        of(Cover::CookieNames),
        of(Cover::CookieSeals),
    );
    if flags.is_none() && names.is_none() && seals.is_none() {
        return;
    }
    page.table("cookies");
    if let Some(covered) = flags {
        page.covers(
            covered,
            "`Secure`, `HttpOnly` and `SameSite=Lax` are added to every cookie",
        );
        page.line("enabled = true");
        page.prose("Those that page script reads, which get no `HttpOnly`:");
        page.line("#script_readable = [\"theme\"]");
    }
    if let Some(covered) = names {
        page.covers(covered, "Outside it goes by a name that tells nothing");
        page.line("rename = true");
    }
    if let Some(covered) = seals {
        page.covers(
            covered,
            "It is sealed, so that no visitor reads what is in it",
        );
        page.prose("If the cookie has another name than `session`, write that:");
        page.line("seal = [\"session\"]");
    }
}

#[cfg(test)]
mod tests;
