//! Asks the operator's hook whether a name is ours.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::command::{self, Starting};
use crate::config::Allow;

/// Longest for the hook.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a certificate may be ordered for `name`; an error says why that cannot be told.
pub(crate) async fn is_allowed(
    allow: &Allow,
    name: &str,
    starting: Starting,
) -> Result<bool, String> {
    match allow {
        Allow::Command(command) => {
            let ended = command::run(command, &[name], PATIENCE, starting).await;
            Ok(ended.map_err(|error| error.to_string())?.status.success())
        }
        Allow::Url(url) => {
            let asked = tokio::time::timeout(PATIENCE, by_request(url, name));
            let late = |_| Err(format!("{allow}: no answer within 10 seconds"));
            let said = asked.await.unwrap_or_else(late);
            said.map_err(|problem| format!("{allow}: {problem}"))
        }
    }
}

/// As Caddy asks: `URL?domain=NAME`, and a status from 200 to 299 allows.
async fn by_request(url: &Uri, name: &str) -> Result<bool, String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    let authority = url.authority().ok_or("the URL names no host")?;
    // An IPv6 address is in brackets only within a URL.
    let host = authority.host().trim_matches(['[', ']']);
    let address = (host, authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| text(&error))?;
    let begun = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = begun.map_err(|error| text(&error))?;
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let mark = if target.contains('?') { '&' } else { '?' };
    let request = Request::get(format!("{target}{mark}domain={name}"))
        .header(http::header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|error| text(&error))?;
    let mut asked = pin!(sender.send_request(request));
    let answer = tokio::select! {
        biased;
        answer = asked.as_mut() => answer,
        // It may end with the answer in hand.
        _ = connection => asked.await,
    };
    let status = answer.map_err(|error| text(&error))?.status();
    // A hook that is out of order, or has too much to do, has said nothing about the name.
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(format!("the answer is {status}"));
    }
    Ok(status.is_success())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one question with `status`; gives the first line of the request.
    async fn hook(address: &str, status: &'static str) -> (Allow, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/allow?key=s3cret", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let request = String::from_utf8_lossy(request.get(..length).unwrap()).into_owned();
            request.lines().next().unwrap().to_owned()
        });
        (Allow::Url(url.parse().unwrap()), asked)
    }

    #[tokio::test]
    async fn a_hook_at_an_ipv6_address_is_asked() {
        let (allow, asked) = hook("[::1]:0", "204 No Content").await;
        assert_eq!(
            is_allowed(&allow, "a.example", Starting::default()).await,
            Ok(true)
        );
        let line = "GET /allow?key=s3cret&domain=a.example HTTP/1.1";
        assert_eq!(asked.await.unwrap(), line);
    }

    #[tokio::test]
    async fn a_no_and_an_error_are_told_apart() {
        for (status, expected) in [
            ("200 OK", Some(true)),
            ("404 Not Found", Some(false)),
            ("302 Found", Some(false)),
            ("500 Internal Server Error", None),
            ("503 Service Unavailable", None),
            ("429 Too Many Requests", None),
        ] {
            let (allow, _asked) = hook("127.0.0.1:0", status).await;
            let said = is_allowed(&allow, "a.example", Starting::default()).await;
            assert_eq!(said.as_ref().ok().copied(), expected, "{said:?}");
            if let Err(problem) = said {
                assert!(
                    problem.contains(status) && !problem.contains("s3cret"),
                    "{problem}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_command_allows_by_its_status() {
        for (status, expected) in [(0, true), (1, false)] {
            let script = format!("[ $1 = a.example ] && exit {status}");
            let command = ["/bin/sh", "-c", &script, "allowed"].map(str::to_owned);
            let said = is_allowed(
                &Allow::Command(command.to_vec()),
                "a.example",
                Starting::default(),
            )
            .await;
            assert_eq!(said, Ok(expected));
        }
        let missing = Allow::Command(vec!["/no/such".to_owned()]);
        assert!(
            is_allowed(&missing, "a.example", Starting::default())
                .await
                .is_err()
        );
    }
}
