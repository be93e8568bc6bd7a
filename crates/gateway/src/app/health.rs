//! Whether each instance of the app answers, looked at every two seconds; and whether one accepts connections again,
//! while requests wait for that.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::header::{HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri};
use panoply::Clock;
use panoply_core::{ClientAddress, Scheme};
use tokio::time::{sleep, timeout};

use super::instance::Instance;
use super::standing::Standing;
use super::state::AppState;
use super::upstream;
use crate::body::RequestBody;
use crate::proxy::{self, AppAddress, Choice, Failure, Pool, Reach, Upstream};
use crate::settings::{Live, Times};
use crate::shared::Shared;

/// How often it is looked at: one connection, which is used again where the app keeps it.
const EVERY: Duration = Duration::from_secs(2);

/// How long it may take to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// How many misses in a row make an app that was up one that is down.
const MISSES: u32 = 2;

/// How often it is tried, for all who wait, whether it accepts connections again.
const SOON: Duration = Duration::from_millis(100);

/// What the app is asked for to know that it is well, as a client would.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    path: PathAndQuery,
    host: HeaderValue,
    scheme: Scheme,
}

impl Health {
    /// Asks for `path` of the site that goes by the first of `names`.
    pub(crate) fn new(path: PathAndQuery, names: &[String], by_https: bool) -> Self {
        let mut exact = names.iter().filter(|name| !name.starts_with('*'));
        let host = exact.next().and_then(|name| name.parse().ok());
        Self {
            path,
            host: host.unwrap_or(HeaderValue::from_static("localhost")),
            scheme: if by_https {
                Scheme::Https
            } else {
                Scheme::Http
            },
        }
    }

    fn request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        *request.uri_mut() = Uri::from(self.path.clone());
        let agent = HeaderValue::from_static("panoply-health");
        request.headers_mut().insert(USER_AGENT, agent);
        request.headers_mut().insert(HOST, self.host.clone());
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let client = ClientAddress::direct(own, self.scheme);
        request.extensions_mut().insert(client);
        request
    }
}

/// Looks at all apps for as long as this is polled, and tells it to whoever asks; once each way to the log.
pub(super) async fn watch(shared: &Shared) {
    let each = |app| {
        let instances = Standing::instances(app).iter();
        instances.map(move |instance| watch_one(shared, app, instance))
    };
    let apps = shared.apps.iter().map(|app| &**app);
    join_all(apps.flat_map(each)).await;
}

async fn watch_one(shared: &Shared, app: &Standing, instance: &Instance) {
    let clock: Rc<dyn Clock> = Rc::new(Arc::clone(&shared.clock));
    let pool = Rc::new(Pool::new(clock, shared.descriptors.clone()));
    tokio::join!(
        look_again(shared, app, instance, &pool),
        knock_again(app, instance, &pool)
    );
}

async fn look_again(shared: &Shared, app: &Standing, instance: &Instance, pool: &Rc<Pool>) {
    let mut looker = Looker::default();
    loop {
        // What comes to its end has nothing more to say.
        if !shared.is_draining(shared.generation()) {
            looker.look(shared, app, instance, pool).await;
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = instance.is_elsewhere() => looker.misses = 0,
        }
    }
}

/// As often as that is wanted, which is while requests wait, or others have those of one that has just gone.
async fn knock_again(app: &Standing, instance: &Instance, pool: &Pool) {
    loop {
        tokio::select! {
            () = app.wanted() => {}
            () = instance.is_missed() => {}
        }
        let address = instance.load().address().cloned();
        // Who starts it says when it is there.
        if address.is_some() {
            pool.move_to(address.as_ref());
            if matches!(timeout(WITHIN, pool.knock()).await, Ok(Ok(()))) {
                instance.accepts();
            }
        }
        sleep(SOON).await;
    }
}

#[derive(Debug, Default)]
struct Looker {
    /// How many there were in a row.
    misses: u32,
    /// Whether the log has it that the app is down.
    told: bool,
    /// Where it was looked at.
    at: Option<AppAddress>,
}

impl Looker {
    async fn look(
        &mut self,
        shared: &Shared,
        app: &Standing,
        instance: &Instance,
        pool: &Rc<Pool>,
    ) {
        let Some(address) = instance.load().address().cloned() else {
            self.misses = 0;
            return;
        };
        self.come_to(&address);
        pool.sweep();
        pool.move_to(Some(&address));
        let live = shared.live.load_full();
        let seen = timeout(WITHIN, ask(app, pool, &live)).await;
        let seen = match seen {
            Err(_) => Err(format!("it does not answer within {WITHIN:?}")),
            // That is nothing that the app could help.
            Ok(Err(Failure::Descriptors(_))) => return,
            Ok(Err(failure)) => {
                if failure.may_pass() {
                    instance.is_away();
                }
                Err(why(&failure, &address))
            }
            Ok(Ok(status)) => {
                instance.accepts();
                if says_well(status) {
                    Ok(())
                } else {
                    Err(format!("it answers `app.health` with {}", status.as_u16()))
                }
            }
        };
        // It may have gone elsewhere meanwhile.
        if instance.load().address() == Some(&address) {
            self.note(instance, address, seen);
        }
    }

