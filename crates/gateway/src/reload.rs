//! A changed configuration, put in force while everything runs.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{ConfigError, Loaded};
use crate::log;
use crate::settings::{App, Live, Settings};
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// Puts a changed configuration in force, as far as it can be without a restart.
pub(crate) async fn apply(
    shared: &Shared,
    running: &Settings,
    around: &Surroundings,
    load: impl FnOnce() -> Result<Loaded, ConfigError>,
) {
    log::notify_reloading();
    let number = shared.reloads.begin();
    let loaded = is_at_home(shared).and_then(|()| load());
    match loaded.and_then(|loaded| build(loaded, running, around)) {
        Ok((mut settings, other_secret)) => {
            let loses_tls = settings.live.tls.is_none() && shared.ports.is_some();
            let waits = Waits::between(&settings, running, loses_tls, other_secret);
            for key in &waits.0 {
                tracing::warn!(
                    key,
                    "a change of this takes effect only after {}",
                    until(std::slice::from_ref(key))
                );
            }
            shared.waits.store(Arc::new(waits));
            if loses_tls {
                // Until then it is listened on: whoever comes there, or is sent there, must find it.
                let live = shared.live.load();
                (settings.live.tls, settings.live.acme) = (live.tls.clone(), live.acme.clone());
            }
            if settings.routes != running.routes {
                // Who runs is spoken to as before.
                settings.live.routed = Arc::clone(&shared.live.load().routed);
            }
            settings.live.hosts.follow(&shared.live.load().hosts);
            // Whoever is blocked stays so, also where the store is away, or between two gateways.
            let blocks = settings.live.suit.blocklist();
            blocks.begin_with(shared.live.load().suit.blocklist());
            settings.live.suit.begin_with(&shared.live.load().suit);
            let refresh = blocks.refresh();
            let refreshed = tokio::time::timeout(Duration::from_millis(500), refresh).await;
            if !matches!(refreshed, Ok(Ok(()))) {
                tracing::warn!("the blocks by hand could not be looked at and follow later");
            }
            // Not before: of a reload that is refused nobody is to know.
            if let Ok(ring) = around.keys.open(&settings.live.keys, &*around.clock) {
                settings.live.suit.use_keys(&ring);
            }
            let terms = client_terms(&settings.live);
            let before = shared.live.swap(Arc::new(settings.live));
            // Who was let in when less was asked comes again. Where nothing is asked any more, nobody has to.
            if terms.is_some() && terms != client_terms(&before) {
                shared.change_terms();
            }
            shared.settled.begin_anew();
            shared.foreign_hosts.begin_anew();
            shared.metrics.reloaded();
            tracing::info!("the configuration has been reloaded");
            shared.reloads.ended(number, Ok(()));
        }
        Err(error) => {
            let said = error.to_string();
            let said = said.trim_start_matches("error: ");
            tracing::error!("the configuration stays as it was: {said}");
            shared.reloads.ended(number, Err(said.to_owned()));
        }
    }
    log::notify_ready();
}

/// Other keys would be made in another state directory, and log everybody out.
fn is_at_home(shared: &Shared) -> Result<(), ConfigError> {
    match shared.home.lost() {
        Some(lost) => Err(ConfigError::plain(lost.to_string())),
        None => Ok(()),
    }
}

/// Which clients are believed, as [`Tls::client_terms`](panoply_tls::Tls::client_terms) has it.
fn client_terms(live: &Live) -> Option<Vec<u8>> {
    live.tls.as_ref()?.client_terms()
}

/// The keys of what was changed, and is in force only after a restart.
#[derive(Debug, Default)]
pub(crate) struct Waits(Vec<&'static str>);

impl Waits {
    fn between(
        settings: &Settings,
        running: &Settings,
        loses_tls: bool,
        other_secret: bool,
    ) -> Self {
        let [plain, tls, admin] = settings.listeners();
        let [plain_runs, tls_runs, admin_runs] = running.listeners();
        let all = [
            ("listen.http", plain != plain_runs),
            ("listen.https", tls != tls_runs && !loses_tls),
            ("admin.listen", admin != admin_runs),
            ("tls.mode", loses_tls),
            ("listen.workers", settings.workers != running.workers),
            ("app", settings.app != running.app),
            ("route", settings.routes != running.routes),
            ("log.format", settings.log.format != running.log.format),
            ("store", settings.store != running.store),
            ("store.secret", other_secret),
            (RUN, settings.account != running.account),
        ];
        let changed = all.into_iter().filter(|(_, changed)| *changed);
        Self(changed.map(|(key, _)| key).collect())
    }

    /// What `panoply status` says of them.
    pub(crate) fn told(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| {
            let keys: Vec<String> = self.0.iter().map(|key| format!("`{key}`")).collect();
            format!(
                "the configuration says otherwise of {} than what runs: that takes effect after {}",
                keys.join(", "),
                until(&self.0)
            )
        })
    }
}

