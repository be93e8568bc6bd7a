//! TLS with the app, on a connection that is there.

use std::io;
use std::time::Duration;

use panoply_tls::AppTls;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{CertificateError, Error, InvalidMessage};

use super::Failure;
use super::pool::CONNECT;

/// How long an app that was reached may take to say that it does not want to be.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Shakes hands with the app, which has to be who `tls` says it is.
pub(super) async fn shake(
    stream: TcpStream,
    tls: &AppTls,
) -> Result<Box<TlsStream<TcpStream>>, Failure> {
    // Once, or its files might change in between.
    let client = tls.client();
    let wanted = client.alpn_protocols.first().cloned();
    let shaken = TlsConnector::from(client).connect(tls.name(), stream);
    let shaken = timeout(CONNECT, shaken).await;
    let stream = shaken.map_err(|_| Failure::ConnectTimeout)?;
    let stream = stream.map_err(|error| Failure::Tls(told(&error, tls)))?;
    // One that says nothing of it speaks HTTP/1.1.
    let spoken = stream.get_ref().1.alpn_protocol();
    if wanted.as_deref() == Some(b"h2") && spoken != Some(b"h2") {
        return Err(Failure::NotHttp2);
    }
    Ok(Box::new(stream))
}

/// Whether the app takes the gateway: one that misses a certificate says so once the handshake is over for whoever
/// began it (RFC 8446 §4.4.2.4).
pub(super) async fn is_taken(mut stream: Box<TlsStream<TcpStream>>) -> Result<(), Failure> {
    match timeout(LAST_WORD, stream.read(&mut [0])).await {
        Ok(Err(error)) => Err(Failure::Tls(said_no(&error))),
        // It waits to be asked, or has ended the connection as any other.
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

fn said_no(error: &io::Error) -> String {
    format!(
        "it said no ({error}): its own log may say why; if it asks for a certificate, name one, `certificate` and \
         `key` below `[tls.app]`"
    )
}

/// What is wrong, and what to write.
fn told(error: &io::Error, tls: &AppTls) -> String {
    let cause = { error.get_ref() }.and_then(|cause| cause.downcast_ref::<Error>());
    let words = match cause {
        Some(Error::InvalidCertificate(cause)) => certificate(cause, &tls.name().to_str()),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Some(
            "it speaks something else: write `http://` in `app.upstream` if it has none".to_owned(),
        ),
        Some(Error::AlertReceived(_)) => Some(said_no(error)),
        _ => None,
    };
    words.unwrap_or_else(|| error.to_string())
}

/// What is wrong with its certificate, if that is one of what happens.
fn certificate(cause: &CertificateError, name: &str) -> Option<String> {
    use CertificateError as Wrong;
    Some(match cause {
        // The last is one that signed itself, and says that it is an authority.
        Wrong::UnknownIssuer | Wrong::BadSignature | Wrong::Other(_) => {
            "its certificate is by nobody who is believed: name the file of its authority, or of the certificate \
             itself, `ca` below `[tls.app]`"
                .to_owned()
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => format!(
            "its certificate is not for {name}: write the name that it is for, `name` below `[tls.app]`"
        ),
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            "its certificate has ended: renew it, or name the file of it, `ca` below `[tls.app]`".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        for (cause, words) in [
            (CertificateError::UnknownIssuer, "`ca` below `[tls.app]`"),
            (CertificateError::NotValidForName, "not for app.internal"),
            (CertificateError::Expired, "renew it"),
        ] {
            let told = certificate(&cause, "app.internal").unwrap();
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(certificate(&CertificateError::Revoked, "a"), None);
    }
}
