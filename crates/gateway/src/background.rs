//! What is looked after beside the requests.

use std::sync::Arc;
use std::time::Duration;

use panoply_acme::{CertificateState, Standing};
use panoply_core::Secret;
use panoply_tls::Nodes;
use tokio::task::JoinHandle as Task;

use crate::keys::Keys;
use crate::log;
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::store::{Opened, is_foreign};

mod steady;

pub(crate) use steady::steady;

/// How often certificates are looked at: files may have changed, a local one may be due.
const REFRESH: Duration = Duration::from_secs(10);

/// Reads changed certificate files, renews the local certificate, and looks who can read what is secret.
pub(crate) async fn keep_certificates(shared: &Shared) {
    let mut again = tokio::time::interval(REFRESH);
    let mut told = Vec::new();
    loop {
        again.tick().await;
        let (tls, acme, secrets) = {
            let live = shared.live.load();
            (live.tls.clone(), live.acme.clone(), live.secrets.clone())
        };
        let open = tokio::task::spawn_blocking(move || secrets.told()).await;
        let open = open.unwrap_or_default();
        // Each once, and again when it comes back.
        let before = shared.open_secrets.load_full();
        for warning in open.iter().filter(|warning| !before.contains(warning)) {
            tracing::warn!("{warning}");
        }
        shared.open_secrets.store(Arc::new(open));
        let Some(tls) = tls else { continue };
        let states = acme.map_or_else(Vec::new, |acme| acme.states());
        let failed = |state: &&CertificateState| {
            let standing = &state.standing;
            matches!(
                standing,
                Standing::Failed { .. } | Standing::Unwritten { .. }
            )
        };
        let missing = u32::try_from(states.iter().filter(failed).count()).unwrap_or(u32::MAX);
        shared.metrics.certificates(&tls.certificates(), missing);
        let looked_at = Arc::clone(&tls);
        let settings = tls.server_config();
        let refreshed = tokio::task::spawn_blocking(move || tls.refresh()).await;
        // They change with the clients that are believed, and with nothing else.
        if !Arc::ptr_eq(&settings, &looked_at.server_config()) {
            shared.change_terms();
        }
        match refreshed {
            Ok(Ok(refresh)) => log::refreshed(&refresh),
            Ok(Err(error)) => tracing::error!(%error, "the certificates stay as they were"),
            Err(error) => tracing::error!(%error, "the certificates could not be looked at"),
        }
        let warnings = crate::certificate_warnings(&looked_at);
        for warning in warnings.iter().filter(|warning| !told.contains(*warning)) {
            tracing::warn!("{warning}");
        }
        told = warnings;
    }
}

/// How soon it is seen that a reload has brought other settings for orders.
const RELOADED: Duration = Duration::from_secs(1);

/// Orders certificates and renews them. What has fallen over rests for a minute: an order may have been made.
///
/// Where nodes have a store in common, one of them does.
pub(crate) fn order_certificates(shared: &Arc<Shared>, nodes: Option<Arc<Nodes>>) -> Task<()> {
    let ours = Arc::clone(shared);
    steady::after(
        steady::LONGEST,
        "orders of certificates",
        shared,
        async move || loop {
            order_until_reload(Arc::clone(&ours), nodes.clone()).await;
        },
    )
}

