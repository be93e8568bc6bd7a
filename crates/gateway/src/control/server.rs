//! The gateway's end of the socket: one line of JSON in, one out.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use panoply_acme::Reason;
use panoply_core::{
    BlockId, CertificateSource, ClientAddress, CounterStore as _, Release, Scheme, StoreError,
};
use panoply_headers::HeaderInForce;
use panoply_tls::{CertificateInfo, Date};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::message::{Ask, BlockEntry, CertificateEntry, LONGEST, PAGE, Reports, Said, Status};
use super::{PATIENCE, SOCKET};
use crate::settings::{Live, Surroundings};
use crate::shared::{AppState, Shared};
use crate::store::Deferred;

/// The socket, removed when the gateway ends.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever finds it there and nobody behind it takes its place.
        let _ = fs::remove_file(&self.path);
    }
}

/// The socket in `state`, in place of one that a gateway left behind; none when another gateway
/// answers there.
pub(crate) fn bind(state: &Path) -> io::Result<Option<Socket>> {
    fs::create_dir_all(state)?;
    let path = state.join(SOCKET);
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        return Ok(None);
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(Some(Socket { listener, path }))
}

/// Answers for as long as the gateway runs.
pub(crate) async fn serve(socket: Socket, shared: Arc<Shared>, around: Surroundings) {
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => {
                let (shared, around) = (Arc::clone(&shared), around.clone());
                tokio::task::spawn_local(async move {
                    let answered =
                        tokio::time::timeout(PATIENCE, exchange(stream, &shared, &around));
                    if let Ok(Err(error)) = answered.await {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "the control socket cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn exchange(
    mut stream: UnixStream,
    shared: &Shared,
    around: &Surroundings,
) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST))
        .read_line(&mut line)
        .await?;
    let said = match serde_json::from_str(&line) {
        Ok(ask) => answer(ask, shared, around).await,
        Err(error) => Said::Failed {
            why: format!("this gateway does not know what is asked: {error}"),
        },
    };
    let mut bytes = serde_json::to_vec(&said)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}

async fn answer(ask: Ask, shared: &Shared, around: &Surroundings) -> Said {
    let store = &*around.store;
    let live = shared.live.load_full();
    let list = live.suit.blocklist();
    let parsed = |id: &str| {
        let wrong = |_| {
            format!(
                "`{id}` is neither a client's address nor the id of a block, 16 hexadecimal digits"
            )
        };
        id.parse::<BlockId>().map_err(wrong)
    };
    let done = match ask {
        Ask::Status => return Said::Status(Box::new(status(shared, store).await)),
        Ask::List { after } => match after.as_deref().map(parsed).transpose() {
            Ok(after) => {
                let page = store.blocks(after, PAGE).await;
                page.map(|page| Said::Blocks(page.iter().map(BlockEntry::from).collect()))
            }
            Err(why) => return Said::Failed { why },
        },
        Ask::Add { client, seconds } => {
            let time = seconds.map(Duration::from_secs);
            let client = network(client);
            let added = list.add(client, time).await;
            added.map(|id| {
                tracing::info!(client.ip = %client, block = %id, "blocked by hand");
                Said::Added { id: id.to_string() }
            })
        }
        Ask::ReleaseId { id } => match parsed(&id) {
            Ok(block) => list.release(Release::Id(block)).await.map(|count| {
                tracing::info!(%block, count, "released by hand");
                Said::Released { count }
            }),
            Err(why) => return Said::Failed { why },
        },
        Ask::ReleaseUser { user } => {
            let mut count = 0;
            for guard in live.suit.login().guards() {
                match guard.release_user(&user).await {
                    Ok(released) => count += released,
                    Err(error) => return failed(&error),
                }
            }
            tracing::info!(count, "a user was released by hand");
            Ok(Said::Released { count })
        }
        Ask::Reports => return Said::Reports(Box::new(reports(&live, shared, around))),
        Ask::ForgetReports => {
            around.reports.forget(shared.clock.wall());
            return Said::Forgotten;
        }
        Ask::Reload => {
            return match shared.reloads.ask().await {
                Ok(()) => Said::Reloaded,
                Err(why) => Said::Failed { why },
            };
        }
        Ask::Revoke { name, reason } => return revoke(&live, &name, reason).await,
        Ask::ReleaseClient { client } => {
            let client = network(client);
            list.release(Release::Client(client)).await.map(|count| {
                tracing::info!(client.ip = %client, count, "released by hand");
                Said::Released { count }
            })
        }
    };
    done.unwrap_or_else(|error| failed(&error))
}

fn reports(live: &Live, shared: &Shared, around: &Surroundings) -> Reports {
    let sent = live.suit.headers().describe().iter();
    let policies =
        sent.filter(|header| header.name.as_str().starts_with("content-security-policy"));
    let told = |header: &HeaderInForce| {
        let name = header.name.to_string();
        (header.path.clone(), name, header.value.clone())
    };
    Reports {
        evidence: around.reports.evidence(shared.clock.wall()),
        policies: policies.map(told).collect(),
    }
}

async fn revoke(live: &Live, name: &str, reason: Reason) -> Said {
    let revoked = match &live.acme {
        Some(acme) => acme.revoke(name, reason).await,
        None => {
            return Said::Failed {
                why: "this gateway orders no certificates, and has none to revoke".to_owned(),
            };
        }
    };
    match revoked {
        Ok(()) => Said::Revoked,
        Err(failure) => Said::Failed {
            why: format!("{failure}\n{}", failure.advice),
        },
    }
}

/// Until when a certificate is valid.
fn end(info: &CertificateInfo) -> String {
    Date::from(info.not_after()).to_string()
}

pub(crate) async fn status(shared: &Shared, store: &Deferred) -> Status {
    let live = shared.live.load_full();
    let app = match &**shared.app.load() {
        AppState::Up(address) => format!("up at {address}"),
        AppState::Starting => "starting, or starting again".to_owned(),
    };
    let blocks = store.blocks(None, PAGE).await;
    let answers = if blocks.is_ok() {
        "answers"
    } else {
        "does not answer"
    };
    let certificates = live.tls.as_ref().map_or_else(Vec::new, |tls| {
        let ordered = live
            .acme
            .as_ref()
            .map_or_else(Vec::new, |acme| acme.states());
        let of_acme = |info: &CertificateInfo| {
            matches!(
                info.source(),
                CertificateSource::Acme | CertificateSource::Staging
            )
        };
        let others = tls.certificates().into_iter().filter(|info| !of_acme(info));
        let ordered = ordered.iter().map(|state| CertificateEntry {
            names: state.names.clone(),
            source: { state.certificate.as_ref() }
                .map_or(CertificateSource::Acme, CertificateInfo::source)
                .as_str()
                .to_owned(),
            valid_until: state.certificate.as_ref().map(end),
            standing: state.standing.to_string(),
        });
        let others = others.map(|info| CertificateEntry {
            names: info.names().to_vec(),
            source: info.source().as_str().to_owned(),
            valid_until: Some(end(&info)),
            standing: "in force".to_owned(),
        });
        ordered.chain(others).collect()
    });
    let warnings = live.tls.as_deref().map(crate::certificate_warnings);
    Status {
        app,
        store: answers.to_owned(),
        blocks: blocks.ok().map(|page| page.len()),
        certificates,
        warnings: warnings.unwrap_or_default(),
    }
}

fn failed(error: &StoreError) -> Said {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Said::Failed {
        why: format!("{error}{}", cause.unwrap_or_default()),
    }
}

/// What counts as one client: of IPv6 its /64.
fn network(client: IpAddr) -> IpAddr {
    ClientAddress::direct(SocketAddr::new(client, 0), Scheme::Http).network()
}
