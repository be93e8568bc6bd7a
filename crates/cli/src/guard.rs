//! `panoply run`.

use std::process::ExitCode;
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_gateway::{Addresses, Error, Gateway, Outcome, Settings, Surroundings};

use crate::args::SettingArgs;
use crate::{fail, say, source};

/// Guards the app until a signal says stop.
pub(crate) fn run(args: &SettingArgs) -> ExitCode {
    let around = Surroundings::new(
        &source::state(args.state.as_deref()),
        Arc::new(SystemClock::new()),
    );
    let settings = source::load(args).and_then(|loaded| Settings::build(&loaded, &around));
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return fail(error.for_stderr()),
    };
    panoply_gateway::start_log(settings.log());
    // Said when the configuration was checked, before there was a log.
    let headers = settings.suit().headers().weakenings().iter();
    for weakening in headers.filter(|weakening| weakening.is_loud()) {
        tracing::warn!(key = weakening.key, "{}", weakening.why);
    }
    let gateway = match Gateway::bind(settings.clone(), around) {
        Ok(gateway) => gateway,
        Err(error) => return fail(format!("error: {error}")),
    };
    let addresses = gateway.addresses();
    let ready = || {
        say(ready_line(&settings, &addresses));
        let ca = settings.tls().and_then(|tls| tls.ca_certificate());
        if settings.orders_certificates() {
            let awaited = settings.awaited().join(", ");
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
    };
    finish(gateway.run(ready, || source::load(args)))
}

/// The one line on standard output: where the app is now.
fn ready_line(settings: &Settings, addresses: &Addresses) -> String {
    let name = |address: std::net::SocketAddr| {
        let own = address.ip().is_loopback() || address.ip().is_unspecified();
        let domain = settings.domains().first().cloned();
        let host = if address.is_ipv4() && own {
            domain
        } else {
            None
        };
        match host {
            Some(host) => format!("{host}:{}", address.port()),
            None if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
            None => address.to_string(),
        }
    };
    let mut line = match (addresses.https, addresses.http) {
        (Some(https), Some(http)) => format!(
            "panoply: ready at https://{} (http://{} redirects there)",
            name(https),
            name(http)
        ),
        (Some(https), None) => format!("panoply: ready at https://{}", name(https)),
        (None, Some(http)) => format!("panoply: ready at http://{} (without TLS)", name(http)),
        (None, None) => "panoply: ready".to_owned(),
    };
    if let Some(admin) = addresses.admin {
        line.push_str(", metrics at http://");
        line.push_str(&admin.to_string());
        line.push_str("/metrics");
    }
    line
}

/// The status with which the command ends.
pub(crate) fn finish(outcome: Result<Outcome, Error>) -> ExitCode {
    match outcome {
        Ok(Outcome::AppDied(status)) => {
            let status = status.and_then(|status| u8::try_from(status).ok());
            fail(match status {
                Some(status) => format!(
                    "error: the app ended with status {status} before it accepted a connection"
                ),
                None => "error: the app was killed before it accepted a connection".to_owned(),
            });
            // An app that ends at once with 0 has not been served either.
            ExitCode::from(status.filter(|status| *status != 0).unwrap_or(1))
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error @ Error::App { .. }) => {
            fail(format!("error: {error}"));
            ExitCode::from(127)
        }
        Err(error) => {
            let source = std::error::Error::source(&error);
            let causes = source.map(|cause| format!(": {cause}")).unwrap_or_default();
            fail(format!("error: {error}{causes}"))
        }
    }
}
