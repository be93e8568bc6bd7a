//! What must hold for reports, which anybody can send.

use super::parse::parse;

/// `o` for the old form, and a body: what is told of it is short and printable, and there is no more of
/// it than a request may tell.
pub fn reports(data: &[u8]) {
    let Some((form, body)) = data.split_first() else {
        return;
    };
    let media = if *form == b'o' {
        "application/csp-report"
    } else {
        "application/reports+json"
    };
    let Some(reports) = parse(media, body) else {
        return;
    };
    assert!(reports.len() <= 20);
    for report in reports {
        for text in [&report.page, &report.directive, &report.blocked] {
            assert!(text.len() <= 200, "{text:?}");
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        }
    }
}
