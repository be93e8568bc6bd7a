//! What the page consists of besides its HTML; nothing comes from elsewhere.

/// A file of the page, by its path: its media type and content.
pub(super) fn find(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/desk.css" => ("text/css; charset=utf-8", include_str!("assets/desk.css")),
        "/desk.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/desk.js"),
        ),
        "/icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return None,
    })
}
