//! The files that pages load.

use bytes::Bytes;

use super::reply::{Reply, file};

/// The file at `path`.
pub(super) fn find(path: &str) -> Option<Reply> {
    let (mime, content) = match path {
        "/static/shop.css" => ("text/css; charset=utf-8", include_str!("static/shop.css")),
        "/static/shop.js" => (
            "text/javascript; charset=utf-8",
            include_str!("static/shop.js"),
        ),
        "/static/widget.js" => (
            "text/javascript; charset=utf-8",
            include_str!("static/widget.js"),
        ),
        "/static/mug.svg" | "/favicon.ico" => ("image/svg+xml", include_str!("static/mug.svg")),
        _ => return None,
    };
    Some(file(mime, Bytes::from_static(content.as_bytes())))
}
