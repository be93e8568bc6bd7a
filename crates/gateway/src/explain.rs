//! What is in force, for `panoply check`.

use crate::config::{Loaded, Origin};
use crate::settings::{App, Settings};

impl Settings {
    /// Each setting with its value and where that came from, in the order of the documentation.
    pub fn explain(&self, loaded: &Loaded) -> Vec<(String, String, Origin)> {
        let config = &loaded.config;
        let limits = &config.limits;
        let address = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(|| "off".to_owned(), |address| address.to_string())
        };
        let [http, https, admin] = self.listeners();
        let app = match &self.app {
            App::Command { command, .. } => ("app.command", command.join(" ")),
            App::Upstream(upstream) => ("app.upstream", upstream.to_string()),
        };
        let tls = self
            .tls()
            .map_or("off", |_| match config.tls.effective_mode() {
                panoply_tls::Mode::Files => "files",
                _ => "local",
            });
        let known = [
            app,
            ("listen.http", address(http)),
            ("listen.https", address(https)),
            ("tls.mode", tls.to_owned()),
            (
                "headers.preset",
                loaded.text("headers.preset").unwrap_or("helmet").to_owned(),
            ),
            (
                if loaded.origin("client.hops") == Origin::Default {
                    "client.trusted_proxies"
                } else {
                    "client.hops"
                },
                config.client.to_string(),
            ),
            ("limits.header_bytes", limits.header_bytes.to_string()),
            ("limits.header_count", limits.header_count.to_string()),
            ("limits.body_bytes", limits.body_bytes.to_string()),
            ("limits.head_timeout", limits.head_timeout.to_string()),
            ("limits.idle_timeout", limits.idle_timeout.to_string()),
            ("limits.stall_timeout", limits.stall_timeout.to_string()),
            (
                "limits.response_timeout",
                limits.response_timeout.to_string(),
            ),
            ("limits.connections", limits.connections.to_string()),
            (
                "limits.connections_per_client",
                limits.connections_per_client.to_string(),
            ),
            ("limits.streams", limits.streams.to_string()),
            ("limits.stream_resets", limits.stream_resets.to_string()),
            ("limits.drain", limits.drain.to_string()),
            (
                "log.format",
                loaded.text("log.format").unwrap_or("auto").to_owned(),
            ),
            (
                "log.level",
                loaded.text("log.level").unwrap_or("info").to_owned(),
            ),
            ("log.access", config.log.access.to_string()),
            ("admin.listen", address(admin)),
            ("reports.enabled", config.reports.enabled.to_string()),
        ];
        let explained =
            |(path, value): (&str, String)| (path.to_owned(), value, loaded.origin(path));
        let mut all: Vec<_> = known.into_iter().map(explained).collect();
        // What else was written, with the text of it.
        for (path, origin) in loaded.set() {
            if !all.iter().any(|(known, ..)| known == path) {
                all.push((
                    path.to_owned(),
                    loaded.value(path).unwrap_or_default(),
                    origin.clone(),
                ));
            }
        }
        all
    }

    /// Everything that is weaker than the defaults because somebody wrote it so, and why it is.
    pub fn weakenings(&self, loaded: &Loaded) -> Vec<(String, String)> {
        let config = &loaded.config;
        let mut found = Vec::new();
        if self.tls().is_none() {
            let why = "nothing is encrypted here: whoever stands in front must bring TLS";
            found.push(("tls.mode".to_owned(), why.to_owned()));
        }
        let client = config.client.weakenings().into_iter();
        found.extend(client.map(|(key, why)| (format!("client.{key}"), why)));
        let headers = self.suit().headers().weakenings().iter();
        found.extend(headers.map(|weak| (format!("headers.{}", weak.key), weak.why.clone())));
        if !config.reports.enabled {
            let why = "what the policy blocks is not told of in the log";
            found.push(("reports.enabled".to_owned(), why.to_owned()));
        }
        found
    }
}
