//! The commented `panoply.toml`.
//!
//! A comment that is prose begins with `# `, a setting that is commented out with `#` alone, so
//! that taking one character away puts it in force.

use std::fmt::Write as _;

use toml_edit::Value;

use super::app::{App, Start, misleads, one_line};

const WIDTH: usize = 96;

/// The file for `app`.
pub(super) fn render(app: &App) -> String {
    let mut page = Page::default();
    let name = app.name.as_deref().map_or("your app", |name| name);
    page.prose(&format!("Panoply for {name}, written by `panoply init`."));
    page.prose("");
    page.prose(&format!("Seen: {}", app.made_with));
    for (file, what) in &app.seen {
        page.prose(&format!("  {file}: {what}"));
    }
    page.prose("");
    page.prose(
        "Lines that begin with `#` and no space are settings, with their default or an example: \
         remove that one character to set them. `panoply check` says whether the file is right, \
         and what is in force.",
    );
    app_table(&mut page, app);
    page.rest(ROUTE);
    page.rest(LISTEN);
    page.rest(HEADERS);
    for note in &app.header_notes {
        page.prose(note);
    }
    page.rest(POLICY);
    page.rest(CLIENT);
    for note in &app.client_notes {
        page.prose(note);
    }
    page.rest(LOGINS);
    page.rest(LIMITS);
    page.text
}

/// The `[app]` table alone.
pub(super) fn app_alone(app: &App) -> String {
    let mut page = Page::default();
    app_table(&mut page, app);
    page.text
}

fn app_table(page: &mut Page, app: &App) {
    page.line("");
    page.line("[app]");
    for note in &app.start_notes {
        page.prose(note);
    }
    match &app.start {
        Start::Command(command) => {
            page.prose("Started with a free loopback port in PORT, and again when it ends.");
            page.line(&format!("command = {}", array(command)));
            page.prose("Or the address of an app that somebody else starts:");
            page.line("#upstream = \"http://127.0.0.1:3000\"");
        }
        Start::Upstream { port, command } => {
            page.line(&format!("upstream = \"http://127.0.0.1:{port}\""));
            if let Some(command) = command {
                page.prose("Once it reads PORT, and in place of `upstream`:");
                page.line(&format!("#command = {}", array(command)));
            }
        }
        Start::Unknown => {
            page.line("#command = [\"node\", \"server.js\"]");
            page.prose("Or the address of an app that somebody else starts:");
            page.line("#upstream = \"http://127.0.0.1:3000\"");
        }
    }
    if !matches!(app.start, Start::Upstream { .. }) {
        page.prose(
            "How many times it is started, \"auto\" for once a processor. Sessions in its memory are one instance's \
             alone: with affinity each client comes to the same one.",
        );
        page.line("#instances = \"auto\"");
        page.line("#affinity = \"client\"");
    }
    page.prose("A path that it answers with 2xx or 3xx while it is well; asked for every 2 s.");
    page.line("#health = \"/healthz\"");
    page.prose("How long a request waits while the app is started again.");
    page.line("#patience = \"5s\"");
    origin(page, app);
}

/// The line for an app that compares the origin of its forms with the scheme by which it is asked.
fn origin(page: &mut Page, app: &App) {
    if app.takes_http {
        page.prose(
            "It compares where a form comes from with the scheme by which it is asked, which is HTTP: so \
             it is told the origin of its own pages by that.",
        );
        page.line("origin = \"http\"");
    }
}

