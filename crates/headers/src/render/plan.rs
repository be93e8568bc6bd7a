//! What the answer to a request gets, decided before the request goes on.

use http::Request;
use panoply_core::{CertificateSource, ClientAddress, Connection, Nonce};

/// What the response to one request gets.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which of the paths, or the site.
    pub(super) path: Option<usize>,
    /// Paths that the application might take the request's for; what is stricter there holds too.
    pub(super) doubted: Vec<usize>,
    pub(super) channel: Channel,
    pub(super) nonce: Option<Nonce>,
    pub(super) authenticated: bool,
    pub(super) clear: bool,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Plain,
    Https,
    /// HTTPS under a certificate that browsers do not trust: of the local authority, or a rehearsal's.
    Local,
}

impl Channel {
    /// The client's own scheme where a trusted word on it is there, else the connection's, else
    /// what the request line says.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let extensions = request.extensions();
        let connection = extensions.get::<Connection>();
        let tls = connection.and_then(|connection| connection.tls.as_ref());
        let untrusted = [CertificateSource::Local, CertificateSource::Staging];
        if tls.is_some_and(|tls| untrusted.contains(&tls.certificate)) {
            return Self::Local;
        }
        let https = match extensions.get::<ClientAddress>() {
            Some(client) => client.is_https(),
            None if connection.is_some() => tls.is_some(),
            None => request.uri().scheme() == Some(&http::uri::Scheme::HTTPS),
        };
        if https { Self::Https } else { Self::Plain }
    }
}

/// The nonce that an outer layer has made already, or a fresh one.
pub(super) fn nonce_of<B>(request: &mut Request<B>) -> Option<Nonce> {
    if let Some(nonce) = request.extensions().get::<Nonce>() {
        return Some(nonce.clone());
    }
    match Nonce::random() {
        Ok(nonce) => {
            request.extensions_mut().insert(nonce.clone());
            Some(nonce)
        }
        Err(error) => {
            tracing::error!(%error, "no nonce: scripts that need one are blocked");
            None
        }
    }
}
