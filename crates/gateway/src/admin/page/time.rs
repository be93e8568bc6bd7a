//! Moments and spans, as people read them.

use std::time::SystemTime;

use super::Html;

/// A moment in UTC, to the second.
pub(super) fn moment(html: &mut Html, at: SystemTime) {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let text = format!("{at:.0}");
    let short = text.replacen('T', " ", 1).replace('Z', "");
    html.raw("<time datetime=\"").text(&text).raw("\">");
    html.text(short).raw("</time>");
}

/// The same from seconds since 1970.
pub(super) fn since_1970(html: &mut Html, seconds: u64) {
    moment(
        html,
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds.min(u64::from(u32::MAX))),
    );
}