/// Orders with the settings that are in force; a reload breaks off what was begun with the old ones.
async fn order_until_reload(shared: Arc<Shared>, nodes: Option<Arc<Nodes>>) {
    let acme = shared.live.load().acme.clone();
    let reloaded = async {
        loop {
            tokio::time::sleep(RELOADED).await;
            let now = shared.live.load().acme.as_ref().map(Arc::as_ptr);
            if now != acme.as_ref().map(Arc::as_ptr) {
                return;
            }
        }
    };
    let order = async {
        match &acme {
            Some(acme) => {
                if let Some(nodes) = nodes {
                    acme.share(nodes);
                }
                acme.run().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = order => {}
        () = reloaded => {}
    }
}

/// How often nodes look whether there are other keys for session tickets: those that were started at
/// once have each made one.
const TICKETS: Duration = Duration::from_secs(5);

/// Shares the keys of session tickets, so that a client's session goes on at whichever node.
pub(crate) async fn share_tickets(shared: &Shared, nodes: &Nodes) {
    let mut again = tokio::time::interval(TICKETS);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        let tickets = shared.live.load().lasting.tickets.clone();
        if let Err(error) = tickets.share(nodes, &*shared.clock).await {
            tracing::debug!(%error, "the keys of session tickets are not shared for now");
        }
    }
}

/// How often the file of the keys is looked at.
const KEYS: Duration = Duration::from_secs(5);

/// Takes up the keys that `panoply keys rotate` has put into their file.
pub(crate) async fn keep_keys(shared: &Shared, keys: &Keys) {
    let mut again = tokio::time::interval(KEYS);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        again.tick().await;
        let live = shared.live.load_full();
        let (path, clock, keys) = (live.keys.clone(), Arc::clone(&shared.clock), keys.clone());
        let read = tokio::task::spawn_blocking(move || keys.open(&path, &*clock)).await;
        match read {
            Ok(Ok(ring)) => {
                failing = false;
                // A reload may have read the file a moment ago, or this suit is not the one of before.
                live.suit.use_keys(&ring);
            }
            Ok(Err(error)) if !std::mem::replace(&mut failing, true) => {
                tracing::error!(%error, "the keys of cookies stay as they were");
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// How often the nodes' blocks by hand are looked at.
const BLOCKS: Duration = Duration::from_secs(1);

/// Learns of blocks that other nodes have made, and tells the metrics how the store is.
pub(crate) async fn keep_blocks(shared: &Shared, store: &Opened, secret: &Secret) {
    let mut again = tokio::time::interval(BLOCKS);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut until_checked = 0_u32;
    let mut looked = false;
    loop {
        again.tick().await;
        let decides = store.decides().await;
        let trouble = store.trouble();
        // One that does not do its work has the insurance decide, too.
        shared
            .metrics
            .store(decides && (trouble.is_none() || store.file().is_some()));
        shared.store_trouble.store(trouble.map(Arc::new));
        shared.store_away.store(store.away().map(Arc::new));
        if !decides {
            continue;
        }
        if let Err(error) = shared.live.load_full().suit.blocklist().refresh().await {
            tracing::debug!(%error, "the blocks could not be looked at");
        }
        if until_checked == 0 {
            // Whoever has set it may do so while everything runs.
            let forgets = store.forgets().await.map(Arc::new);
            let before = shared.store_forgets.swap(forgets.clone());
            match forgets {
                // Of what was so when the connection was made the store itself has told.
                Some(why) if before.is_none() && looked => tracing::warn!("{why}"),
                None if before.is_some() => tracing::info!("redis evicts nothing any more"),
                _ => {}
            }
            looked = true;
        }
        // Two nodes may have started at once, each sure to be the first.
        if until_checked == 0
            && let Ok(foreign) = is_foreign(&*store.store, secret).await
        {
            let why = foreign.then(|| other_secret(store.file().is_some()));
            shared
                .store_foreign
                .store(why.map(|why| Arc::new(why.to_owned())));
            if let Some(why) = why {
                tracing::error!("{why}");
            }
        }
        until_checked = until_checked.checked_sub(1).unwrap_or(60);
    }
}

/// What to do where a store was written under another secret: by another node, or before this `file` or its secret was
/// restored.
const fn other_secret(file: bool) -> &'static str {
    if file {
        "the locks in the store do not hold: it was written under another secret. Put the file `secret` of that \
         time back into the state directory, or move `panoply.db` away to begin anew, and restart"
    } else {
        "another node uses the store with another secret: each counts alone. Give all of them the same `store.secret`"
    }
}

/// Of the log's lines that are lost, how many the log was told of, and how many the metrics.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    told: u64,
    counted: u64,
}

/// Folds the histogram's raw values into its buckets, or they would grow without end, and tells what was counted in
/// place of being told each time.
pub(crate) async fn upkeep(shared: &Shared, Lost { told, counted }: &mut Lost) {
    let handle = shared.metrics.handle();
    let mut again = tokio::time::interval(Metrics::UPKEEP);
    loop {
        again.tick().await;
        handle.run_upkeep();
        shared
            .metrics
            .passes_given(shared.live.load().suit.challenge().passes_given());
        shared.troubles.tell_more(shared.clock.monotonic());
        let lost = log::lost();
        // Who reads the log is the last to learn of it.
        shared.metrics.log_lines_lost(lost - *counted);
        *counted = lost;
        if lost > *told {
            tracing::warn!(
                lines = lost - *told,
                "lines of the log are lost: standard error was not read, or could not be written"
            );
            // Otherwise this one is, too.
            if log::lost() == lost {
                *told = lost;
            }
        }
    }
}
