//! Settings named by environment variables.

use toml::{Table, Value};

use super::diagnose::{ConfigError, Place};
use super::layers::{check, single};
use super::suggest;

/// Variables of ours that are no settings.
pub(super) const RESERVED: [&str; 5] = [
    "PANOPLY_CONFIG",
    "PANOPLY_STATE",
    "PANOPLY_NONCE",
    crate::app::INSTANCE,
    crate::handover::VARIABLE,
];

/// The path that an environment variable names: the setting whose name reads the same.
pub(super) fn path(name: &str) -> Result<String, ConfigError> {
    let names: Vec<String> = SETTINGS.iter().map(|path| variable(path)).collect();
    let known = SETTINGS
        .iter()
        .zip(&names)
        .find(|(_, known)| *known == name);
    if let Some((path, _)) = known {
        return Ok((*path).to_owned());
    }
    let meant = suggest::path(name.trim_start_matches("PANOPLY_"));
    // By the names that they have here.
    let meant = meant.map(|meant| {
        let renamed = |text: String, path: &&str| {
            text.replace(&format!("`{path}`"), &format!("`{}`", variable(path)))
        };
        SETTINGS.iter().fold(meant, renamed)
    });
    let error = ConfigError::plain(format!("unknown environment variable `{name}`"));
    Err(error.with_help(match meant {
        Some(meant) if meant.ends_with('?') => format!("{meant} Otherwise unset it"),
        Some(meant) => format!("{meant}; unset this one"),
        None => "settings are named like `PANOPLY_LISTEN_HTTPS`; unset it".to_owned(),
    }))
}

/// The variable that names the setting at a dotted path.
fn variable(path: &str) -> String {
    let plain = path.replace(['.', '-'], "_").to_ascii_uppercase();
    format!("PANOPLY_{plain}")
}

/// A variable's text as the first of these that the setting takes: text, a TOML value, a list.
pub(super) fn value(name: &str, path: &str, text: &str) -> Result<Value, ConfigError> {
    let list = || {
        let items = text.split(',').map(|item| Value::from(item.trim()));
        Value::Array(items.filter(|item| item.as_str() != Some("")).collect())
    };
    let toml = || {
        toml::from_str::<Table>(&format!("x = {text}"))
            .ok()?
            .remove("x")
    };
    let place = || Place::Named(format!("`{name}`"));
    let fits = |value: &Value| check(&single(path, value.clone()), place);
    let as_text = Value::from(text);
    let Err(error) = fits(&as_text) else {
        return Ok(as_text);
    };
    [toml(), Some(list())]
        .into_iter()
        .flatten()
        .find(|v| fits(v).is_ok())
        .ok_or(error)
}

/// The table that holds the key of an account with an authority.
const ACCOUNT: &str = "acme.external_account";

/// The settings whose values are nobody's business.
pub(crate) const SECRET_SETTINGS: [&str; 4] = [
    ACCOUNT,
    "acme.external_account.key",
    "admin.token",
    "store.secret",
];

/// Whether the value at a dotted path is nobody's business.
pub(crate) fn is_secret(path: &str) -> bool {
    SECRET_SETTINGS.contains(&path)
}

/// The variables whose values are the gateway's alone: the app that it starts is not told them.
pub(crate) fn secret_variables() -> impl Iterator<Item = String> {
    // A URL of a store may hold a password.
    let secret = SETTINGS
        .iter()
        .filter(|path| is_secret(path) || **path == "store.url");
    secret.map(|path| variable(path))
}

/// Whether a secret may stand in the same line.
pub(super) fn lies_by_a_secret(path: &str) -> bool {
    is_secret(path) || path.starts_with(ACCOUNT)
}

