//! What a browser adds by itself, and a layer has taken off.

/// That a request came with credentials that a browser keeps and adds by itself, whoever's page has it ask (Basic, RFC
/// 7617), and that they were taken off by the layer that had asked for them, or that its client's address was taken in
/// their place; in the request's extensions, for whoever decides what another site may cause.
///
/// ```
/// use http::Request;
/// use panoply_core::KeptCredentials;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(KeptCredentials);
/// assert!(request.extensions().get::<KeptCredentials>().is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a mark says no more than that it is there"
)]
pub struct KeptCredentials;
