//! The `panoply.toml` that covers findings without touching the code, and says which it does not.

use std::collections::BTreeMap;

use panoply_audit::{Finding, Place, Report};
use toml_edit::{Array, Value};

use super::{folder, is_url};
use crate::init;

/// What of the gateway keeps a finding from being of use to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
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

fn tls(page: &mut Page, covered: Option<&Covered>, targets: &[String]) {
    let Some(covered) = covered else {
        return;
    };
    page.table("tls");
    page.covers(
        covered,
        "HTTPS with TLS 1.2 and 1.3 alone; plain HTTP leads there; certificates are ordered and renewed",
    );
    let mut names: Vec<String> = targets
        .iter()
        .filter_map(|target| host(target))
        .filter(|(host, _)| is_name(host))
        .map(|(host, _)| host)
        .collect();
    names.dedup();
    if names.is_empty() {
        page.prose(
            "The names of the site; without them the certificate is a local one, to try it.",
        );
        page.line("#domains = [\"shop.example\"]");
    } else {
        page.line(&format!("domains = {}", array(&names)));
    }
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

/// Findings that one line covers.
#[derive(Debug, Default)]
struct Covered {
    /// Places by rule.
    places: BTreeMap<&'static str, Vec<String>>,
    /// Paths of the app that they are about.
    paths: Vec<String>,
}

impl Covered {
    fn add(&mut self, report: &Report, finding: &Finding) {
        let place = match &finding.place {
            Place::Code(at) => at.to_string(),
            Place::Url(url) => url.clone(),
            _ => report.target.clone(),
        };
        let place = one_line(&place);
        let places = self.places.entry(finding.rule.id).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
        let path = match &finding.place {
            Place::Url(url) => host(url).map(|(_, path)| path),
            _ => path(&finding.message),
        };
        self.paths
            .extend(path.filter(|path| is_path(path) && !self.paths.contains(path)));
    }
}

/// The path that a message names: `POST /login`, in backticks.
fn path(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    quoted.find_map(|quoted| {
        let mut words = quoted.split([' ', '\'', '"']);
        words.find(|word| word.starts_with('/')).map(str::to_owned)
    })
}

/// A path that can be written as one: no parameters, no patterns.
fn is_path(path: &str) -> bool {
    path.len() > 1
        && path.starts_with('/')
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c))
}

/// Host and path of an address.
fn host(url: &str) -> Option<(String, String)> {
    if !is_url(url) {
        return None;
    }
    let (_, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let host = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => authority.get(..at).unwrap_or(authority),
        _ => authority,
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    Some((host.to_ascii_lowercase(), path.to_owned()))
}

/// Whether a host is a name that a certificate can be for.
fn is_name(host: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.chars().all(letters) && last.chars().any(|c| c.is_ascii_alphabetic())
}

fn array(words: &[String]) -> String {
    Value::from(words.iter().collect::<Array>()).to_string()
}

/// A text that cannot leave its comment.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

const WIDTH: usize = 96;

#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.line("");
        self.line(&format!("[{name}]"));
    }

    fn covers(&mut self, covered: &Covered, how: &str) {
        self.prose(&format!("{how}. That covers:"));
        self.list(covered);
    }

    fn list(&mut self, covered: &Covered) {
        for (rule, places) in &covered.places {
            self.prose(&format!("  {rule}: {}", places.join(", ")));
        }
    }

    /// A comment, on as many lines as it needs.
    fn prose(&mut self, text: &str) {
        let indent = text.len() - text.trim_start().len();
        let start = format!("#{}", " ".repeat(indent));
        let mut line = start.clone();
        for word in text.split_whitespace() {
            if line.len() > start.len() && line.chars().count() + word.chars().count() >= WIDTH {
                self.line(&line);
                line.clone_from(&start);
                if indent > 0 {
                    line.push_str("  ");
                }
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_covered_or_said_not_to_be() {
        for rule in panoply_audit::RULES
            .iter()
            .filter(|rule| rule.group() != "audit")
        {
            let cover = cover(rule.id);
            assert_ne!(
                cover,
                Nothing("it is no matter of the gateway's"),
                "{}",
                rule.id
            );
        }
    }

    /// One finding of each rule, in a file and on a site.
    fn everything() -> [Report; 2] {
        let source = panoply_audit::Source::new("src/a\nb = 1.js", "app.post('/login')\n");
        let mut code = Report::new("nowhere");
        let mut site = Report::new("https://shop.example");
        for rule in panoply_audit::RULES {
            let at = panoply_audit::Location::new(&source, 0..3);
            let message = "`POST /api/login` is `\"wrong\"`\n[evil]";
            code.push(Finding::new(rule, Place::Code(at), message));
            let url = "https://shop.example/sign-in?next=\n[evil]".to_owned();
            site.push(Finding::new(rule, Place::Url(url), message));
        }
        [code, site]
    }

    #[test]
    fn the_gateway_takes_the_file_and_every_finding_is_in_it() {
        let targets = ["nowhere".to_owned(), "https://shop.example".to_owned()];
        let toml = config(&everything(), &targets);
        for rule in panoply_audit::RULES
            .iter()
            .filter(|rule| rule.group() != "audit")
        {
            assert!(
                toml.contains(&format!("{}: ", rule.id)),
                "{}: {toml}",
                rule.id
            );
        }
        let source = panoply_gateway::config::Source::new().text("panoply.toml", &*toml);
        let loaded = source
            .load()
            .unwrap_or_else(|error| panic!("{error}\n{toml}"));
        assert_eq!(
            loaded.value("tls.domains").as_deref(),
            Some("[\"shop.example\"]")
        );
        assert_eq!(loaded.text("headers.preset"), Some("helmet"));
        assert_eq!(
            loaded.config.login.map(|logins| logins.len()),
            Some(2),
            "{toml}"
        );
        insta::assert_snapshot!(toml);
    }

    #[test]
    fn what_is_commented_out_can_be_put_in_force() {
        let toml = config(&everything(), &[]);
        let whole: Vec<&str> = toml
            .lines()
            .map(|line| match line.strip_prefix('#') {
                // Of an app that is started and one that runs there can be one.
                Some(setting) if !setting.starts_with(' ') && !setting.starts_with("upstream") => {
                    setting
                }
                _ => line,
            })
            .collect();
        let source = panoply_gateway::config::Source::new();
        let loaded = source.text("panoply.toml", whole.join("\n")).load();
        loaded.unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn paths_and_hosts_are_read() {
        assert_eq!(
            path("`POST /login` has no limit").as_deref(),
            Some("/login")
        );
        assert_eq!(
            path("`app.post('/api/login')` has none").as_deref(),
            Some("/api/login")
        );
        assert_eq!(path("no /login"), None);
        assert!(!is_path("/:tenant/login") && !is_path("/") && !is_path("/a\"b"));
        assert_eq!(
            host("https://ada@Shop.example:8443/login?x#y"),
            Some(("shop.example".into(), "/login".into()))
        );
        assert_eq!(
            host("http://[::1]:3000"),
            Some(("[::1]".into(), String::new()))
        );
        assert!(is_name("shop.example") && !is_name("127.0.0.1") && !is_name("localhost"));
    }

    #[test]
    fn no_text_leaves_its_comment() {
        let mut page = Page::default();
        page.prose(&one_line("a\nb = 1\r\u{85}c"));
        assert!(
            page.text.lines().all(|line| line.starts_with('#')),
            "{}",
            page.text
        );
    }
}
