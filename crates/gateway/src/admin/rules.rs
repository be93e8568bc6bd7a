//! Why a rule refuses, in a sentence, and which setting has the say.

/// The sentence, and the key of `panoply.toml` if there is one.
pub(super) fn why(rule: &str) -> (&'static str, Option<&'static str>) {
    let found = RULES.iter().find(|(known, ..)| *known == rule);
    let family = || RULES.iter().find(|(known, ..)| family_of(known, rule));
    found
        .or_else(family)
        .map_or(("", None), |(_, why, key)| (why, *key))
}

/// Whether `known` is `name/` and so speaks for all that begin with it.
fn family_of(known: &str, rule: &str) -> bool {
    known.ends_with('/') && rule.starts_with(known)
}

const RULES: &[(&str, &str, Option<&str>)] = &[
    (
        "login/pair",
        "Too many wrong passwords for one user from one client.",
        Some("login"),
    ),
    (
        "login/client",
        "Too many wrong passwords from one client.",
        Some("login"),
    ),
    (
        "login/user",
        "Too many wrong passwords for one user from everywhere.",
        Some("login"),
    ),
    (
        "login/names",
        "One client has tried too many users.",
        Some("login"),
    ),
    (
        "login/ever",
        "One client has failed for one user too often in a row.",
        Some("login"),
    ),
    (
        "login/device",
        "Too many wrong passwords in a browser that its user has logged in with.",
        Some("login"),
    ),
    (
        "login/outage",
        "The store does not answer, and logins wait for it.",
        Some("login.on_outage"),
    ),
    (
        "login/crowded",
        "Logins of more than 4 KiB that are sent and not ended take up their room.",
        None,
    ),
    (
        "login/",
        "A login that could not be read, and so not be counted.",
        Some("login"),
    ),
    (
        "block/client",
        "Every request of a client that was blocked by hand.",
        None,
    ),
    (
        "block/network",
        "Every request from a network that was blocked by hand.",
        None,
    ),
    (
        "maintenance",
        "Everybody, while the site is closed by `panoply maintenance on`.",
        Some("maintenance.allow"),
    ),
    (
        "challenge/page",
        "A browser that asked for a page without a pass: it was given the task, and comes again with one.",
        Some("challenge"),
    ),
    (
        "challenge/pass",
        "Something other than a page was asked for without a pass, as programs do.",
        Some("challenge.except"),
    ),
    (
        "challenge/solution",
        "Something was sent as the solution of a task that was none, came too late, or from another address.",
        Some("challenge"),
    ),
    (
        "cross-site",
        "Another site's page tried to change something with a visitor's cookies.",
        Some("cross_site"),
    ),
    (
        "cookies/unsealable",
        "The app set a cookie that could not be sealed.",
        Some("cookies"),
    ),
    (
        "access/path",
        "A path that is there for some addresses only was asked for from another one.",
        Some("access"),
    ),
    (
        "access/password",
        "A path that asks for a password was asked for without one, or with a wrong one.",
        Some("access"),
    ),
    (
        "access/busy",
        "More passwords were to be looked at than there are processors for.",
        Some("access"),
    ),
    (
        "limits/request",
        "One client has made more requests than a limit allows.",
        Some("limit"),
    ),
    (
        "limits/answers",
        "A client that is held out for asking on and on for what is not there, or not for it.",
        Some("probes"),
    ),
    (
        "limits/connections",
        "All places for connections were taken.",
        Some("limits.connections"),
    ),
    (
        "limits/connections-per-client",
        "One client had too many connections open.",
        Some("limits.connections_per_client"),
    ),
    (
        "listen/proxy-protocol",
        "A load balancer that is to say whose connection it passes on did not.",
        Some("listen.proxy_protocol"),
    ),
    (
        "tls/clients",
        "A request on a connection from before other certificates were asked for, which a new one would not bring.",
        Some("tls.clients"),
    ),
    (
        "limits/crowded",
        "An unused connection made room for another one.",
        Some("limits.connections"),
    ),
    (
        "limits/descriptors",
        "The system allows this process no more files: raise `LimitNOFILE=`, or lower the number of connections.",
        Some("limits.connections"),
    ),
    (
        "limits/head",
        "A head larger than is read.",
        Some("limits.header_bytes"),
    ),
    (
        "limits/header-count",
        "More headers than are read.",
        Some("limits.header_count"),
    ),
    (
        "limits/target",
        "An address longer than is read.",
        Some("limits.header_bytes"),
    ),
    (
        "limits/body-bytes",
        "A body larger than the limit.",
        Some("limits.body_bytes"),
    ),
    (
        "limits/head-timeout",
        "A head that did not come in time.",
        Some("limits.head_timeout"),
    ),
    (
        "limits/idle",
        "An unused connection was closed, which is nothing bad.",
        Some("limits.idle_timeout"),
    ),
    (
        "limits/slow-body",
        "A body that stopped coming.",
        Some("limits.stall_timeout"),
    ),
    (
        "limits/unread-body",
        "The app answered a request and did not read the rest of it.",
        Some("limits.stall_timeout"),
    ),
    (
        "limits/slow-reader",
        "A client that stopped reading its answer.",
        Some("limits.stall_timeout"),
    ),
    (
        "intake/no-host",
        "The request does not say which host it is for.",
        None,
    ),
    (
        "intake/foreign-host",
        "The request is for a host that is none of the site's names; the log has what to write if it is one.",
        Some("listen.hosts"),
    ),
    (
        "intake/plain-http",
        "Plain HTTP came to the port of HTTPS, and did not say for which host, or from a proxy that is trusted.",
        None,
    ),
    (
        "intake/",
        "Not HTTP as it is written down: often a scanner, or an attempt to smuggle a request.",
        None,
    ),
    (
        "route/steps",
        "A path with steps (`..`), or the route's own twice, for an app that is asked for what follows that and could read another path there.",
        Some("route"),
    ),
    ("app/away", "The app could not be reached.", Some("app")),
    (
        "app/starting",
        "The app was still starting.",
        Some("app.start_timeout"),
    ),
    (
        "app/timeout",
        "The app did not answer in time.",
        Some("limits.response_timeout"),
    ),
    (
        "app/error-page",
        "The framework's own error page, replaced because it tells what runs.",
        Some("pages.framework_errors"),
    ),
    (
        "app/tls",
        "The app could not be spoken to by TLS, or its certificate is not believed.",
        Some("tls.app"),
    ),
    ("app/", "The app's answer was no HTTP, or broke off.", None),
    (
        "reports/malformed",
        "Something that is no report was sent to where browsers report.",
        Some("reports"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_word() {
        for rule in [
            "login/pair",
            "login/body",
            "login/crowded",
            "intake/both-lengths",
            "app/away",
            "app/broken-answer",
            "block/network",
            "maintenance",
            "challenge/page",
            "challenge/pass",
            "challenge/solution",
            "cross-site",
            "limits/request",
            "limits/answers",
            "access/path",
            "access/password",
            "access/busy",
            "route/steps",
        ] {
            assert_ne!(why(rule).0, "", "{rule}");
        }
        assert_ne!(why("login/pair"), why("login/slow-body"));
        assert_eq!(why("no/such"), ("", None));
    }
}
