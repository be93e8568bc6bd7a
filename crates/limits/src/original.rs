//! What a client asked for, where routers within routers have cut it.

use http::{Extensions, Uri};

/// The URI as it came: axum takes the prefix off under which a router is nested.
pub(crate) fn original<'a>(extensions: &'a Extensions, uri: &'a Uri) -> &'a Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(whole)) = extensions.get() {
        return whole;
    }
    let _ = extensions;
    uri
}
