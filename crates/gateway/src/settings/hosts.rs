//! The names that the site goes by, from wherever they are known.

use std::net::IpAddr;
use std::sync::Arc;

use panoply_core::{CertificateSource, HostNames};
use panoply_tls::{Mode, Tls, complaint_about_name};

use super::Settings;
use crate::config::{ConfigError, HostsConfig, Loaded};
use crate::intake::Hosts;

/// Which hosts a request may be for.
pub(super) fn hosts(loaded: &Loaded, tls: Option<&Arc<Tls>>) -> Result<Hosts, ConfigError> {
    let config = &loaded.config;
    let listed = config.listen.hosts.listed();
    if let Some(complaint) = listed.iter().find_map(|name| complaint_about_name(name)) {
        return Err(loaded.error("listen.hosts", format!("listen.hosts: {complaint}")));
    }
    let domains = config.tls.domain_names();
    let mut written = HostNames::default();
    for name in domains.iter().chain(listed) {
        // One of `tls.domains` that is wrong is told of where it is checked.
        let _ = written.add(name);
    }
    let on_demand = config.acme.on_demand.is_some() && tls.is_some();
    let is_files = config.tls.effective_mode() == Mode::Files;
    let certificates = tls.filter(|_| is_files || on_demand).map(Arc::clone);
    // Behind a proxy that speaks HTTP, a certificate need not have the names that clients know.
    let tell = is_files && !config.client.trusts_anybody() && tls.is_some_and(|tls| has_names(tls));
    let mut hosts = Hosts {
        enforced: config.listen.hosts != HostsConfig::Any && (tell || !written.is_empty()),
        written,
        certificates,
        on_demand,
        listed: listed.to_vec(),
        ..Hosts::default()
    };
    if let Some(name) = &config.listen.canonical {
        hosts.canonical = Some(canonical(loaded, &hosts, name)?.into());
        // An app that has a name to itself is not the site by another name.
        let whole = { config.route.iter() }.filter(|route| route.prefix().is_empty());
        let names = whole.flat_map(|route| route.domains.iter().flatten());
        for name in names.filter(|name| !name.starts_with("*.")) {
            // One that is wrong is told of where it is checked.
            let _ = hosts.apart.add(name);
        }
    }
    Ok(hosts)
}

fn has_names(tls: &Tls) -> bool {
    let certificates = tls.certificates();
    certificates.iter().any(|one| !one.names().is_empty())
}

/// The name that all others lead to, where it is one of them.
fn canonical<'a>(loaded: &Loaded, hosts: &Hosts, name: &'a str) -> Result<&'a str, ConfigError> {
    let key = "listen.canonical";
    if let Some(complaint) = complaint_about_name(name) {
        return Err(loaded.error(key, format!("{key}: {complaint}")));
    }
    if name.starts_with("*.") || name.parse::<IpAddr>().is_ok() {
        let message = format!("{key}: `{name}` is not one name");
        return Err(loaded
            .error(key, message)
            .with_help("write the name that the site goes by, such as `shop.example`"));
    }
    if !hosts.has_name(name) {
        let message = format!("{key}: `{name}` is none of the site's names");
        let help = format!(
            "write it in `tls.domains` too, beside those that lead to it, or in `listen.hosts` where the \
             certificate is somebody else's: hosts = [\"{name}\"]"
        );
        return Err(loaded.error(key, message).with_help(help));
    }
    Ok(name)
}

impl Settings {
    /// Which hosts a request may be for, in a few words.
    pub(crate) fn hosts(&self, loaded: &Loaded) -> String {
        let hosts = &self.live.hosts;
        if !hosts.enforced {
            return match loaded.config.listen.hosts {
                HostsConfig::Any => "any".to_owned(),
                HostsConfig::Listed(_) => "any (no name is known)".to_owned(),
            };
        }
        let mut all = self.domains.clone();
        let new = hosts
            .listed
            .iter()
            .filter(|name| !self.domains.contains(name));
        all.extend(new.cloned());
        for certificate in hosts.certificates.iter().flat_map(|tls| tls.certificates()) {
            if certificate.source() == CertificateSource::Files {
                let names = certificate.names().iter();
                let new: Vec<_> = names.filter(|name| !all.contains(name)).cloned().collect();
                all.extend(new);
            }
        }
        if hosts.on_demand {
            all.push("what acme.on_demand allows".to_owned());
        }
        all.join(", ")
    }

    /// Whether the site's names are known, and others are let in all the same.
    pub(crate) fn lets_any_host_in(&self, loaded: &Loaded) -> bool {
        let is_any = loaded.config.listen.hosts == HostsConfig::Any;
        let hosts = &self.live.hosts;
        is_any && (!hosts.written.is_empty() || hosts.certificates.is_some())
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;
    use crate::surroundings::Surroundings;

    #[test]
    fn what_is_in_force_is_shown_with_what_it_is_worth() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let shown = |listen: &str, domains: &str| {
            let text = format!(
                "[app]\nupstream = \"http://127.0.0.1:9\"\n[listen]\n{listen}\n[tls]\nmode = \"local\"\n{domains}\n"
            );
            let loaded = Source::new().text("panoply.toml", &text).load().unwrap();
            let settings = Settings::build(&loaded, &around).unwrap();
            let weak = settings.weakenings(&loaded);
            let is_weak = weak.iter().any(|(key, _)| key == "listen.hosts");
            (settings.hosts(&loaded), is_weak)
        };
        let domains = "domains = [\"shop.example\", \"*.shop.example\"]";
        let strong = |text: &str| (text.to_owned(), false);
        assert_eq!(shown("", ""), strong("any (no name is known)"));
        assert_eq!(shown("", domains), strong("shop.example, *.shop.example"));
        let more = "hosts = [\"a.internal\", \"shop.example\"]";
        let all = strong("shop.example, *.shop.example, a.internal");
        assert_eq!(shown(more, domains), all);
        assert_eq!(shown(more, ""), strong("a.internal, shop.example"));
        assert_eq!(shown("hosts = \"any\"", ""), strong("any"));
        assert_eq!(shown("hosts = \"any\"", domains), ("any".to_owned(), true));
    }
}
