//! What is looked after beside the requests.

use std::sync::Arc;
use std::time::Duration;

use crate::log;
use crate::metrics::Metrics;
use crate::shared::Shared;

/// How often certificates are looked at: files may have changed, a local one may be due.
const REFRESH: Duration = Duration::from_secs(10);

/// Reads changed certificate files and renews the local certificate.
pub(crate) async fn keep_certificates(shared: Arc<Shared>) {
    let mut again = tokio::time::interval(REFRESH);
    let mut told = Vec::new();
    loop {
        again.tick().await;
        let tls = shared.live.load().tls.clone();
        let Some(tls) = tls else { continue };
        let looked_at = Arc::clone(&tls);
        let refreshed = tokio::task::spawn_blocking(move || tls.refresh()).await;
        match refreshed {
            Ok(Ok(refresh)) => log::refreshed(&refresh),
            Ok(Err(error)) => tracing::error!(%error, "the certificates stay as they were"),
            Err(error) => tracing::error!(%error, "the certificates could not be looked at"),
        }
        // Each once, and again when it comes back.
        let warnings = crate::certificate_warnings(&looked_at);
        for warning in warnings.iter().filter(|warning| !told.contains(*warning)) {
            tracing::warn!("{warning}");
        }
        told = warnings;
    }
}

/// Folds the histogram's raw values into its buckets, or they would grow without end.
pub(crate) async fn upkeep(handle: metrics_exporter_prometheus::PrometheusHandle) {
    let mut again = tokio::time::interval(Metrics::UPKEEP);
    loop {
        again.tick().await;
        handle.run_upkeep();
    }
}