/// A TOML array, on one line, with every string quoted as it needs.
fn array(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

/// A TOML string on one line, whatever is in it: where it is commented out, more would not be.
fn quoted(word: &str) -> String {
    if !word.contains(misleads) {
        return Value::from(word).to_string();
    }
    let mut text = String::from('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            // Writing to a string does not fail.
            c if misleads(c) => drop(write!(text, "\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn rest(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A comment, on as many lines as it needs; no text of the app gets out of it.
    fn prose(&mut self, text: &str) {
        let indent = text.len() - text.trim_start().len();
        let start = format!("#{}", " ".repeat(indent.min(4)));
        let mut line = start.clone();
        for word in words(&one_line(text)) {
            if line.len() > start.len() && line.chars().count() + word.chars().count() >= WIDTH {
                self.line(&line);
                line.clone_from(&start);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line.trim_end());
    }
}

/// The words of `text`; what stands between backticks is one word, to be copied whole.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
    .filter(|word| !word.is_empty())
}

const ROUTE: &str = r#"
# Another app, for a path and all below it, or for some of the site's names (`domains`). It can
# have all that [app] can.
#[[route]]
#path = "/api"
#upstream = "http://127.0.0.1:4000"
"#;

const LISTEN: &str = r#"
[listen]
# Loopback only, so that nobody else sees the app before you say so. With `tls.domains` the
# defaults are ":80" and ":443", every address there is. Plain HTTP only redirects to HTTPS.
#http = "127.0.0.1:8080"
#https = "127.0.0.1:8443"
# Load balancers that pass on TCP and say whose connections they are, by the PROXY protocol:
#proxy_protocol = ["10.0.0.5"]
# A request for a host that is none of the site's names does not reach the app, once those are
# known: `domains` below, and the names in certificates. More by which it is reached, or "any":
#hosts = ["shop.internal"]
# The name that the site goes by; requests for its other names are sent there.
#canonical = "shop.example"

# Started by root, as ports 80 and 443 may need, it becomes this user before it reads a certificate
# or hears a client; the app runs as the same user.
#[run]
#user = "panoply"

[tls]
# "acme": certificates from Let's Encrypt, ordered and renewed by themselves. "files": your own.
# "local": one from a CA of this computer, to develop with. "off": none, when a proxy in front of
# Panoply has TLS. Default: files when named, acme when a domain below is public, else local.
#mode = "local"
# PEM, the certificate with its chain; read again when they change.
#certificate = "/etc/ssl/shop.example/fullchain.pem"
#key = "/etc/ssl/shop.example/privkey.pem"
# The names of the site, which point at this machine.
#domains = ["shop.example"]

# Where certificates are ordered. None of it is needed.
#[acme]
#contact = "ops@shop.example"
# Another authority, or several in order: "letsencrypt", "zerossl", or a directory's URL.
#directories = ["letsencrypt"]
# A command that puts a TXT record into the DNS: for wildcards, and where no port is open.
#dns_hook = ["/usr/local/bin/dns-hook"]
# A command that hands each certificate on to a mail server, say.
#deploy_hook = ["/usr/local/bin/deploy-hook"]
"#;

const HEADERS: &str = r#"
[headers]
# "helmet": what Helmet sends. "strict": more, for apps that write Panoply's nonce into their
# scripts. "api": for JSON alone. "legacy": with what Helmet 3 sent besides.
#preset = "helmet"
"#;

const POLICY: &str = r#"# What pages may load from elsewhere. The log names what was blocked, and the line to write here;
# `panoply csp suggest` makes one policy of all that browsers report.
#[headers.content-security-policy]
#append = { script-src = ["https://js.stripe.com"], frame-src = ["https://js.stripe.com"] }

[reports]
# Browsers tell the gateway what the policy blocked; without that, nobody is told.
#enabled = true
"#;

const CLIENT: &str = r#"
[client]
# Who may say whose request it is: the proxies in front of Panoply, a load balancer or a CDN.
# Without any the connection's own address counts, and what clients claim is dropped.
#trusted_proxies = ["loopback", "10.0.0.0/8"]
# Or how many there are, when their addresses change and nobody else can reach Panoply:
#hops = 1
"#;

const LOGINS: &str = r#"
# Without any of these the paths that logins usually have are guarded; `panoply check` lists them.
# Ten failures of a user from one client lock for an hour, a hundred a day block the client.
#[[login]]
#path = "/login"
#username = "username"
# With several sites, the login of one name; others keep the usual ones. [[limit]] and [[access]]
# have `domains` as well.
#domains = ["shop.example"]
# The first answer of each kind is logged with how it was read. If that is wrong, say what shows it:
#failure = { body = ["Invalid password"] }
#success = { cookie = ["session"] }

[cookies]
# `Secure`, `HttpOnly` and `SameSite=Lax` are added to every cookie; `panoply check` lists what else
# becomes of which. Those that page script reads, which get no `HttpOnly`:
#script_readable = ["theme"]
# Where an answer has the browser forget everything of the site:
#logout = ["/logout"]
# So that nobody has to log in again when the guard is first put up:
#plain_until = "2027-01-31"

[cross_site]
# What another site's page sends with a cookie or a kept password is refused, but for these:
#paths = ["/webhooks/"]
#origins = ["https://checkout.example"]

# Paths that are there for these addresses only, with all below; others are told 404. Or for
# those who have a password: `panoply password ada` says what to write in the place of `allow`.
# `except` opens paths below, as for a health check.
#[[access]]
#path = "/admin/"
#allow = ["10.0.0.0/8", "203.0.113.7"]

# How many requests are let through.
#[[limit]]
#path = "/api/"
#points = 100
#window = "1m"

# Or how many paths with such answers, before the client is held out.
#[[limit]]
#name = "scanners"
#answers = [400, 401, 403, 404]
#points = 50
#window = "1m"
#lock = "1h"

# Or who asks for ten paths that only scanners ask for, such as `/.env`, which the app has not got.
#[probes]
#points = 10

[store]
# Where failures, limits and blocks are counted. A file in the state directory unless said; several
# nodes share Redis or PostgreSQL, and a secret.
#url = "redis://127.0.0.1:6379"
#secret = "the output of openssl rand -hex 32"
"#;

const LIMITS: &str = r#"
[limits]
# No honest browser meets these. The largest request: its head, its headers, its body.
#header_bytes = "32KiB"
#header_count = 100
#body_bytes = "100MiB"
# A head must be complete, and a connection used again, in this time.
#head_timeout = "10s"
#idle_timeout = "75s"
# The app must begin to answer in this time, or the client is told 504.
#response_timeout = "60s"
# Connections at once, in all and from one client.
#connections = 10000
#connections_per_client = 256
# How long a stop waits for what is in flight.
#drain = "30s"

# More below one path, or less: body_bytes, stall_timeout, response_timeout.
#[[limits.path]]
#prefix = "/upload"
#body_bytes = "200MiB"

# `panoply challenge on` gives browsers a task before they are let in, and refuses what else asks,
# but for this; below `paths` that is always so.
#[challenge]
#paths = ["/search"]
#except = ["/api/webhooks/"]
#exempt = ["203.0.113.0/24"]

# `panoply maintenance on` answers everybody with 503; these are let in all the same.
#[maintenance]
#allow = ["203.0.113.0/24"]

[log]
# "auto" is text on a terminal and JSON otherwise; "text", "json".
#format = "auto"
# One line for each request.
#access = true
# But for these paths, unless a request is refused or fails.
#skip = ["/healthz", "/assets/"]

[admin]
# A page that says how things stand, metrics and health; nowhere unless said.
#listen = "127.0.0.1:9100"
# On an address that other machines reach it asks for this, or does not start.
#token = "the output of openssl rand -hex 32"
"#;
