//! TLS and what orders its certificates, by the configuration.

use std::sync::Arc;

use panoply_acme::{Acme, AcmeBuilder};
use panoply_tls::Tls;

use crate::config::{ConfigError, Loaded};
use crate::settings::Surroundings;

/// TLS, and what orders its certificates; none of it where it is off.
pub(crate) type Prepared = (Option<Arc<Tls>>, Option<Arc<Acme>>);

/// What listeners need, with the certificates that are there.
pub(crate) fn prepare(loaded: &Loaded, around: &Surroundings) -> Result<Prepared, ConfigError> {
    let tls = loaded.config.tls.clone().build_with(
        &around.state,
        Arc::clone(&around.clock),
        around.challenges.clone(),
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
        return Ok(None);
    };
    let builder = AcmeBuilder::new(
        config.acme.clone(),
        names,
        Arc::clone(tls),
        around.challenges.clone(),
        Arc::clone(&around.clock),
    );
    let acme = builder.open(&around.state).map_err(|error| {
        let key = match &error {
            panoply_acme::Error::Config(error) => format!("acme.{}", error.key()),
            _ => "tls.mode".to_owned(),
        };
        loaded.error(&key, error.to_string())
    })?;
    Ok(Some(Arc::new(acme)))
}
