//! What is said at the start: where the app is now, and what is weaker than it might be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::gateway::Addresses;
use crate::settings::Settings;

impl Settings {
    /// Where the app is now, in one line.
    pub fn ready_line(&self, addresses: &Addresses) -> String {
        let name = |address: SocketAddr| {
            let own = address.ip().is_loopback() || address.ip().is_unspecified();
            let domain = self.domains().first().filter(|_| address.is_ipv4() && own);
            match domain {
                Some(host) => format!("{host}:{}", address.port()),
                None if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
                None => address.to_string(),
            }
        };
        let mut line = match (addresses.https, addresses.http) {
            (Some(https), Some(http)) => format!(
                "ready at https://{} (http://{} redirects there)",
                name(https),
                name(http)
            ),
            (Some(https), None) => format!("ready at https://{}", name(https)),
            (None, Some(http)) => format!("ready at http://{} (without TLS)", name(http)),
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
