//! The gateway's end of the socket: one line of JSON in, one out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use panoply_acme::Reason;
use panoply_core::{BlockId, CounterStore as _, Release, StoreError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::decision::with_ops;
use super::message::{Ask, BlockEntry, LONGEST, PAGE, Said};
use super::reports::reports;
use super::socket::Socket;
use super::status::{status, whole};
use super::{PATIENCE, blocks, challenge};
use crate::app::Standing;
use crate::descriptors::Once;
use crate::settings::Live;
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// Where a request for an upgrade is answered: the process that has taken over, or why none has.
pub(crate) type Asker = oneshot::Sender<Result<u32, String>>;

/// What answers are made of.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) around: Surroundings,
    pub(crate) upgrades: mpsc::Sender<Asker>,
    /// Closed once there is no desk any more.
    pub(crate) _open: watch::Receiver<()>,
}

/// Answers for as long as this is polled.
pub(crate) async fn serve(socket: &Socket, desk: &Desk) {
    for stream in socket.waiting() {
        attend(stream, desk, true);
    }
    // Whoever may not have a descriptor for it now may have one soon.
    let mut trouble = Once::default();
    let listener = loop {
        match { socket.listener.try_clone() }.and_then(UnixListener::from_std) {
            Ok(listener) => break listener,
            Err(error) => unanswered(&error, &mut trouble).await,
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                trouble.is_over();
                attend(stream, desk, false);
            }
            Err(error) => unanswered(&error, &mut trouble).await,
        }
    }
}

async fn unanswered(error: &io::Error, trouble: &mut Once) {
    if trouble.begins() {
        tracing::error!(%error, "the control socket cannot be answered for now");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Answers one who has come, and may have `waited` since before this gateway was the one.
fn attend(stream: UnixStream, desk: &Desk, waited: bool) {
    let desk = desk.clone();
    tokio::task::spawn_local(async move {
        let answered = tokio::time::timeout(PATIENCE, exchange(stream, &desk, waited));
        if let Ok(Err(error)) = answered.await {
            tracing::debug!(%error, "a control connection ended early");
        }
    });
}

async fn exchange(mut stream: UnixStream, desk: &Desk, waited: bool) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST))
        .read_line(&mut line)
        .await?;
    let said = match serde_json::from_str(&line) {
        // That was said to another gateway, and may have come about.
        Ok(Ask::Upgrade | Ask::Restart | Ask::RestartOf { .. }) if waited => Said::Failed {
            why:
                "one gateway was just taking over from another: `panoply status` says which serves"
                    .to_owned(),
        },
        Ok(ask) => answer(ask, desk).await,
        Err(error) => Said::Failed {
            why: format!("this gateway does not know what is asked: {error}"),
        },
    };
    let mut bytes = serde_json::to_vec(&said)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}

async fn answer(ask: Ask, desk: &Desk) -> Said {
    let (shared, around) = (&*desk.shared, &desk.around);
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
        Ask::Pulse if shared.round().await => return Said::Alive,
        Ask::Pulse => return Said::Stuck,
        Ask::Upgrade => return upgrade(desk).await,
        Ask::Decide { ops } => {
            let decided = match with_ops(&ops, |ops| store.decide(ops)) {
                Ok(decided) => decided.await,
                Err(error) => Err(error),
            };
            decided.map(|decision| Said::Decided(Box::new((&decision).into())))
        }
        Ask::List { after } => match after.as_deref().map(parsed).transpose() {
            Ok(after) => {
                let page = store.blocks(after, PAGE).await;
                page.map(|page| Said::Blocks(page.iter().map(BlockEntry::from).collect()))
            }
            Err(why) => return Said::Failed { why },
        },
        Ask::Add { client, seconds } => {
            let client = blocks::client(&live, client);
            return blocks::add(&live, client, seconds).await;
        }
        Ask::AddNetwork { network, seconds } => {
            return blocks::add_network(&live, &network, seconds).await;
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
            for guard in live.suit.guards() {
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
            if around.reports.forget(shared.clock.wall()) {
                return Said::Forgotten;
            }
            let why = "another gateway is taking over: ask again in a moment".to_owned();
            return Said::Failed { why };
        }
        Ask::PassOn { reports } => {
            around.reports.note_all(&reports, shared.clock.wall());
            return Said::Noted;
        }
        Ask::Reload => {
            return match shared.reloads.ask().await {
                Ok(()) => Said::Reloaded,
                Err(why) => Said::Failed { why },
            };
        }
        Ask::Restart => return restart(shared, None).await,
        Ask::RestartOf { app } => return restart(shared, Some(app)).await,
        Ask::Revoke { name, reason } => return revoke(&live, &name, reason).await,
        Ask::ReleaseClient { client } => {
            let client = blocks::client(&live, client);
            return blocks::release_client(list, client).await;
        }
        Ask::ReleaseNetwork { network } => return blocks::release_network(&live, &network).await,
        Ask::BeginMaintenance { seconds } => blocks::close(list, seconds).await,
        Ask::EndMaintenance => blocks::open(list).await,
        Ask::BeginChallenge { seconds } => challenge::begin(list, seconds).await,
        Ask::EndChallenge => challenge::end(list).await,
        Ask::Challenge => return challenge::standing(&live),
    };
    done.unwrap_or_else(|error| failed(&error))
}

async fn restart(shared: &Shared, app: Option<String>) -> Said {
    let meant = |one: &&Arc<Standing>| app.as_deref().is_none_or(|app| app == one.label());
    let meant = shared.apps.iter().filter(meant);
    let all = meant.map(|app| app.instances().len()).sum();
    match shared.restarts.ask_for(app, all).await {
        Ok(process) => Said::Restarted { process },
        Err(why) => Said::Failed { why },
    }
}

async fn upgrade(desk: &Desk) -> Said {
    let (asker, answer) = oneshot::channel();
    let sent = desk.upgrades.try_send(asker);
    match answer.await {
        Ok(Ok(process)) => Said::Upgraded { process },
        Ok(Err(why)) => Said::Failed { why },
        Err(_) if matches!(sent, Err(TrySendError::Full(_))) => Said::Failed {
            why: "too many ask for an upgrade at once: one is under way already".to_owned(),
        },
        Err(_) => Said::Failed {
            why: "the gateway that was asked is ending: `panoply status` says who serves"
                .to_owned(),
        },
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

pub(super) fn failed(error: &StoreError) -> Said {
    Said::Failed { why: whole(error) }
}
