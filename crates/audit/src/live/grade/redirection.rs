//! The test of where plain HTTP leads.

use super::{Outcome, Sight, outcome};

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let Some(http) = sight.http else {
        return outcome("redirection-not-needed-no-http", 0);
    };
    if !http.is_verified() {
        return outcome("redirection-invalid-cert", -20);
    }
    let route = || http.answers().iter().map(|answer| &answer.url);
    if route().all(|url| sight.preload.has(url.host_str().unwrap_or_default())) {
        return outcome("redirection-all-redirects-preloaded", 0);
    }
    let Some(second) = route().nth(1) else {
        return outcome("redirection-missing", -20);
    };
    if http.page().url.scheme() != "https" {
        outcome("redirection-not-to-https", -20)
    } else if second.scheme() == "http" {
        outcome("redirection-not-to-https-on-initial-redirection", -10)
    } else if http.start.host_str() != second.host_str() {
        outcome("redirection-off-host-from-http", -5)
    } else {
        outcome("redirection-to-https", 0)
    }
}
