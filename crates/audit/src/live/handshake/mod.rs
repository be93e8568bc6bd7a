//! Old protocols and weak suites, asked for byte by byte: no library that is any good speaks them.

mod hello;
mod reply;
mod suites;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use hello::Hello;
pub(crate) use reply::{Reply, read};
pub(crate) use suites::Weakness;
use suites::{ALL, Suite, WEAK};

use super::client::Dialer;

/// A version of the protocol that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
}

impl Protocol {
    fn number(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSL 3",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
        }
    }
}

/// What a server let itself in for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    /// The old protocols that it speaks.
    pub(crate) old: Vec<Protocol>,
    /// Why some could not be asked for.
    pub(crate) old_unknown: Option<String>,
    /// The weak suites that it takes, by what is weak about them.
    pub(crate) weak: Vec<(Weakness, &'static str)>,
    pub(crate) weak_unknown: Option<String>,
}

impl Scan {
    /// Whether there is a server that speaks one of those.
    pub(crate) fn speaks(&self) -> bool {
        !(self.old.is_empty() && self.weak.is_empty())
    }
}

/// More is not read of an answer: a server's first message with its certificates fits.
const MOST: usize = 64 << 10;
/// Nobody waits longer for the first message of a handshake.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for each old protocol, and for weak suites until no more are taken.
pub(crate) async fn scan(dialer: &Dialer, url: &Url) -> Scan {
    let mut scan = Scan::default();
    for protocol in [Protocol::Ssl3, Protocol::Tls10, Protocol::Tls11] {
        match ask(dialer, url, protocol, ALL.iter().chain(&WEAK)).await {
            Ok(Some(_)) => scan.old.push(protocol),
            Ok(None) => {}
            Err(reason) => {
                scan.old_unknown = Some(format!("{}: {reason}", protocol.name()));
            }
        }
    }
    // What a server takes with an old protocol it mostly takes with TLS 1.2; not all speak that.
    for protocol in [Some(Protocol::Tls12), scan.old.last().copied()]
        .into_iter()
        .flatten()
    {
        if let Err(reason) = weak(dialer, url, protocol, &mut scan.weak).await {
            scan.weak_unknown = Some(format!("{}: {reason}", protocol.name()));
        }
    }
    scan
}

async fn weak(
    dialer: &Dialer,
    url: &Url,
    protocol: Protocol,
    found: &mut Vec<(Weakness, &'static str)>,
) -> Result<(), String> {
    let mut left: Vec<&Suite> = WEAK.iter().collect();
    // Each round names one, or is the last.
    while !left.is_empty() {
        let taken = ask(dialer, url, protocol, left.iter().copied()).await?;
        let Some(at) = left.iter().position(|suite| Some(suite.number) == taken) else {
            break;
        };
        let suite = left.remove(at);
        if !found.contains(&(suite.weakness, suite.name)) {
            found.push((suite.weakness, suite.name));
        }
    }
    Ok(())
}

/// Offers a protocol with suites; the suite that is taken, or none if the server refuses.
async fn ask(
    dialer: &Dialer,
    url: &Url,
    protocol: Protocol,
    suites: impl Iterator<Item = &Suite>,
) -> Result<Option<u16>, String> {
    let offered: Vec<u16> = suites.map(|suite| suite.number).collect();
    let hello = Hello {
        version: protocol.number(),
        suites: &offered,
        host: url.domain(),
    };
    let hello = hello.bytes().ok_or("the host's name is too long")?;
    let mut stream = dialer.tcp(url).await.map_err(|failure| failure.told())?;
    let patience = PATIENCE.min(dialer.timeout);
    let told = timeout(patience, first_reply(&mut stream, &hello));
    match told.await {
        Err(_) => Err("no answer in time".to_owned()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(Reply::Accepted { version, suite })) => {
            // Who answers with another version or suite than was offered has not agreed to it.
            let agreed = version == protocol.number() && offered.contains(&suite);
            Ok(agreed.then_some(suite))
        }
        Ok(Ok(Reply::Refused)) => Ok(None),
        Ok(Ok(Reply::Garbage | Reply::More)) => Err("what is answered is no TLS".to_owned()),
    }
}

/// Sends a hello, and reads until it is known what is thought of it.
async fn first_reply(stream: &mut TcpStream, hello: &[u8]) -> io::Result<Reply> {
    stream.write_all(hello).await?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let reply = read(&bytes);
        if reply != Reply::More {
            return Ok(reply);
        }
        if bytes.len() > MOST {
            return Ok(Reply::Garbage);
        }
        match stream.read(&mut chunk).await? {
            // To hang up is to refuse too.
            0 if bytes.is_empty() => return Ok(Reply::Refused),
            0 => return Ok(Reply::Garbage),
            length => bytes.extend(chunk.iter().take(length)),
        }
    }
}