/// The dotted paths of the settings that an environment variable can name: all whose value is a word, a number or a
/// list of such.
pub(super) const SETTINGS: &[&str] = &[
    "acme.challenges",
    "acme.contact",
    "acme.deploy_hook",
    "acme.directories",
    "acme.dns_hook",
    "acme.external_account.id",
    "acme.external_account.key",
    "acme.on_demand.allow",
    "acme.on_demand.most",
    "acme.on_demand.orders_per_hour",
    "acme.profile",
    "acme.roots",
    "acme.staging",
    "acme.temporary_state",
    "acme.together",
    "admin.listen",
    "admin.token",
    "app.affinity",
    "app.command",
    "app.h2c",
    "app.health",
    "app.host",
    "app.instances",
    "app.origin",
    "app.patience",
    "app.start_timeout",
    "app.upstream",
    "audit.advisories",
    "audit.baseline",
    "audit.fail_on",
    "audit.limiters",
    "audit.min_confidence",
    "audit.offline",
    "audit.only",
    "audit.require",
    "audit.skip",
    "challenge.except",
    "challenge.exempt",
    "challenge.pass",
    "challenge.paths",
    "challenge.work",
    "client.header",
    "client.hops",
    "client.ipv6_prefix",
    "client.trusted_proxies",
    "cookies.enabled",
    "cookies.leave",
    "cookies.logout",
    "cookies.no_store",
    "cookies.plain_until",
    "cookies.rename",
    "cookies.script_readable",
    "cookies.seal",
    "cookies.unsealable",
    "cross_site.enabled",
    "cross_site.origins",
    "cross_site.paths",
    "cross_site.without_cookie",
    "headers.clear_site_data",
    "headers.clear_site_data_on",
    "headers.keep",
    "headers.no_store_with_cookie",
    "headers.nonce_placeholder",
    "headers.override",
    "headers.preset",
    "headers.remove",
    "keys.file",
    "limits.body_bytes",
    "limits.connections",
    "limits.connections_per_client",
    "limits.drain",
    "limits.head_timeout",
    "limits.header_bytes",
    "limits.header_count",
    "limits.idle_timeout",
    "limits.response_timeout",
    "limits.stall_timeout",
    "limits.stream_resets",
    "limits.streams",
    "listen.canonical",
    "listen.hosts",
    "listen.http",
    "listen.https",
    "listen.proxy_protocol",
    "listen.workers",
    "log.access",
    "log.format",
    "log.level",
    "log.skip",
    "maintenance.allow",
    "pages.framework_errors",
    "probes.dry_run",
    "probes.enabled",
    "probes.exempt",
    "probes.lock",
    "probes.longest",
    "probes.points",
    "probes.window",
    "reports.enabled",
    "run.danger_core_dumps",
    "run.group",
    "run.user",
    "store.deadline",
    "store.nodes",
    "store.secret",
    "store.url",
    "tls.certificate",
    "tls.app.ca",
    "tls.app.certificate",
    "tls.app.key",
    "tls.app.name",
    "tls.clients.ca",
    "tls.clients.certificate",
    "tls.clients.revoked",
    "tls.domains",
    "tls.key",
    "tls.mode",
    "tls.profile",
];

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;
    use crate::config::Config;

    /// Tables, lists of tables, and what has names that are somebody's to choose: they are for the file.
    const FOR_THE_FILE: [&str; 9] = [
        "access",
        "cookies.names",
        "limit",
        "limits.path",
        "login",
        "pages.html",
        "pages.problem",
        "route",
        "tls.certificates",
    ];

    /// The keys that may stand below a path, if it is that of a table.
    fn keys(path: &str) -> Option<Vec<String>> {
        let nobody_s = format!("{path}.zzz");
        let asked = single(nobody_s.trim_start_matches('.'), Value::from(1));
        let error = Config::deserialize(asked).err()?;
        let known = error.message().strip_prefix("unknown field `zzz`")?;
        let known = known.split('`').skip(1).step_by(2);
        Some(known.map(str::to_owned).collect())
    }

    fn leaves(path: &str, found: &mut Vec<String>) {
        let Some(keys) = keys(path) else {
            found.push(path.to_owned());
            return;
        };
        for key in keys {
            leaves(format!("{path}.{key}").trim_start_matches('.'), found);
        }
    }

    #[test]
    fn every_setting_has_its_variable() {
        let mut found = Vec::new();
        leaves("", &mut found);
        assert!(found.len() > 60, "{found:?}");
        found.retain(|path| path != "headers" && !FOR_THE_FILE.contains(&path.as_str()));
        // They are read by hand, and say nothing of what else they know.
        let (headers, mut named): (Vec<&str>, Vec<&str>) = SETTINGS
            .iter()
            .partition(|path| path.starts_with("headers."));
        found.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, found);
        for path in headers {
            let words = ["helmet", "always", "true", "x-a", "/logout", "cookies"];
            let long = "a-placeholder-of-some-length";
            let fits = |word: &&str| value("X", path, word).is_ok();
            assert!(words.iter().chain([&long]).any(fits), "{path}");
        }
        let mut variables: Vec<String> = SETTINGS.iter().map(|path| variable(path)).collect();
        variables.sort_unstable();
        variables.dedup();
        assert_eq!(variables.len(), SETTINGS.len(), "one names two settings");
    }

    #[test]
    fn lists_and_words_are_read() {
        for (name, text, expected) in [
            (
                "PANOPLY_COOKIES_SCRIPT_READABLE",
                "theme, lang",
                r#"["theme", "lang"]"#,
            ),
            ("PANOPLY_COOKIES_LOGOUT", "/logout", r#"["/logout"]"#),
            (
                "PANOPLY_CROSS_SITE_PATHS",
                "/webhooks/",
                r#"["/webhooks/"]"#,
            ),
            (
                "PANOPLY_CROSS_SITE_ORIGINS",
                "https://a.example,https://b.example",
                r#"["https://a.example", "https://b.example"]"#,
            ),
            ("PANOPLY_PAGES_FRAMEWORK_ERRORS", "pass", r#""pass""#),
            ("PANOPLY_CLIENT_IPV6_PREFIX", "56", "56"),
            ("PANOPLY_COOKIES_ENABLED", "false", "false"),
        ] {
            let path = path(name).unwrap();
            let read = value(name, &path, text).unwrap();
            assert_eq!(read.to_string(), expected, "{name}");
        }
    }
}
