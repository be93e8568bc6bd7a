//! What somebody meant who wrote a key that is not known: a slip of the fingers, a key of another table, or what
//! another program calls it.

use super::diagnose::{likeness, nearest};
use super::env::SETTINGS;

/// What they may have meant, as the beginning of a line of help; `here` is known where it was written.
pub(super) fn key(word: &str, here: &[&str]) -> Option<String> {
    let foreign = plain(word);
    // A table that has a word like it means that, and `[[route]]` has what `[app]` has.
    let is_route = here.contains(&"strip_path");
    if is_route
        && let Some(own) = here
            .iter()
            .find(|own| likeness(&word.to_ascii_lowercase(), own) > SLIP)
    {
        return Some(format!("did you mean `{own}`?"));
    }
    if here.contains(&"domains") && NAMES.contains(&&*foreign) {
        return Some("did you mean `domains`?".to_owned());
    }
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(name, _)| plain(name) == foreign) {
        let ours = if is_route {
            ours.replace("`app.", "`")
        } else {
            (*ours).to_owned()
        };
        return Some(format!("here that is {ours}"));
    }
    // A table for some paths says which by a prefix.
    if word == "prefix" && is_route {
        return Some("did you mean `path`?".to_owned());
    }
    if matches!(word, "path" | "paths" | "location") && here.contains(&"prefix") {
        return Some("did you mean `prefix`?".to_owned());
    }
    let slip = |key: &&str| likeness(&word.to_ascii_lowercase(), key) > SLIP;
    if here.iter().any(slip) {
        return nearest(word, here).map(|key| format!("did you mean `{key}`?"));
    }
    // In a table of its own a short word means something else.
    let anywhere = here.is_empty() || here.contains(&"listen") || word.contains('_');
    let settings = |meant: &dyn Fn(&str) -> bool| settings(|path| anywhere && meant(path));
    let there = settings(&|setting| last(setting) == word);
    let there = there.or_else(|| settings(&|setting| slip(&last(setting))));
    let there = there.or_else(|| {
        // As in `proxies`, which is a word of `trusted_proxies`.
        let word = word.to_ascii_lowercase();
        let part = |key: &str| parts(key).any(|part| part == word);
        match *here.iter().filter(|key| part(key)).collect::<Vec<_>>() {
            [] => settings(&|setting| part(last(setting))),
            [key] => Some(format!("`{key}`")),
            ref keys => either(&keys.iter().map(|key| **key).collect::<Vec<_>>()),
        }
    });
    let there = there.map(|key| format!("did you mean {key}?"));
    there.or_else(|| nearest(word, here).map(|key| format!("did you mean `{key}`?")))
}

/// The dotted path of the setting that an unknown one like it may mean.
pub(super) fn path(word: &str) -> Option<String> {
    let dotted = word.to_ascii_lowercase().replace('_', ".");
    let alike = |path: &&&str| likeness(&dotted, &path.replace(['_', '-'], "."));
    let best = { SETTINGS.iter() }.max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    if alike(&best) > SLIP {
        return Some(format!("did you mean `{best}`?"));
    }
    key(word, &[])
}

/// What others call the names that something is for.
const NAMES: [&str; 7] = [
    "domain",
    "host",
    "hostname",
    "hostnames",
    "hosts",
    "servername",
    "servernames",
];

/// More alike than this, one is the other with a slip in it.
const SLIP: f64 = 0.92;

/// The settings that are meant, if they are not too many to be told.
fn settings(meant: impl Fn(&str) -> bool) -> Option<String> {
    let meant: Vec<&str> = SETTINGS
        .iter()
        .copied()
        .filter(|path| meant(path))
        .collect();
    either(&meant)
}

fn either(these: &[&str]) -> Option<String> {
    match these {
        [one] => Some(format!("`{one}`")),
        [most @ .., one] if most.len() < MOST => {
            let most: Vec<String> = most.iter().map(|one| format!("`{one}`")).collect();
            Some(format!("{} or `{one}`", most.join(", ")))
        }
        _ => None,
    }
}

/// As many are told of.
const MOST: usize = 4;

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn parts(key: &str) -> impl Iterator<Item = &str> {
    key.split(['_', '-', '.'])
}

