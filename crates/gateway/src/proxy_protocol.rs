//! The PROXY protocol, versions 1 and 2 (haproxy's `doc/proxy-protocol.txt`): a load balancer that passes bytes on
//! says, before the first of them, whose they are.
//!
//! Whoever is named in `listen.proxy_protocol` has to begin with such a header, since one who may leave it out would
//! pass on what his client writes there. From everybody else it is no request.

mod header;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use panoply_core::{Network, Networks};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use self::header::{Decoded, LONGEST, decode};

pub(crate) use self::header::begins;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// How much is looked at at once: both versions say who is calling in less.
const GLANCE: usize = 512;

/// Who has to say whose connections he passes on, and what has been told of whom.
#[derive(Debug, Default)]
pub(crate) struct Senders {
    networks: Networks,
    told_of_silent: AtomicBool,
    told_of_unnamed: AtomicBool,
}

impl Senders {
    pub(crate) fn new(networks: Networks) -> Self {
        Self {
            networks,
            ..Self::default()
        }
    }

    /// All of them.
    pub(crate) const fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Whether connections from `peer` begin with a header.
    pub(crate) fn include(&self, peer: IpAddr) -> bool {
        !self.networks.is_empty() && self.networks.contains(peer)
    }

    /// The first of them of which `outer` holds every address.
    pub(crate) fn first_within(&self, outer: Network) -> Option<Network> {
        self.networks.first_within(outer)
    }

    /// Says in the log, once, that one of them sends no header: nobody gets in through it.
    pub(crate) fn tell_of_silent(&self, sender: SocketAddr, error: &io::Error) {
        if !self.told_of_silent.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                address = %sender.ip().to_canonical(),
                %error,
                "a proxy named in `listen.proxy_protocol` does not say whose connections it passes on, and they are \
                 closed: have it send the PROXY protocol (version 1 or 2), to its own health checks as well, or leave \
                 its address out there"
            );
        }
    }

    /// Says in the log, once, that somebody of one's own network sends headers, and that nobody has named him.
    #[cold]
    pub(crate) fn tell_of_unnamed(&self, sender: SocketAddr) {
        let address = sender.ip().to_canonical();
        if Networks::near().contains(address) && !self.told_of_unnamed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %address,
                "a proxy speaks the PROXY protocol and nobody has named it: what it passes on is refused. If it is \
                 yours, write `proxy_protocol = [\"{address}\"]` below `[listen]`"
            );
        }
    }
}

/// Takes the header that `stream` begins with, and not a byte more; gives who is calling, or nobody where the proxy
/// itself does.
///
/// # Errors
///
/// `InvalidData` when the connection begins with something else, and `UnexpectedEof` when it ends before.
pub(crate) async fn receive(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut said = Vec::new();
    let mut glance = [0; GLANCE];
    loop {
        let seen = stream.peek(&mut glance).await?;
        let before = said.len();
        said.extend_from_slice(glance.get(..seen).unwrap_or_default());
        let decoded = decode(&said)
            .map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed));
        let (taken, source) = match decoded? {
            Decoded::Unfinished if seen == 0 || said.len() >= LONGEST => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Decoded::Unfinished => (seen, None),
            Decoded::Whole { length, source } => (length - before, Some(source)),
        };
        let taken = glance.get_mut(..taken).unwrap_or_default();
        stream.read_exact(taken).await?;
        if let Some(source) = source {
            return Ok(
                source.map(|source| SocketAddr::new(source.ip().to_canonical(), source.port()))
            );
        }
    }
}

#[cfg(test)]
mod tests;
