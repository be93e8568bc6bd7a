//! TLS with the app, on a connection that is there.

use std::io;

use panoply_tls::AppTls;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{CertificateError, Error, InvalidMessage};

use super::Failure;
use super::pool::CONNECT;

/// Shakes hands with the app, which has to be who `tls` says it is.
pub(super) async fn shake(
    stream: TcpStream,
    tls: &AppTls,
) -> Result<Box<TlsStream<TcpStream>>, Failure> {
    let connector = TlsConnector::from(tls.client());
    let wanted = tls.client().alpn_protocols.first().cloned();
    let shaken = connector.connect(tls.name(), stream);
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

/// What is wrong, and what to write.
fn told(error: &io::Error, tls: &AppTls) -> String {
    let cause = { error.get_ref() }.and_then(|cause| cause.downcast_ref::<Error>());
    let advice = match cause {
        Some(Error::InvalidCertificate(cause)) => certificate(cause, tls),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            Some("it speaks none there: write `http://` in `app.upstream`".to_owned())
        }
        Some(Error::NoApplicationProtocol | Error::AlertReceived(_)) => {
            Some("it ended the handshake: the log of the app may say why".to_owned())
        }
        _ => None,
    };
    match advice {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

fn certificate(cause: &CertificateError, tls: &AppTls) -> Option<String> {
    use CertificateError as Wrong;
    let name = tls.name();
    let name = name.to_str();
    Some(match cause {
        Wrong::UnknownIssuer | Wrong::BadSignature | Wrong::Other(_) => {
            "name the file of its authority, or of its certificate itself: `ca` below `[tls.app]`"
                .to_owned()
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => format!(
            "its certificate is not for {name}: write the name that it is for, `name` below `[tls.app]`"
        ),
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            "its certificate has ended: renew it, or name the file of it, `ca` below `[tls.app]`"
                .to_owned()
        }
        _ => return None,
    })
}
