//! How everything stands.

use std::time::Duration;

use panoply_core::{CertificateSource, CounterStore as _, StoreError};
use panoply_tls::{CertificateInfo, Date};

use super::message::{CertificateEntry, InstanceEntry, PAGE, RouteEntry, Status};
use crate::app::{AppState, Instance, Standing};
use crate::config::Span;
use crate::settings::Live;
use crate::shared::Shared;
use crate::store::Deferred;

/// Until when a certificate is valid.
fn end(info: &CertificateInfo) -> String {
    Date::from(info.not_after()).to_string()
}

/// How long it is told that the store has lost something.
const TOLD: Duration = Duration::from_hours(24);

/// What the store has lost of late.
fn loss(live: &Live, shared: &Shared) -> Option<String> {
    let loss = live.suit.blocklist().loss()?;
    let ago = shared.clock.monotonic().saturating_sub(loss.at);
    (ago < TOLD).then(|| {
        format!(
            "the store has lost what was written to it, {} ago: {} blocks by hand were put back, locks and counters \
             began anew",
            Span::seconds(ago.as_secs()),
            loss.put_back
        )
    })
}

/// That nobody is let in.
fn maintenance(live: &Live) -> Option<String> {
    let left = { live.suit.blocklist().maintenance()?.left }
        .map_or_else(|| "until it is opened again".to_owned(), for_more);
    Some(format!(
        "maintenance: everybody is answered 503 {left}; `panoply maintenance off` opens the site"
    ))
}

pub(super) fn for_more(left: Duration) -> String {
    format!("for {} more", Span::seconds(left.as_secs()))
}

/// What an error says, and why.
pub(super) fn whole(error: &StoreError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// How an app stands, and whether it has ended of late.
fn app(standing: &Standing) -> String {
    let mut app = standing.to_string();
    app.extend(standing.falls.told());
    app
}

fn instances(app: &Standing) -> Vec<InstanceEntry> {
    let instances = app.instances();
    let is_there = |instance: &&Instance| **instance.load() != AppState::Vacant;
    let entry = |instance: &Instance| {
        let state = instance.load();
        let process = instance.process();
        let process = process.map(|(process, _)| process.as_raw_nonzero().get().unsigned_abs());
        let requests = instance.work().requests();
        InstanceEntry {
            number: instance.number(),
            state: state.word().to_owned(),
            standing: state.to_string(),
            process,
            requests: (instances.len() > 1).then_some(requests),
        }
    };
    instances.iter().filter(is_there).map(entry).collect()
}

pub(crate) async fn status(shared: &Shared, store: &Deferred) -> Status {
    let live = shared.live.load_full();
    let blocks = store.blocks(None, PAGE).await;
    let (trouble, away) = (shared.store_trouble.load(), shared.store_away.load());
    let answers = match (&blocks, &*trouble, &*away) {
        (Ok(_), Some(trouble), _) => format!("answers, but {trouble}"),
        (Ok(_), None, Some(why)) => {
            format!("answers, but takes no writes, and this node decides alone: {why}")
        }
        (Ok(_), None, None) => "answers".to_owned(),
        (Err(_), Some(trouble), _) => format!("does not answer: {trouble}"),
        (Err(error), None, _) => format!("does not answer: {}", whole(error)),
    };
    let certificates = live.tls.as_ref().map_or_else(Vec::new, |tls| {
        let ordered = live
            .acme
            .as_ref()
            .map_or_else(Vec::new, |acme| acme.states());
        let of_acme = |info: &CertificateInfo| {
            matches!(
                info.source(),
                CertificateSource::Acme | CertificateSource::Staging
            )
        };
        let others = tls.certificates().into_iter().filter(|info| !of_acme(info));
        let ordered = ordered.iter().map(|state| CertificateEntry {
            names: state.names.clone(),
            source: { state.certificate.as_ref() }
                .map_or(CertificateSource::Acme, CertificateInfo::source)
                .as_str()
                .to_owned(),
            valid_until: state.certificate.as_ref().map(end),
            standing: state.standing.to_string(),
        });
        let others = others.map(|info| CertificateEntry {
            names: info.names().to_vec(),
            source: info.source().as_str().to_owned(),
            valid_until: Some(end(&info)),
            standing: "in force".to_owned(),
        });
        ordered.chain(others).collect()
    });
    let certified = live.tls.as_deref().map(crate::certificate_warnings);
    let waits = shared.waits.load();
    let open = shared.open_secrets.load();
    let state = shared.home.lost().map(|lost| lost.to_string());
    let warnings = { maintenance(&live).into_iter() }
        .chain(state)
        .chain(super::challenge::told(&live))
        .chain(certified.into_iter().flatten())
        .chain(waits.told());
    let warnings = warnings.chain(open.iter().cloned());
    let lost = loss(&live, shared);
    let of_store = [&shared.store_foreign, &shared.store_forgets];
    let of_store = of_store.map(arc_swap::ArcSwapAny::load_full);
    let warnings = warnings
        .chain(lost)
        .chain(of_store.into_iter().flatten().map(|why| why.to_string()));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        app: app(shared.apps.main()),
        instances: instances(shared.apps.main()),
        routes: { shared.apps.routed().iter() }
            .map(|one| RouteEntry {
                name: one.name().to_string(),
                app: app(one),
                instances: instances(one),
            })
            .collect(),
        store: answers,
        blocks: blocks.ok().map(|page| page.len()),
        certificates,
        warnings: warnings.collect(),
    }
}
