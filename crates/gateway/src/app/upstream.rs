//! An app that somebody else runs, in one instance or several.

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures_util::future::join_all;
use panoply_tls::AppTls;

use super::exposed;
use super::instance::Instance;
use super::places::{Places, of_one_kind};
use super::state::{AppState, Rank};
use crate::config::Upstream;
use crate::here;
use crate::proxy::{AppAddress, mark};

/// Where the gateway itself listens.
type Listeners = [Option<SocketAddr>; 3];

/// How often a name is looked up again: containers move.
const AGAIN: Duration = Duration::from_secs(10);

/// Finds where the `instances` are that `upstream` names, and keeps that up to date, for as long as the gateway runs.
///
/// A name that leads to one of the gateway's own `listeners` leads to no app.
pub(crate) async fn follow(
    instances: &[Instance],
    upstream: &Upstream,
    tls: Option<Arc<AppTls>>,
    listeners: Listeners,
) {
    match (upstream, instances) {
        (Upstream::Unix(path), [one]) => {
            is_at(one, upstream, AppAddress::Unix(Arc::clone(path)));
        }
        (Upstream::Tcp { host, port, .. }, [one]) => {
            follow_name(one, upstream, (host, *port), tls, listeners).await;
        }
        (Upstream::Tcp { host, port, .. }, several) => {
            follow_all(several, upstream, (host, *port), tls, listeners).await;
        }
        // A socket is one.
        (Upstream::Unix(_), _) => {}
    }
}

