//! What the listener knows of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

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
    /// Obtained in the same way from a directory for rehearsals, whose certificates no browser trusts.
    Staging,
}

impl CertificateSource {
    /// As people read it: `local`, `files`, `acme` or `acme-staging`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Files => "files",
            Self::Acme => "acme",
            Self::Staging => "acme-staging",
        }
    }
}

/// The TLS session that a request came over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// Where the certificate that was shown came from.
    pub certificate: CertificateSource,
    /// The name the client asked for by SNI (RFC 6066 §3), lower-case.
    pub server_name: Option<Arc<str>>,
    /// The certificate that the client has shown, if it was asked for one and has one.
    pub client: Option<Arc<ClientCertificate>>,
}

impl TlsSession {
    /// A session under a certificate from `certificate`, asked for as `server_name`.
    pub const fn new(certificate: CertificateSource, server_name: Option<Arc<str>>) -> Self {
        Self {
            certificate,
            server_name,
            client: None,
        }
    }

    /// Adds the certificate by which the client has shown who it is.
    #[must_use]
    pub fn with_client(mut self, client: ClientCertificate) -> Self {
        self.client = Some(Arc::new(client));
        self
    }
}

/// A client's certificate that was verified.
///
/// ```
/// use panoply_core::ClientCertificate;
///
/// let certificate = ClientCertificate::new(vec![0x30, 0x03, 0x02, 0x01, 0x05]);
/// assert_eq!(certificate.header(), ":MAMCAQU=:");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    der: Vec<u8>,
    header: HeaderValue,
}

impl ClientCertificate {
    /// The certificate in DER.
    pub fn new(der: Vec<u8>) -> Self {
        let text = format!(":{}:", STANDARD.encode(&der));
        // Base64 is always a value.
        let header = HeaderValue::from_str(&text);
        Self {
            der,
            header: header.unwrap_or_else(|_| HeaderValue::from_static("")),
        }
    }

    /// In DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The value of the `Client-Cert` header by which an app behind a gateway is told (RFC 9440 §2.2).
    pub const fn header(&self) -> &HeaderValue {
        &self.header
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} bytes)", self.der.len())
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
    /// The address at this end, if it is known.
    pub local: Option<IpAddr>,
}

impl Connection {
    /// A connection from `peer`, over `tls` if there is a session.
    pub const fn new(peer: SocketAddr, tls: Option<TlsSession>) -> Self {
        Self {
            peer,
            tls,
            local: None,
        }
    }

    /// Adds the address at this end, by which the other one has found it.
    #[must_use]
    pub const fn with_local(mut self, local: Option<IpAddr>) -> Self {
        self.local = local;
        self
    }
}
