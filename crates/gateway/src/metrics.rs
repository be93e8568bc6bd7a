//! Counters, gauges and one histogram, for Prometheus.

mod app;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _, Unit,
};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use panoply::limits::Outcome;
use panoply::trace::Exchange;
use panoply_tls::CertificateInfo;

use crate::admin::Recent;
use crate::advice::Told;

pub(crate) use app::AppGauges;

/// Where everything is counted; a counter costs one atomic addition.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    statuses: [Counter; 5],
    duration: Histogram,
    app_duration: Histogram,
    bytes: Counter,
    connections: Gauge,
    accepted: Counter,
    handshakes_failed: Counter,
    workers_begun_anew: Counter,
    tasks_begun_anew: Counter,
    log_lost: Counter,
    store_up: Gauge,
    state_there: Gauge,
    certificates_missing: Gauge,
    logins: [Counter; 4],
    passes: Counter,
    told: Told,
    /// The certificates that have a gauge.
    certified: Mutex<HashSet<Key>>,
    /// The last refusals, for the admin page.
    pub(crate) recent: Recent,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Upper bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What came of logins.
pub(crate) const LOGINS: [&str; 4] = ["success", "failure", "neither", "abandoned"];

const EXPIRY: &str = "panoply_certificate_expiry_timestamp_seconds";

const DURATION: &str = "panoply_request_duration_seconds";

const APP_DURATION: &str = "panoply_app_duration_seconds";

const META: Metadata<'static> = Metadata::new("panoply", Level::INFO, None);

impl Metrics {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        // Ten bounds are never none, which is all that can be refused.
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        describe(&recorder);
        let counter = |name: &'static str| recorder.register_counter(&Key::from_name(name), &META);
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_name(name), &META);
        let status = |class: &'static str| {
            let labels = vec![Label::new("status", class)];
            recorder.register_counter(&Key::from_parts("panoply_requests_total", labels), &META)
        };
        let login = |outcome: &'static str| {
            let labels = vec![Label::new("outcome", outcome)];
            recorder.register_counter(&Key::from_parts("panoply_logins_total", labels), &META)
        };
        Self {
            statuses: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(status),
            duration: recorder.register_histogram(&Key::from_name(DURATION), &META),
            app_duration: recorder.register_histogram(&Key::from_name(APP_DURATION), &META),
            bytes: counter("panoply_sent_bytes_total"),
            connections: gauge("panoply_connections"),
            accepted: counter("panoply_accepted_total"),
            handshakes_failed: counter("panoply_handshakes_failed_total"),
            workers_begun_anew: counter("panoply_worker_restarts_total"),
            tasks_begun_anew: counter("panoply_task_restarts_total"),
            log_lost: counter("panoply_log_lines_lost_total"),
            store_up: gauge("panoply_store_up"),
            state_there: gauge("panoply_state_there"),
            certificates_missing: gauge("panoply_certificates_missing"),
            logins: LOGINS.map(login),
            passes: counter("panoply_passes_given_total"),
            told: Told::default(),
            certified: Mutex::default(),
            recent: Recent::default(),
            recorder,
        }
    }

    /// A handle that prints everything.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    pub(crate) fn answered(&self, exchange: &Exchange) {
        self.status(exchange.status).increment(1);
        self.duration.record(exchange.duration.as_secs_f64());
        if let Some(took) = exchange.app.and_then(|app| app.took) {
            self.app_duration.record(took.as_secs_f64());
        }
        self.bytes.increment(exchange.bytes);
        if let Some(rule) = exchange.rule {
            self.told
                .tell_of(rule, &exchange.method, exchange.uri.path());
            self.count_refused(rule);
        }
    }

    fn status(&self, status: StatusCode) -> &Counter {
        let [informational, success, redirect, client, server] = &self.statuses;
        match status.as_u16() {
            ..200 => informational,
            200..300 => success,
            300..400 => redirect,
            400..500 => client,
            500.. => server,
        }
    }

    /// One refusal by `rule`.
    pub(crate) fn refused(&self, rule: &'static str) {
        self.told.tell(rule);
        self.count_refused(rule);
    }

    fn count_refused(&self, rule: &'static str) {
        let labels = vec![Label::new("rule", rule)];
        let key = Key::from_parts("panoply_refused_total", labels);
        self.recorder.register_counter(&key, &META).increment(1);
    }

    /// There are other settings: what is told once is told once more.
    pub(crate) fn reloaded(&self) {
        self.told.begin_anew();
    }

    pub(crate) fn opened(&self) {
        self.accepted.increment(1);
        self.connections.increment(1.0);
    }

    pub(crate) fn closed(&self) {
        self.connections.decrement(1.0);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.increment(1);
    }

    pub(crate) fn worker_begun_anew(&self) {
        self.workers_begun_anew.increment(1);
    }

    pub(crate) fn task_begun_anew(&self) {
        self.tasks_begun_anew.increment(1);
    }

    pub(crate) fn log_lines_lost(&self, lines: u64) {
        self.log_lost.increment(lines);
    }

    pub(crate) fn store(&self, up: bool) {
        self.store_up.set(if up { 1.0 } else { 0.0 });
    }

    pub(crate) fn state_directory(&self, there: bool) {
        self.state_there.set(if there { 1.0 } else { 0.0 });
    }

    /// The certificates in force, and how many of those that are ordered could not be had.
    pub(crate) fn certificates(&self, in_force: &[CertificateInfo], missing: u32) {
        let mut certified = self
            .certified
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // No certificate that is not in force any more is to be taken for one that runs out.
        for gone in certified.drain() {
            self.recorder.register_gauge(&gone, &META).set(f64::NAN);
        }
        for info in in_force {
            let source = info.source().as_str();
            let names = Label::new("names", info.names().join(","));
            let key = Key::from_parts(EXPIRY, vec![names, Label::new("source", source)]);
            let end = info.not_after().duration_since(UNIX_EPOCH);
            let end = end.unwrap_or_default().as_secs_f64();
            self.recorder.register_gauge(&key, &META).set(end);
            certified.insert(key);
        }
        self.certificates_missing.set(f64::from(missing));
    }

    /// A login that the app has answered.
    pub(crate) fn login(&self, outcome: Outcome) {
        let [success, failure, neither, _] = &self.logins;
        let counter = match outcome {
            Outcome::Success => success,
            Outcome::Failure => failure,
            _ => neither,
        };
        counter.increment(1);
    }

    /// How many passes were given in all.
    pub(crate) fn passes_given(&self, passes: u64) {
        self.passes.absolute(passes);
    }

    /// A login for whose answer the client has not waited.
    pub(crate) fn login_abandoned(&self) {
        let [.., abandoned] = &self.logins;
        abandoned.increment(1);
    }

    /// How often the histogram's raw values are folded into its buckets.
    pub(crate) const UPKEEP: Duration = Duration::from_secs(5);
}

