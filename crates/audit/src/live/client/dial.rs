//! Connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

use super::failure::Failure;

/// How many of a name's addresses are tried.
const MOST_ADDRESSES: usize = 4;

/// Opens connections to what an address names.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(crate) resolve: Vec<(String, IpAddr)>,
    pub(crate) timeout: Duration,
}

impl Dialer {
    /// A connection to the host and port of an address.
    pub(crate) async fn tcp(&self, url: &Url) -> Result<TcpStream, Failure> {
        let port = url.port_or_known_default().ok_or(Failure::Address)?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.addresses(url, port).await? {
            match timeout(self.timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // The questions are short, and each is waited for.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(Failure::Connect { port, source: last })
    }

    async fn addresses(&self, url: &Url, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let name = match url.host().ok_or(Failure::Address)? {
            Host::Ipv4(address) => return Ok(vec![SocketAddr::new(address.into(), port)]),
            Host::Ipv6(address) => return Ok(vec![SocketAddr::new(address.into(), port)]),
            Host::Domain(name) => name,
        };
        let told = { self.resolve.iter() }.find(|(host, _)| host.eq_ignore_ascii_case(name));
        if let Some((_, address)) = told {
            return Ok(vec![SocketAddr::new(*address, port)]);
        }
        let looked_up = timeout(self.timeout, lookup_host((name, port))).await;
        let found = looked_up.map_err(|_| Failure::Timeout)?;
        Ok(found.map_err(Failure::Name)?.take(MOST_ADDRESSES).collect())
    }
}
