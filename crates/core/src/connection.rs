//! What the listener knows of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

/// Where the certificate of a TLS session came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateSource {
    /// Issued by Panoply's own local authority, which only this machine trusts.
    Local,
    /// Read from files that the operator named.
    Files,
    /// Obtained from a certificate authority by ACME (RFC 8555).
    Acme,
}

/// The TLS session that a request came over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// Where the certificate that was shown came from.
    pub certificate: CertificateSource,
    /// The name the client asked for by SNI (RFC 6066 §3), lower-case.
    pub server_name: Option<Arc<str>>,
}

impl TlsSession {
    /// A session under a certificate from `certificate`, asked for as `server_name`.
    pub const fn new(certificate: CertificateSource, server_name: Option<Arc<str>>) -> Self {
        Self {
            certificate,
            server_name,
        }
    }
}

/// The connection that a request came over; the listener puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddr,
    /// The TLS session, or nothing on plain HTTP.
    pub tls: Option<TlsSession>,
}

impl Connection {
    /// A connection from `peer`, over `tls` if there is a session.
    pub const fn new(peer: SocketAddr, tls: Option<TlsSession>) -> Self {
        Self { peer, tls }
    }
}
