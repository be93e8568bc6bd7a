//! TLS and what orders its certificates, by the configuration.

use std::sync::Arc;

use panoply_acme::{Acme, AcmeBuilder, ChallengeKind, Starting};
use panoply_tls::Tls;

use crate::config::{ConfigError, Loaded};
use crate::settings::Settings;
use crate::surroundings::Surroundings;
use crate::{descriptors, pages};

/// TLS, and what orders its certificates; none of it where it is off.
pub(crate) type Prepared = (Option<Arc<Tls>>, Option<Arc<Acme>>);

/// What listeners need, with the certificates that are there.
pub(crate) fn prepare(loaded: &Loaded, around: &Surroundings) -> Result<Prepared, ConfigError> {
    let tls = loaded.config.tls.clone().build_with(
        &around.state,
        Arc::clone(&around.clock),
        &around.lasting,
    );
    // Its message begins with the key.
    let tls =
        tls.map_err(|error| loaded.error(&format!("tls.{}", error.key()), error.to_string()))?;
    let tls = tls.map(Arc::new);
    let acme = acme(loaded, around, tls.as_ref())?;
    Ok((tls, acme))
}

/// What orders certificates, where any are to be ordered.
fn acme(
    loaded: &Loaded,
    around: &Surroundings,
    tls: Option<&Arc<Tls>>,
) -> Result<Option<Arc<Acme>>, ConfigError> {
    let config = &loaded.config;
    let names = config.tls.acme_domains();
    let Some(tls) = tls.filter(|_| !names.is_empty()) else {
        if config.acme.staging {
            let message = "acme.staging: there is nothing to rehearse, no certificate is ordered";
            let help = "name a public domain (`--domain shop.example.com`, `tls.domains`), or \
                        write `tls.mode = \"acme\"`";
            return Err(loaded.error("acme.staging", message).with_help(help));
        }
        if config.acme.on_demand.is_some() {
            let message =
                "acme.on_demand: no certificate is ordered where there is no public domain";
            let help =
                "name the service's own domain (`tls.domains`), or write `tls.mode = \"acme\"`";
            return Err(loaded.error("acme.on_demand", message).with_help(help));
        }
        return Ok(None);
    };
    let is_off = config.listen.http.is_some_and(|at| at.socket().is_none());
    let challenges = &config.acme.challenges;
    if is_off
        && !challenges.is_empty()
        && challenges.iter().all(|kind| *kind == ChallengeKind::Http01)
    {
        let message = "acme.challenges: `http-01` alone cannot be answered, `listen.http` is off";
        let help = "give `listen.http` an address that port 80 leads to, or add `tls-alpn-01`";
        return Err(loaded.error("acme.challenges", message).with_help(help));
    }
    let builder = AcmeBuilder::new(
        config.acme.clone(),
        names,
        Arc::clone(tls),
        around.lasting.challenges.clone(),
        Arc::clone(&around.clock),
    )
    .unwritten(around.unwritten.clone())
    .starting(Starting::within(|start| {
        descriptors::as_found(|| pages::as_found(start));
    }));
    let acme = builder.open(&around.state).map_err(|error| {
        let key = match &error {
            panoply_acme::Error::Config(error) => format!("acme.{}", error.key()),
            _ => "tls.mode".to_owned(),
        };
        loaded.error(&key, error.to_string())
    })?;
    Ok(Some(Arc::new(acme)))
}

impl Settings {
    /// Whether certificates are ordered.
    pub fn orders_certificates(&self) -> bool {
        self.live.acme.is_some()
    }

    /// The names whose ordered certificate is not there yet.
    pub fn awaited(&self) -> Vec<String> {
        let states = self.live.acme.as_ref().map(|acme| acme.states());
        let awaited = states.into_iter().flatten();
        let awaited = awaited.filter(|state| state.certificate.is_none());
        awaited.flat_map(|state| state.names).collect()
    }
}