/// The same of a name that has an address for each instance.
async fn follow_all(
    instances: &[Instance],
    upstream: &Upstream,
    (host, port): (&str, u16),
    tls: Option<Arc<AppTls>>,
    listeners: Listeners,
) {
    let mut places = Places::new(instances.len());
    let (mut changes, mut known_left, mut is_lost) = (0, 0, false);
    let at = |address, changes| by(tls.as_ref(), address, changes);
    loop {
        match look_up((host, port), listeners).await {
            Ok(found) => {
                if std::mem::take(&mut is_lost) {
                    tracing::info!(%upstream, "the app is found by its name again");
                }
                // Where no one accepts connections any more, the other kind may.
                let serves = |number| {
                    let instance = instances.get(number);
                    instance.is_some_and(|one: &Instance| one.rank() != Rank::Away)
                };
                let in_use = places.taken().find(|(number, _)| serves(*number));
                let keeps = in_use.map(|(_, address)| address.is_ipv4());
                let found = of_one_kind(found, keeps, any_accepts).await;
                let (moved, left) = places.update(&found);
                for (number, address) in moved {
                    match (instances.get(number), address) {
                        (Some(instance), Some(address)) => {
                            instance.set_mark(mark(address.ip()));
                            is_at(instance, upstream, at(address, changes));
                        }
                        (Some(instance), None) => leaves(instance, upstream),
                        (None, _) => {}
                    }
                }
                if left > 0 && known_left != left {
                    let (all, used) = (found.len(), instances.len());
                    tracing::warn!(
                        %upstream,
                        "the name has {all} addresses, of which {used} are used: write more for `app.instances`, 64 at most"
                    );
                }
                known_left = left;
            }
            Err(error) => {
                instances.iter().for_each(Instance::fails);
                if !std::mem::replace(&mut is_lost, true) {
                    tracing::warn!(%upstream, %error, "the app is not found by its name");
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
        if tls.as_deref().is_some_and(look_again) {
            changes += 1;
            for (number, address) in places.taken() {
                if let Some(instance) = instances.get(number) {
                    is_at(instance, upstream, at(address, changes));
                }
            }
        }
    }
}

/// Follows the one instance of a name.
async fn follow_name(
    instance: &Instance,
    upstream: &Upstream,
    (host, port): (&str, u16),
    tls: Option<Arc<AppTls>>,
    listeners: Listeners,
) {
    let fixed = host.parse::<std::net::IpAddr>().is_ok();
    let mut known: Option<SocketAddr> = None;
    let mut changes = 0;
    let mut is_lost = false;
    let at = |address, changes| by(tls.as_ref(), address, changes);
    loop {
        let found = match known.filter(|_| fixed) {
            Some(known) => Ok(known),
            None => find((host, port), known, listeners).await,
        };
        match found {
            Ok(address) => {
                let was_lost = std::mem::take(&mut is_lost);
                if known.replace(address) == Some(address) {
                    if was_lost {
                        tracing::info!(%upstream, %address, "the app is found by its name again");
                    }
                } else {
                    is_at(instance, upstream, at(address, changes));
                    if address.ip().is_loopback() {
                        exposed::warn(address.port());
                    }
                }
            }
            Err(error) => {
                instance.fails();
                // A machine that is off for a night is not news every ten seconds.
                if !std::mem::replace(&mut is_lost, true) {
                    tracing::warn!(%upstream, %error, "the app is not found by its name");
                }
            }
        }
        if fixed && known.is_some() && tls.is_none() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
        if tls.as_deref().is_some_and(look_again) {
            changes += 1;
            // As if it had moved: connections that were made by other files are given up.
            if let Some(address) = known {
                is_at(instance, upstream, at(address, changes));
            }
        }
    }
}

/// An address as it is spoken to, after its files have changed so many times.
fn by(tls: Option<&Arc<AppTls>>, address: SocketAddr, changes: u64) -> AppAddress {
    match tls {
        Some(tls) => AppAddress::Tls(address, Arc::clone(tls), changes),
        None => AppAddress::Tcp(address),
    }
}

/// At the files by which the app is known, and the gateway by it; whether they have changed.
fn look_again(tls: &AppTls) -> bool {
    match tls.refresh() {
        Ok(true) => {
            tracing::info!("the app is known by what its files have now (`tls.app`)");
            true
        }
        Ok(false) => false,
        Err(error) => {
            tracing::error!(%error, "the app is known by what its files had before");
            false
        }
    }
}

/// The name has no address for it any more, or never had one.
fn leaves(instance: &Instance, upstream: &Upstream) {
    if let Some(address) = instance.load().address() {
        tracing::info!(%upstream, %address, app = instance.app(), instance = instance.told(), "the app is not there any more");
    }
    instance.set(AppState::Vacant);
}

fn is_at(instance: &Instance, upstream: &Upstream, address: AppAddress) {
    tracing::info!(%upstream, %address, app = instance.app(), instance = instance.told(), "the app is at");
    instance.moved(address);
}

/// What is to be done about a socket that could not be used; nothing if it is there, and has much to do.
pub(super) fn advice(path: &Path, kind: io::ErrorKind) -> Option<&'static str> {
    let is_another = fs::metadata(path).is_ok_and(|about| !about.file_type().is_socket());
    Some(match kind {
        io::ErrorKind::WouldBlock => return None,
        _ if is_another => {
            "what is there is no socket, but a file or a directory: `app.upstream` has to name the socket itself"
        }
        io::ErrorKind::PermissionDenied => {
            "the gateway may not write to it: have the app make it for a group that the gateway's user is in, such as \
             by a umask of 007"
        }
        io::ErrorKind::NotFound => "the app has not made it yet, or makes another one",
        _ => "the app does not accept connections there",
    })
}

/// All addresses of a name that are not the gateway's own.
async fn look_up(name: (&str, u16), listeners: Listeners) -> io::Result<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host(name).await?;
    let mut found: Vec<SocketAddr> = found.collect();
    let is_here = |to: &SocketAddr| listeners.iter().flatten().any(|at| here::meets(*at, *to));
    if !found.is_empty() && found.iter().all(is_here) {
        return Err(io::Error::other(
            "it leads to where the gateway itself listens, and requests would go in a circle",
        ));
    }
    found.retain(|to| !is_here(to));
    Ok(found)
}

/// Whether one of the first few does.
async fn any_accepts(some: &[SocketAddr]) -> bool {
    let dials = some.iter().take(3).map(accepts);
    join_all(dials).await.contains(&true)
}

async fn accepts(address: &SocketAddr) -> bool {
    let dial = tokio::net::TcpStream::connect(address);
    matches!(
        tokio::time::timeout(Duration::from_secs(1), dial).await,
        Ok(Ok(_))
    )
}

/// The one that is asked.
async fn find(
    name: (&str, u16),
    known: Option<SocketAddr>,
    listeners: Listeners,
) -> io::Result<SocketAddr> {
    let mut found = look_up(name, listeners).await?;
    if let Some(known) = known.filter(|known| found.contains(known)) {
        return Ok(known);
    }
    // The first that accepts: `localhost` may be either of two.
    for address in &found {
        if accepts(address).await {
            return Ok(*address);
        }
    }
    found
        .drain(..)
        .next()
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_back_here_leads_to_no_app() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = |address: &str| Some(SocketAddr::new(address.parse().unwrap(), port));
        let find = async |listeners| find(("localhost", port), None, listeners).await;
        let found = find([at("198.51.100.7"), None, None]).await.unwrap();
        assert_eq!(found.port(), port);
        let error = find([None, at("::"), None]).await.unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_not_found_is_waited_for_by_nobody() {
        let app = crate::app::Standing::new(&crate::metrics::Metrics::new(), 0, &"".into(), 2);
        let [one, other] = app.instances() else {
            panic!("two")
        };
        other.found(AppAddress::Tcp(([127, 0, 0, 1], 1).into()), true);
        assert!(!app.has(1));
        // No server is asked for what cannot be a name.
        let upstream = "http://a..b:1".parse().unwrap();
        let follow = follow(std::slice::from_ref(one), &upstream, None, [None; 3]);
        assert!(tokio::time::timeout(AGAIN * 2, follow).await.is_err());
        assert!(app.has(1));
    }

    #[tokio::test]
    async fn what_is_no_socket_is_told_from_one_that_nobody_listens_at() {
        let folder = tempfile::tempdir().unwrap();
        let [file, left, missing] =
            ["file", "left", "missing"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
        for (path, said) in [
            (folder.path(), "no socket"),
            (&file, "no socket"),
            (&left, "does not accept"),
            (&missing, "has not made it"),
        ] {
            let error = UnixStream::connect(path).await.unwrap_err();
            let advice = advice(path, error.kind()).unwrap_or_default();
            assert!(
                advice.contains(said),
                "{}: {error}: {advice}",
                path.display()
            );
        }
        assert_eq!(advice(&left, io::ErrorKind::WouldBlock), None);
    }
}
