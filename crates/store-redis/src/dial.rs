//! One connection: made, logged in, and tried before it is used.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisError, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::Error;
use crate::address::{Address, Place};
use crate::fault::{Fault, connect_error};
use crate::sessions::{DOCUMENTS, SESSIONS};
use crate::wire::Names;

/// How to connect, again and again.
#[derive(Clone)]
pub(crate) struct Dialler {
    pub(crate) address: Address,
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) timeout: Duration,
    pub(crate) names: Names,
}

/// A connection that has been tried, with what must be polled for it to live.
pub(crate) struct Link {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) driver: Driver,
    pub(crate) scripts: Scripts,
    pub(crate) address: Address,
}

pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The names that the server gave the scripts, hashes of their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scripts {
    pub(crate) decide: Arc<str>,
    pub(crate) blocks: Arc<str>,
    pub(crate) sessions: Arc<str>,
    pub(crate) documents: Arc<str>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The text of the script that decides.
pub(crate) const DECIDE: &str = concat!(
    include_str!("plain.lua"),
    include_str!("shared.lua"),
    include_str!("decide.lua")
);
/// The text of the script that lists and releases.
pub(crate) const BLOCKS: &str = concat!(include_str!("shared.lua"), include_str!("blocks.lua"));

/// How often a cluster may send us on.
const HOPS: usize = 4;
/// How many calls wait for their turn to be written.
const WAITING: usize = 1024;
/// The oldest server that knows what the scripts call.
const OLDEST: (u32, u32) = (6, 2);

impl Dialler {
    /// Connects, and follows a cluster to the node that has the keys.
    pub(crate) async fn dial(&self) -> Result<Link, Error> {
        let silent = |_| Error::Silent {
            address: self.address.to_string(),
            timeout: self.timeout,
        };
        let dialled = tokio::time::timeout(self.timeout, self.follow());
        dialled.await.map_err(silent)?
    }

    async fn follow(&self) -> Result<Link, Error> {
        let mut address = self.address.clone();
        for _ in 0..HOPS {
            match self.try_at(&address).await? {
                Tried::Good(link) => return Ok(*link),
                Tried::Moved(to) => address = to,
            }
        }
        let sent_on =
            RedisError::from((redis::ErrorKind::Client, "the cluster sends us in circles"));
        Err(connect_error(sent_on, &address, self.names.root()))
    }

    async fn try_at(&self, address: &Address) -> Result<Tried, Error> {
        let stream = self.open(address).await?;
        let refused = |error| connect_error(error, address, self.names.root());
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None)
            .set_pipeline_buffer_size(WAITING);
        let made = MultiplexedConnection::new_with_config(&address.login, stream, config).await;
        let (connection, driver) = made.map_err(refused)?;
        let mut driver: Driver = Box::pin(driver);
        let tried = tokio::select! {
            biased;
            tried = self.introduce(connection.clone(), address) => tried,
            () = &mut driver => Err(Stop::Error(Box::new(refused(gone())))),
        };
        match tried {
            Ok(scripts) => Ok(Tried::Good(Box::new(Link {
                connection,
                driver,
                scripts,
                address: address.clone(),
            }))),
            Err(Stop::Moved(to)) => Ok(Tried::Moved(to)),
            Err(Stop::Error(error)) => Err(*error),
        }
    }

    /// Looks who it is, loads the scripts, and does once what decisions do.
    async fn introduce(
        &self,
        mut connection: MultiplexedConnection,
        address: &Address,
    ) -> Result<Scripts, Stop> {
        let stop = |error| self.stop(error, address);
        let mut info = redis::cmd("INFO");
        // Whoever may not ask this is told by the scripts themselves.
        if let Ok(info) = ask(&mut connection, &mut info).await {
            look_at(&info, address)?;
            if let Some(policy) = evicts(&info) {
                tracing::warn!(
                    store = %address,
                    policy,
                    "redis may evict counters and locks when its memory is full: set \
                     `maxmemory-policy noeviction`, or give the store a redis of its own"
                );
            }
        }
        let mut scripts = Vec::new();
        for text in [DECIDE, BLOCKS, SESSIONS, DOCUMENTS] {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(text);
            let name = ask(&mut connection, &mut load).await.map_err(stop)?;
            scripts.push(Arc::<str>::from(text_of(&name)));
        }
        let scripts = <[Arc<str>; 4]>::try_from(scripts).map_err(|_| stop(gone()))?;
        let [decide, blocks, sessions, documents] = scripts;
        let mut probe = redis::cmd("EVALSHA");
        probe.arg(&*blocks).arg(1).arg(self.names.blocks());
        probe.arg("probe");
        ask(&mut connection, &mut probe).await.map_err(stop)?;
        Ok(Scripts {
            decide,
            blocks,
            sessions,
            documents,
        })
    }

    fn stop(&self, error: RedisError, address: &Address) -> Stop {
        let to = error.redirect_node().and_then(|(to, _)| address.at(to));
        match to.filter(|_| Fault::of(&error) == Fault::Moved) {
            Some(to) => Stop::Moved(to),
            None => Stop::Error(Box::new(connect_error(error, address, self.names.root()))),
        }
    }

    async fn open(&self, address: &Address) -> Result<Box<dyn Stream>, Error> {
        let unreachable = |source| Error::Unreachable {
            address: address.to_string(),
            source,
        };
        let (host, stream) = match &address.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                return Ok(Box::new(stream));
            }
            Place::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                (host, stream.map_err(unreachable)?)
            }
        };
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = self.tls.as_ref().filter(|_| address.tls) else {
            return Ok(Box::new(stream));
        };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Tls {
            address: address.to_string(),
            source,
        };
        let name = ServerName::try_from(host.clone()).map_err(|error| failed(Box::new(error)))?;
        let stream = tls.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| failed(Box::new(error)))?))
    }
}

enum Tried {
    Good(Box<Link>),
    Moved(Address),
}

enum Stop {
    Moved(Address),
    Error(Box<Error>),
}

/// Whether the server is new enough.
fn look_at(info: &Value, address: &Address) -> Result<(), Stop> {
    let info = text_of(info);
    let version = line(&info, "redis_version").unwrap_or_default();
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    let given = numbers.next().zip(numbers.next());
    if given.is_some_and(|given| given < OLDEST) {
        return Err(Stop::Error(Box::new(Error::TooOld {
            address: address.to_string(),
            version: version.to_owned(),
        })));
    }
    Ok(())
}

/// The policy by which the server may forget what it was told, by its own account.
pub(crate) fn evicts(info: &Value) -> Option<String> {
    let info = text_of(info);
    let policy = line(&info, "maxmemory_policy").filter(|policy| *policy != "noeviction")?;
    (line(&info, "maxmemory") != Some("0")).then(|| policy.to_owned())
}

fn line<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| *key == name);
    found.next().map(|(_, value)| value.trim())
}

fn gone() -> RedisError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}

/// One call and its answer, errors of the server among the errors.
pub(crate) async fn ask(
    connection: &mut MultiplexedConnection,
    call: &mut Cmd,
) -> Result<Value, RedisError> {
    connection.send_packed_command(call).await?.extract_error()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}