/// What brings these keys into force: whoever is another user already cannot start a program as a third.
fn until(keys: &[&'static str]) -> &'static str {
    match keys {
        [RUN] => "a restart",
        keys if keys.contains(&RUN) => "a restart, or, but for `run`, `panoply upgrade`",
        _ => "a restart, or `panoply upgrade`",
    }
}

const RUN: &str = "run";

/// The settings, if the app that runs can live with them, under the secret that runs whatever theirs is: everything is counted, and cookies are called, by
/// that one until a restart, and by another nobody would be locked or logged in any more. Whether it is another.
fn build(
    mut loaded: Loaded,
    running: &Settings,
    around: &Surroundings,
) -> Result<(Settings, bool), ConfigError> {
    let settings = Settings::build(&loaded, around)?;
    let mut apps = running.apps();
    let started = apps.any(|(_, app)| matches!(app, App::Command { .. }));
    if started && settings.tells_of_nonces(around) && !running.tells_of_nonces(around) {
        return Err(ConfigError::plain(
            "the Content-Security-Policy has a nonce now, and the app was started without being told where it \
             belongs (PANOPLY_NONCE): its own scripts would be blocked. Restart the gateway, or `panoply upgrade`",
        ));
    }
    let secret = &running.store.secret;
    if settings.store.secret == *secret {
        return Ok((without_placeholder(settings, running), false));
    }
    // It was text where it comes from.
    loaded.config.store.secret = Some(String::from_utf8_lossy(secret.expose()).into_owned());
    let settings = Settings::build(&loaded, around)?;
    Ok((without_placeholder(settings, running), true))
}

/// The settings under which what the app writes for a nonce goes out nowhere: until a restart it writes that,
/// whatever the policy says by now.
fn without_placeholder(mut settings: Settings, running: &Settings) -> Settings {
    let placeholder = &mut settings.live.placeholder;
    *placeholder = placeholder
        .take()
        .or_else(|| running.live.placeholder.clone());
    settings
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;

    #[test]
    fn a_policy_that_loses_its_nonce_does_not_tell_what_stood_for_it() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let loaded = |written: &str| {
            let app = "[app]\ncommand = [\"node\"]\n[tls]\nmode = \"off\"\n";
            let text = format!("{app}{written}");
            Source::new().text("panoply.toml", &text).load().unwrap()
        };
        let nonce = "[headers.content-security-policy]\nappend = { script-src = [\"'nonce'\"] }\n";
        let running = Settings::build(&loaded(nonce), &around).unwrap();
        assert!(running.live.placeholder.is_some());
        let (settings, _) = build(loaded(""), &running, &around).unwrap();
        assert_eq!(settings.live.placeholder, running.live.placeholder);
        let never = Settings::build(&loaded(""), &around).unwrap();
        let (settings, _) = build(loaded(""), &never, &around).unwrap();
        assert_eq!(settings.live.placeholder, None);
    }

    #[test]
    fn what_waits_for_a_restart_is_named() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let settings = |written: &str| {
            let app = "[app]\nupstream = \"http://127.0.0.1:9\"\n[tls]\nmode = \"off\"\n";
            let text = format!("{app}{written}");
            let loaded = Source::new().text("panoply.toml", &text).load().unwrap();
            Settings::build(&loaded, &around).unwrap()
        };
        let running = settings("");
        let waits = |written| Waits::between(&settings(written), &running, false, false);
        assert_eq!(waits("").told(), None);
        assert_eq!(waits("[log]\naccess = false\n").told(), None);
        let admin = waits("[admin]\nlisten = \"127.0.0.1:9100\"\n")
            .told()
            .unwrap();
        assert!(
            admin.contains("otherwise of `admin.listen` than"),
            "{admin}"
        );
        let both = waits("[listen]\nhttp = \"127.0.0.1:8088\"\nworkers = 7\n")
            .told()
            .unwrap();
        assert!(both.contains("`listen.http`, `listen.workers`"), "{both}");
        assert!(both.ends_with("a restart, or `panoply upgrade`"), "{both}");
        // No upgrade can, as one that is another user already.
        let run = Waits(vec![RUN]).told().unwrap();
        assert!(run.ends_with("takes effect after a restart"), "{run}");
        let more = Waits(vec!["app", RUN]).told().unwrap();
        assert!(more.contains("but for `run`"), "{more}");
    }
}