/// Says what each is, for whoever scrapes them.
fn describe(recorder: &PrometheusRecorder) {
    for (name, unit, help) in [
        (
            "panoply_requests_total",
            None,
            "Requests answered, by class of status",
        ),
        (
            "panoply_refused_total",
            None,
            "Requests and connections refused, by rule",
        ),
        (
            DURATION,
            Some(Unit::Seconds),
            "From a request's head to the end of its answer",
        ),
        (
            APP_DURATION,
            Some(Unit::Seconds),
            "From a request's last byte to the head of the app's answer, for those that went to the app",
        ),
        (
            "panoply_sent_bytes_total",
            Some(Unit::Bytes),
            "Bytes of answers' bodies",
        ),
        ("panoply_accepted_total", None, "Connections accepted"),
        (
            "panoply_logins_total",
            None,
            "Logins that reached the app, by how its answer was read; a client that did not wait for it has \
             abandoned his, which counts as a failure",
        ),
        (
            "panoply_passes_given_total",
            None,
            "Passes given to browsers that have solved the task of `[challenge]`; nothing is kept of a solution, so one that \
             is sent again within five minutes gives another, which ends with the first",
        ),
        (
            "panoply_handshakes_failed_total",
            None,
            "TLS handshakes that failed",
        ),
        (
            "panoply_worker_restarts_total",
            None,
            "Workers that fell over and were begun anew",
        ),
        (
            "panoply_task_restarts_total",
            None,
            "Tasks beside the requests that fell over and were begun anew",
        ),
        (
            "panoply_app_ended_total",
            None,
            "How often the app has ended by itself, and was started again",
        ),
        (
            "panoply_log_lines_lost_total",
            None,
            "Lines of the log that could not be written, or that nobody read in time",
        ),
    ] {
        if name.ends_with("_total") {
            recorder.describe_counter(KeyName::from(name), unit, help.into());
        } else {
            recorder.describe_histogram(KeyName::from(name), unit, help.into());
        }
    }
    for (name, help) in GAUGES {
        recorder.describe_gauge(KeyName::from(*name), None, (*help).into());
    }
}

/// What stands for now.
const GAUGES: &[(&str, &str)] = &[
    ("panoply_connections", "Connections open now"),
    (
        "panoply_app_up",
        "Whether the app accepts connections, and answers `app.health` where that is set (1) or not (0)",
    ),
    (
        "panoply_app_instances",
        "How many instances the app is to have (`app.instances`, or addresses in `app.upstream`)",
    ),
    ("panoply_app_instances_up", "How many of them are up"),
    (
        "panoply_store_up",
        "Whether the store decides (1) or the insurance in its place (0)",
    ),
    (
        "panoply_state_there",
        "Whether the state directory is where it was (1) or not (0)",
    ),
    (
        EXPIRY,
        "Until when a certificate is valid, in seconds since 1970, by its names and source",
    ),
    (
        "panoply_certificates_missing",
        "Certificates whose last order failed, or that are in memory alone",
    ),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;
    use crate::settings::Settings;
    use crate::surroundings::Surroundings;

    #[test]
    fn a_certificate_that_is_gone_runs_out_no_more() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let certificates = |domain: &str| {
            let app = "[app]\nupstream = \"http://127.0.0.1:9\"\n[tls]\nmode = \"local\"\n";
            let text = format!("{app}domains = [\"{domain}\"]\n");
            let loaded = Source::new().text("panoply.toml", &text).load().unwrap();
            let settings = Settings::build(&loaded, &around).unwrap();
            settings.live.tls.unwrap().certificates()
        };
        let metrics = Metrics::new();
        metrics.certificates(&certificates("one.example"), 0);
        metrics.certificates(&certificates("two.example"), 0);
        let text = metrics.handle().render();
        let mut told = text.lines().filter(|line| line.starts_with(EXPIRY));
        let value = |name: &str| told.clone().find(|line| line.contains(name)).unwrap();
        assert!(value("one.example").ends_with(" NaN"), "{text}");
        assert!(!value("two.example").ends_with(" NaN"), "{text}");
        assert_eq!(told.by_ref().count(), 2, "{text}");
    }
}