    /// What is told of one instance is nothing to another that has come to its place. One of ours moves when it is
    /// started again, and is the same.
    fn come_to(&mut self, address: &AppAddress) {
        let host = |at: &AppAddress| match at {
            AppAddress::Tcp(at) | AppAddress::Tls(at, ..) => Some(at.ip()),
            AppAddress::Unix(_) => None,
        };
        let before = self.at.replace(address.clone());
        if before.is_some_and(|before| host(&before) != host(address)) {
            (self.misses, self.told) = (0, false);
        }
    }

    fn note(&mut self, app: &Instance, address: AppAddress, seen: Result<(), String>) {
        let is_up = app.load().is_up();
        match seen {
            Ok(()) => {
                self.misses = 0;
                if !is_up {
                    app.set(AppState::Up(address.clone()));
                }
                if std::mem::take(&mut self.told) {
                    tracing::info!(%address, app = app.app(), instance = app.told(), "the app answers again");
                }
            }
            Err(why) => {
                self.misses = self.misses.saturating_add(1);
                let is_down = self.misses >= MISSES;
                if is_down && !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(%address, app = app.app(), instance = app.told(), "the app is down: {why}");
                }
                if is_down || !is_up {
                    app.set(AppState::Down(address, Some(why.into())));
                }
            }
        }
    }
}

/// Whether the app at which `pool` is answers as it should.
pub(super) async fn is_well(shared: &Shared, app: &Standing, pool: &Rc<Pool>) -> bool {
    let live = shared.live.load_full();
    let answer = timeout(WITHIN, ask(app, pool, &live)).await;
    matches!(answer, Ok(Ok(status)) if says_well(status))
}

fn says_well(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

/// What the app answers, which is that all is well where it only has to accept a connection.
async fn ask(app: &Standing, pool: &Rc<Pool>, live: &Live) -> Result<StatusCode, Failure> {
    let manner = live.manner(app.number());
    let Some(health) = &manner.health else {
        return pool.knock().await.map(|()| StatusCode::OK);
    };
    let upstream = Upstream {
        times: Times {
            response: WITHIN,
            stall: WITHIN,
        },
        by_path: false,
        h2c: manner.h2c,
        host: manner.host.clone(),
        placeholder: None,
        headers: live.suit.headers().clone(),
        reach: Reach::at_once(),
    };
    let mut asked = proxy::forward(Choice::only(pool), &upstream, health.request())?;
    let (answer, _) = poll_fn(|cx| asked.poll(cx, &upstream)).await;
    Ok(answer?.status())
}

/// What is wrong with it, and with its socket what to do about it.
fn why(failure: &Failure, address: &AppAddress) -> String {
    match (failure, address) {
        (Failure::Away(error), AppAddress::Unix(path)) => {
            let advice = upstream::advice(path, error.kind());
            advice.map_or_else(|| error.to_string(), str::to_owned)
        }
        (Failure::Away(error), AppAddress::Tcp(_) | AppAddress::Tls(..)) => {
            format!("it does not accept connections: {error}")
        }
        (failure, _) => failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn at(port: u16) -> AppAddress {
        AppAddress::Tcp(([127, 0, 0, 1], port).into())
    }

    #[test]
    fn two_misses_make_it_down_and_one_answer_up() {
        let app = Standing::new(&Metrics::new(), 0, &"".into(), 1);
        let app = &app.instances()[0];
        let mut looker = Looker::default();
        let mut note = |seen: Result<(), &str>| {
            looker.note(app, at(1), seen.map_err(str::to_owned));
            (app.load().word(), looker.told)
        };
        // Of one that was never up nobody says so.
        assert_eq!(note(Err("away")), ("down", false));
        assert_eq!(note(Err("away")), ("down", true));
        assert_eq!(note(Ok(())), ("up", false));
        assert_eq!(note(Err("away")), ("up", false));
        assert_eq!(note(Ok(())), ("up", false));
        assert_eq!(note(Err("away")), ("up", false));
        assert_eq!(note(Err("hangs")), ("down", true));
        let told = app.load().to_string();
        assert_eq!(told, "down at 127.0.0.1:1: hangs");
    }

    #[test]
    fn what_was_told_of_one_is_nothing_to_another_in_its_place() {
        let app = Standing::new(&Metrics::new(), 0, &"".into(), 2);
        let app = &app.instances()[0];
        let other = AppAddress::Tcp(([127, 0, 0, 2], 1).into());
        let mut looker = Looker::default();
        looker.come_to(&at(1));
        for _ in 0..MISSES {
            looker.note(app, at(1), Err("away".to_owned()));
        }
        assert!(looker.told);
        // It was started again, and has another port.
        looker.come_to(&at(2));
        assert!(looker.told);
        looker.come_to(&other);
        assert!(!looker.told && looker.misses == 0);
    }

    #[test]
    fn it_is_asked_as_a_client_of_the_site_would() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let asked = |domains: &[&str], by_https| {
            let path = PathAndQuery::from_static("/healthz?deep=1");
            let request = Health::new(path, &names(domains), by_https).request();
            let client: &ClientAddress = request.extensions().get().unwrap();
            assert_eq!(request.uri(), "/healthz?deep=1");
            let host = request.headers()[HOST].to_str().unwrap().to_owned();
            (host, client.is_https())
        };
        let shop = asked(&["*.shop.example", "shop.example"], true);
        assert_eq!(shop, ("shop.example".to_owned(), true));
        assert_eq!(asked(&[], false), ("localhost".to_owned(), false));
    }
}