/// Without what programs write differently: `trustProxy`, `trust proxy`, `trust_proxy`.
fn plain(word: &str) -> String {
    let letters = word.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// What nginx, haproxy, Caddy, Express and its middleware call what can be set here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("accept_proxy", "`listen.proxy_protocol`"),
    ("access_log", "`log.access`"),
    ("acme_ca", "`acme.directories`"),
    ("acme_email", "`acme.contact`"),
    ("add_header", "a key of `[headers]`"),
    ("allow", "`allow` of a table `[[access]]`"),
    ("allow_from", "`allow` of a table `[[access]]`"),
    ("allowed_hosts", "`listen.hosts`"),
    (
        "auth_basic",
        "`users` of a table `[[access]]`, and `except` for a path below it where it is off",
    ),
    ("auth_basic_user_file", "`htpasswd` of a table `[[access]]`"),
    ("antibot", "`[challenge]`, or `panoply challenge on`"),
    ("auto_https", "`tls.mode`"),
    (
        "auth_user",
        "`user_header` of a table `[[access]]`, which tells the app who has logged in",
    ),
    ("backend", "`app.upstream`"),
    ("basic_auth", "`users` of a table `[[access]]`"),
    ("bind", "`listen.http` and `listen.https`"),
    ("basic_auth_users", "`users` of a table `[[access]]`"),
    ("blacklist", "`panoply blocks add`"),
    ("body_limit", "`limits.body_bytes`"),
    ("captcha", "`[challenge]`, or `panoply challenge on`"),
    ("cert", "`tls.certificate`"),
    ("certs", "`tls.certificate`"),
    ("client_body_timeout", "`limits.stall_timeout`"),
    ("client_header_timeout", "`limits.head_timeout`"),
    ("client_max_body_size", "`limits.body_bytes`"),
    ("cmd", "`app.command`"),
    ("cookie", "`[cookies]`"),
    ("cors", "the app's: it knows who may read what"),
    ("crt", "`tls.certificate`"),
    ("csp", "`headers.content-security-policy`"),
    ("csrf", "`[cross_site]`"),
    ("database_url", "`store.url`"),
    ("default_bind", "`listen.http` and `listen.https`"),
    (
        "deny",
        "`panoply blocks add`; for a path, `allow` of a table `[[access]]`",
    ),
    ("domain", "`tls.domains`"),
    ("email", "`acme.contact`"),
    (
        "env",
        "the environment of `panoply run`, which the app inherits",
    ),
    (
        "environment",
        "the environment of `panoply run`, which the app inherits",
    ),
    ("error_log", "`log.level`"),
    ("error_page", "`pages.html`"),
    ("errorfile", "`pages.html`"),
    ("exec", "`app.command`"),
    ("exec_mode", "`app.instances`"),
    ("forwardfor", "`client.trusted_proxies`"),
    ("frame_options", "`headers.x-frame-options`"),
    ("global_rate_limit", "`[[limit]]`"),
    ("grace_period", "`limits.drain`"),
    ("graceful_timeout", "`limits.drain`"),
    ("handle", "`[[route]]`"),
    ("handle_path", "`[[route]]` with `strip_path = true`"),
    ("handle_errors", "`pages.html`"),
    ("hard_stop_after", "`limits.drain`"),
    (
        "helmet",
        "`[headers]`, where `preset = \"helmet\"` sends what Helmet does",
    ),
    ("host", "`tls.domains`, or `listen.https` for an address"),
    (
        "header_field",
        "`user_header` of a table `[[access]]`, which tells the app who has logged in",
    ),
    ("hostname", "`tls.domains`"),
    ("hsts", "`headers.strict-transport-security`"),
    ("http2_max_concurrent_streams", "`limits.streams`"),
    ("http_port", "`listen.http`"),
    ("https_port", "`listen.https`"),
    ("ip_hash", "`app.affinity`"),
    ("keepalive_timeout", "`limits.idle_timeout`"),
    ("large_client_header_buffers", "`limits.header_bytes`"),
    ("lb_policy", "`app.affinity`"),
    (
        "least_conn",
        "the way of things: who has the least to do is asked",
    ),
    (
        "letsencrypt",
        "`tls.domains`, which orders there by default",
    ),
    ("limit_conn", "`limits.connections_per_client`"),
    ("limit_req", "`[[limit]]`"),
    ("limit_req_zone", "`[[limit]]`"),
    ("load_balancer", "a list in `app.upstream`"),
    (
        "location",
        "`[[route]]` for another app, or `[[headers.path]]`, `[[access]]`, `[[limit]]` or `[[login]]`, each with paths \
         of its own",
    ),
    ("log_format", "`log.format`"),
    ("log_level", "`log.level`"),
    ("max_body_size", "`limits.body_bytes`"),
    ("max_header_bytes", "`limits.header_bytes`"),
    ("max_header_size", "`limits.header_bytes`"),
    ("max_size", "`limits.body_bytes`"),
    ("maxconn", "`limits.connections`"),
    ("metrics", "`admin.listen`, where `/metrics` is"),
    ("nbthread", "`listen.workers`"),
    ("on_demand_tls", "`acme.on_demand`"),
    (
        "port",
        "`listen.https` and `listen.http`; the app is told its own in `PORT`",
    ),
    ("processes", "`app.instances`"),
    ("proxy_connect_timeout", "`limits.response_timeout`"),
    ("proxy_cookie_domain", "`app.host`"),
    ("proxy_cookie_flags", "`[cookies]`"),
    ("proxy_pass", "`app.upstream`"),
    ("proxy_read_timeout", "`limits.response_timeout`"),
    ("proxy_redirect", "`app.host`"),
    ("proxy_ssl_certificate", "`tls.app.certificate`"),
    ("proxy_ssl_certificate_key", "`tls.app.key`"),
    ("proxy_ssl_name", "`tls.app.name`"),
    ("proxy_ssl_trusted_certificate", "`tls.app.ca`"),
    ("rate_limit", "`[[limit]]`"),
    ("rate_limiter", "`[[limit]]`"),
    ("read_body", "`limits.stall_timeout`"),
    ("read_header", "`limits.head_timeout`"),
    ("read_timeout", "`limits.stall_timeout`"),
    ("real_ip_header", "`client.header`"),
    ("redir", "`listen.canonical`, for another name of the site"),
    ("redis", "`store.url`"),
    ("redis_url", "`store.url`"),
    ("replicas", "`app.instances`"),
    ("request_body", "`limits.body_bytes`"),
    (
        "remote_user",
        "`user_header` of a table `[[access]]`, which tells the app who has logged in",
    ),
    ("require_any", "`satisfy = \"any\"` of a table `[[access]]`"),
    (
        "reset_timedout_connection",
        "the way of things: who stalls is reset",
    ),
    ("reverse_proxy", "`app.upstream`"),
    ("router", "`[[route]]`"),
    ("routers", "`[[route]]`"),
    ("root", "nothing: files are the app's to serve"),
    (
        "satisfy",
        "`satisfy` of a table `[[access]]`, which has both `allow` and `users`",
    ),
    ("satisfy_any", "`satisfy = \"any\"` of a table `[[access]]`"),
    ("send_timeout", "`limits.stall_timeout`"),
    (
        "server",
        "`app.upstream` for the app, `[[route]]` for another one, `[listen]` for the gateway",
    ),
    ("server_name", "`tls.domains`"),
    ("server_tokens", "nothing: `Server` is not sent on"),
    ("servers", "a list in `app.upstream`"),
    ("session_affinity", "`app.affinity`"),
    ("session_secret", "the app's; `[keys]` seals cookies"),
    ("set_real_ip_from", "`client.trusted_proxies`"),
    (
        "skip_auth",
        "`except` of a table `[[access]]`, with the paths that ask for nothing",
    ),
    (
        "skip_auth_routes",
        "`except` of a table `[[access]]`, with the paths that ask for nothing",
    ),
    ("site", "`tls.domains`"),
    ("ssl", "`[tls]`"),
    ("ssl_certificate", "`tls.certificate`"),
    ("ssl_certificate_key", "`tls.key`"),
    ("ssl_ciphers", "`tls.profile`"),
    ("ssl_protocols", "`tls.profile`"),
    ("start", "`app.command`"),
    ("strip_prefix", "`strip_path` of a table `[[route]]`"),
    ("path_prefix", "`path` of a table `[[route]]`"),
    ("use_backend", "`[[route]]`"),
    ("server_names", "`domains` of a table `[[route]]`"),
    ("vhost", "`[[route]]`"),
    ("apps", "`[[route]]`, for each but the first"),
    ("sticky", "`app.affinity`"),
    ("threads", "`listen.workers`"),
    ("trust_proxy", "`client.trusted_proxies`"),
    ("upstream_url", "`app.upstream`"),
    ("upstreams", "`app.upstream`, which takes a list"),
    ("whitelist", "`allow` of a table `[[access]]`"),
    (
        "window_ms",
        "`window`, as in `window = \"1m\"`, of `[[limit]]`",
    ),
    ("worker_connections", "`limits.connections`"),
    ("worker_processes", "`listen.workers`"),
    ("worker_threads", "`listen.workers`"),
    ("write_timeout", "`limits.stall_timeout`"),
    ("x_forwarded_for", "`client.trusted_proxies`"),
    ("x_frame_options", "`headers.x-frame-options`"),
];

#[cfg(test)]
mod tests;
