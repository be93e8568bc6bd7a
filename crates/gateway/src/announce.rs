//! What is said at the start: where the app is now, and what is weaker than it might be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::gateway::Addresses;
use crate::settings::Settings;

impl Settings {
    /// Where the app is now, in one line.
    pub fn ready_line(&self, addresses: &Addresses) -> String {
        let site = { self.domains().iter() }.find(|name| !name.starts_with("*."));
        let name = |address: SocketAddr, usual: u16| {
            let (ip, port) = (address.ip(), address.port());
            let is_every = ip.is_unspecified();
            let own = is_every || (ip.is_loopback() && ip.is_ipv4());
            match site.filter(|_| own) {
                Some(host) if port == usual => host.clone(),
                Some(host) => format!("{host}:{port}"),
                None if is_every => format!("localhost:{port}"),
                None => address.to_string(),
            }
        };
        let mut line = match (addresses.https, addresses.http) {
            (Some(https), Some(http)) => format!(
                "ready at https://{} (http://{} redirects there)",
                name(https, 443),
                name(http, 80)
            ),
            (Some(https), None) => format!("ready at https://{}", name(https, 443)),
            (None, Some(http)) => format!("ready at http://{} (without TLS)", name(http, 80)),
            (None, None) => "ready".to_owned(),
        };
        if let Some(admin) = addresses.admin {
            // A page for people; it is also where `/metrics` and `/health` are.
            line.push_str(", admin page at http://");
            line.push_str(&admin.to_string());
            line.push('/');
        }
        line
    }

    /// Logs what is to be known of the certificate: that one is awaited, or by whom it is.
    pub fn tell_of_certificates(&self) {
        let ca = self.tls().and_then(|tls| tls.ca_certificate());
        if self.orders_certificates() {
            let awaited = self.awaited().join(", ");
            if !awaited.is_empty() {
                tracing::info!(
                    names = awaited,
                    "until certificates have come, one of the local authority stands in; `panoply \
                     status` says how they stand"
                );
            }
        } else if let Some(ca) = ca {
            tracing::info!(
                ca = %ca.display(),
                "the certificate is from a local authority: browsers trust it once they trust ca"
            );
        }
    }

    /// Logs what is weaker than the defaults in a way that nobody may have meant.
    pub fn tell_of_weakenings(&self) {
        let headers = self.suit().headers().weakenings().iter();
        for weakening in headers.filter(|weakening| weakening.is_loud()) {
            tracing::warn!(key = weakening.key, "{}", weakening.why);
        }
        if let Some((key, why)) = self.loud_weakening() {
            tracing::warn!(key, "{why}");
        }
        for (key, why) in self.unused_pages() {
            tracing::warn!(key, "{why}");
        }
    }
}

/// The state directory: the one that was named, else the user's own, else one beside the program.
pub fn state_directory(named: Option<&Path>) -> PathBuf {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    named
        .map(Path::to_owned)
        // systemd's StateDirectory=
        .or_else(|| variable("STATE_DIRECTORY"))
        .or_else(|| variable("XDG_STATE_HOME").map(|home| home.join("panoply")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/panoply")))
        .unwrap_or_else(|| PathBuf::from("panoply-state"))
}

/// The configuration file: the one that was named, else `panoply.toml` in the directory, if it is there.
pub fn config_file(named: Option<&Path>) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from("panoply.toml")).filter(|path| path.exists());
    named.map(Path::to_owned).or_else(usual)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;
    use crate::surroundings::Surroundings;

    #[test]
    fn the_site_is_named_where_it_is() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let ready = |domains: &str, https: &str| {
            let text = format!(
                "[app]\nupstream = \"http://127.0.0.1:9\"\n[tls]\nmode = \"local\"\n{domains}\n"
            );
            let loaded = Source::new().text("panoply.toml", &text).load().unwrap();
            let settings = Settings::build(&loaded, &around).unwrap();
            let addresses = Addresses {
                http: None,
                https: Some(https.parse().unwrap()),
                admin: None,
            };
            settings.ready_line(&addresses)
        };
        let shop = "domains = [\"*.shop.example\", \"shop.example\"]";
        for (domains, https, origin) in [
            ("", "127.0.0.1:8443", "127.0.0.1:8443"),
            ("", "[::]:443", "localhost:443"),
            (shop, "[::]:443", "shop.example"),
            (shop, "0.0.0.0:8443", "shop.example:8443"),
            (shop, "127.0.0.1:443", "shop.example"),
            (shop, "192.0.2.1:443", "192.0.2.1:443"),
        ] {
            let line = ready(domains, https);
            assert_eq!(
                line,
                format!("ready at https://{origin}"),
                "{domains} {https}"
            );
        }
    }
}
