//! What is counted, read from the lines that scrapers get: the page says what they say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::LOGINS;

/// What the page shows of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Numbers {
    /// Answers by class of status, 1xx first.
    pub(super) answers: [u64; 5],
    /// Refusals by rule.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) connections: u64,
    pub(super) sent_bytes: u64,
    pub(super) handshakes_failed: u64,
    pub(super) log_lines_lost: u64,
    /// Logins by what came of them, in the order of [`LOGINS`].
    pub(super) logins: [u64; 4],
    /// Upper bounds in seconds, and how many answers took no longer.
    pub(super) durations: Vec<(f64, u64)>,
}

impl Numbers {
    /// Reads the exposition format of Prometheus, as far as our own lines need.
    pub(super) fn read(text: &str) -> Self {
        let mut numbers = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value = value.parse().unwrap_or(0.0);
            let (name, labels) = key.split_once('{').unwrap_or((key, ""));
            let label = |name: &str| {
                let (_, rest) = labels.split_once(&format!("{name}=\""))?;
                rest.split('"').next()
            };
            match name {
                "panoply_requests_total" => {
                    let class = label("status").and_then(|class| class.get(..1));
                    let class = class.and_then(|class| class.parse::<usize>().ok());
                    let place = class.and_then(|class| class.checked_sub(1));
                    if let Some(place) = place.and_then(|at| numbers.answers.get_mut(at)) {
                        *place = whole(value);
                    }
                }
                "panoply_refused_total" => {
                    if let Some(rule) = label("rule") {
                        numbers.refused.insert(rule.to_owned(), whole(value));
                    }
                }
                "panoply_logins_total" => {
                    let at = LOGINS
                        .iter()
                        .position(|kind| label("outcome") == Some(kind));
                    if let Some(place) = at.and_then(|at| numbers.logins.get_mut(at)) {
                        *place = whole(value);
                    }
                }
                "panoply_request_duration_seconds_bucket" => {
                    let bound = label("le").and_then(|bound| bound.parse().ok());
                    numbers
                        .durations
                        .extend(bound.map(|bound| (bound, whole(value))));
                }
                "panoply_connections" => numbers.connections = whole(value),
                "panoply_sent_bytes_total" => numbers.sent_bytes = whole(value),
                "panoply_handshakes_failed_total" => numbers.handshakes_failed = whole(value),
                "panoply_log_lines_lost_total" => numbers.log_lines_lost = whole(value),
                _ => {}
            }
        }
        numbers
    }

    pub(super) fn requests(&self) -> u64 {
        self.answers.iter().sum()
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Within which bound so many of a hundred answers stay, in milliseconds; none if it takes longer
    /// than all bounds, or there are none yet.
    pub(super) fn within(&self, percent: u64) -> Option<f64> {
        let all = self.durations.last().map(|(_, count)| *count)?;
        let enough = |(_, count): &&(f64, u64)| {
            all > 0 && count.saturating_mul(100) >= all.saturating_mul(percent)
        };
        let found = self.durations.iter().find(enough);
        found
            .map(|(bound, _)| bound * 1000.0)
            .filter(|bound| bound.is_finite())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole and not negative, and casts saturate"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_was_counted_is_read_back() {
        let metrics = Metrics::new();
        metrics.refused("login/pair");
        metrics.refused("login/pair");
        metrics.refused("intake/host");
        metrics.opened();
        metrics.login(panoply::limits::Outcome::Failure);
        metrics.login_abandoned();
        let numbers = Numbers::read(&metrics.handle().render());
        assert_eq!(numbers.refused["login/pair"], 2);
        assert_eq!((numbers.refusals(), numbers.connections), (3, 1));
        assert_eq!((numbers.logins, numbers.requests()), ([0, 1, 0, 1], 0));
        assert_eq!(numbers.within(95), None);
    }

    #[test]
    fn durations_are_read_from_buckets() {
        let text = "panoply_requests_total{status=\"2xx\"} 10\n\
                    panoply_request_duration_seconds_bucket{le=\"0.001\"} 5\n\
                    panoply_request_duration_seconds_bucket{le=\"0.1\"} 10\n\
                    panoply_request_duration_seconds_bucket{le=\"+Inf\"} 10\n";
        let numbers = Numbers::read(text);
        assert_eq!(numbers.answers, [0, 10, 0, 0, 0]);
        assert_eq!(numbers.within(50), Some(1.0));
        assert_eq!(numbers.within(95), Some(100.0));
        assert_eq!(Numbers::read("nonsense\n{} x\n \n"), Numbers::default());
    }
}
