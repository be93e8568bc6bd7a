//! Sessions, beside express-session, cookie-session and tower-sessions.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use panoply_cookies::{KeyRing, Sealer};
use panoply_sessions::{Session, SessionConfig, Sessions};
use panoply_store_memory::MemorySessionStore;
use panoply_store_redis::RedisStore;
use serde_json::Value;
use tower::{Layer as _, Service, service_fn};
use tower_sessions::{MemoryStore, Session as TowerSession, SessionManagerLayer};

use super::{middle, optimised, replace_section};
use crate::redis_server::RedisServer;

/// Where the section of the page begins.
const TITLE: &str = "## Sessions";

const SESSIONS: u32 = 1000;
const CALLS: u32 = 300_000;
/// What goes to Redis or to Node, which take longer.
const FEWER: u32 = 100_000;
const ROUNDS: usize = 5;
/// Requests under way at once, where a store is asked over a socket.
const AT_ONCE: u32 = 64;

type Answer = Result<Response<Bytes>, Infallible>;

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Makes,
    Reads,
    Writes,
}

/// What it does is in the path.
fn does<B>(request: &Request<B>) -> Does {
    match request.uri().path() {
        "/make" => Does::Makes,
        "/read" => Does::Reads,
        _ => Does::Writes,
    }
}

/// Requests a second.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    read: f64,
    write: f64,
}

/// Measures, prints and writes its section of `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        return optimised("sessions");
    }
    let redis = RedisServer::start(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    // Before and behind: a neighbour who comes for a while disturbs one of them only.
    let before = node(&redis.url())?;
    let rows = runtime.block_on(local.run_until(ours(redis.url())))?;
    let behind = node(&redis.url())?;
    write(&rows, &[before, behind])
}

/// The rates of each, and of the same handler without sessions.
async fn ours(redis: String) -> Result<Vec<(&'static str, Rates)>> {
    let bare = service_fn(|_: Request<()>| async { Answer::Ok(Response::new(Bytes::new())) });
    let memory = Sessions::server_side(Arc::new(MemorySessionStore::default()))?;
    let memory = memory.layer().layer(service_fn(handle));
    let keys = Sealer::new(&KeyRing::random()?, "bench");
    let sealed = SessionConfig::new().build_sealed(Arc::new(keys))?;
    let sealed = sealed.layer().layer(service_fn(handle));
    let tower = SessionManagerLayer::new(MemoryStore::default()).layer(service_fn(handle_tower));
    let store = RedisStore::builder(redis).connect().await?;
    let redis = SessionConfig::new().build(Arc::new(store.sessions()))?;
    let redis = redis.layer().layer(service_fn(handle));
    let mut all: [Vec<Rates>; 4] = Default::default();
    let cookies = (
        Rc::new(made(&memory).await?),
        Rc::new(made(&sealed).await?),
        Rc::new(made(&tower).await?),
        Rc::new(made(&redis).await?),
    );
    let none = Rc::new(vec![HeaderValue::from_static("a=b"); SESSIONS as usize]);
    for round in 0..=ROUNDS {
        let rates = [
            both(&bare, &none, CALLS, 1).await?,
            both(&memory, &cookies.0, CALLS, 1).await?,
            both(&tower, &cookies.2, CALLS, 1).await?,
            both(&sealed, &cookies.1, CALLS, 1).await?,
        ];
        // The first round is for warming up.
        if round > 0 {
            for (all, rates) in all.iter_mut().zip(rates) {
                all.push(rates);
            }
        }
    }
    let names = [
        "bare",
        "panoply, in memory",
        "tower-sessions, in memory",
        "panoply, sealed",
    ];
    let mut rows: Vec<_> = names
        .into_iter()
        .zip(all.iter().map(|all| median(all)))
        .collect();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        rounds.push(both(&redis, &cookies.3, FEWER, AT_ONCE).await?);
    }
    rows.push(("panoply, in Redis", median(&rounds)));
    Ok(rows)
}

fn median(rounds: &[Rates]) -> Rates {
    let middle = |of: fn(&Rates) -> f64| middle(rounds.iter().map(of));
    Rates {
        read: middle(|rates| rates.read),
        write: middle(|rates| rates.write),
    }
}

async fn handle(request: Request<()>) -> Answer {
    let does = does(&request);
    if let Some(session) = request.extensions().get::<Session>() {
        // What goes wrong is found by the count of the answers.
        let views: Option<u64> = session.get("views").await.ok().flatten();
        let done = match does {
            Does::Makes => {
                session.insert("user", "ada").await.ok();
                session.insert("views", &1).await.is_ok()
            }
            Does::Reads => views.is_some(),
            Does::Writes => session
                .insert("views", &(views.unwrap_or(0) + 1))
                .await
                .is_ok(),
        };
        return Ok(answer(done));
    }
    Ok(answer(false))
}

async fn handle_tower(request: Request<()>) -> Answer {
    let does = does(&request);
    if let Some(session) = request.extensions().get::<TowerSession>() {
        let views: Option<u64> = session.get("views").await.ok().flatten();
        let done = match does {
            Does::Makes => {
                session.insert("user", "ada").await.ok();
                session.insert("views", 1).await.is_ok()
            }
            Does::Reads => views.is_some(),
            Does::Writes => session
                .insert("views", views.unwrap_or(0) + 1)
                .await
                .is_ok(),
        };
        return Ok(answer(done));
    }
    Ok(answer(false))
}

fn answer(done: bool) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    if !done {
        *answer.status_mut() = http::StatusCode::IM_A_TEAPOT;
    }
    answer
}

fn request(path: &'static str, cookie: Option<&HeaderValue>) -> Result<Request<()>> {
    let mut request = Request::builder().uri(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    Ok(request.body(())?)
}

/// A thousand sessions; their cookies.
async fn made<S>(service: &S) -> Result<Vec<HeaderValue>>
where
    S: Service<Request<()>, Response = Response<Bytes>> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut cookies = Vec::new();
    for _ in 0..SESSIONS {
        let asked = service.clone().call(request("/make", None)?).await;
        let answer = asked.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        ensure!(answer.status().is_success(), "a session could not be made");
        let cookie = answer
            .headers()
            .get(SET_COOKIE)
            .context("no cookie was set")?;
        let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
        cookies.push(HeaderValue::from_str(pair)?);
    }
    Ok(cookies)
}

async fn both<S>(
    service: &S,
    cookies: &Rc<Vec<HeaderValue>>,
    calls: u32,
    at_once: u32,
) -> Result<Rates>
where
    S: Service<Request<()>, Response = Response<Bytes>> + Clone + 'static,
    S::Error: std::fmt::Debug,
{
    Ok(Rates {
        read: rate(service, "/read", cookies, calls, at_once).await?,
        write: rate(service, "/write", cookies, calls, at_once).await?,
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn rate<S>(
    service: &S,
    path: &'static str,
    cookies: &Rc<Vec<HeaderValue>>,
    calls: u32,
    at_once: u32,
) -> Result<f64>
where
    S: Service<Request<()>, Response = Response<Bytes>> + Clone + 'static,
    S::Error: std::fmt::Debug,
{
    let next = Rc::new(Cell::new(0_u32));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (mut service, cookies, next) = (service.clone(), Rc::clone(cookies), Rc::clone(&next));
        tasks.spawn_local(async move {
            while next.get() < calls {
                let number = next.replace(next.get() + 1);
                let cookie = cookies.get(number as usize % cookies.len());
                let asked = service.call(request(path, cookie)?).await;
                let answer = asked.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                ensure!(answer.status().is_success(), "{path} found no session");
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(f64::from(calls) / start.elapsed().as_secs_f64())
}

fn node(redis: &str) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let packages = [
        "express-session@1.19.0",
        "cookie-session@2.1.1",
        "connect-redis@9.0.0",
        "redis@6.3.1",
    ];
    super::limits::npm(folder.path(), &packages)?;
    let script = folder.path().join("sessions.mjs");
    std::fs::write(&script, include_str!("sessions.mjs"))?;
    let mut command = Command::new("node");
    command
        .arg(&script)
        .args([redis, &FEWER.to_string()])
        .env("NODE_ENV", "production");
    super::limits::told(&mut command)
}

fn write(rows: &[(&'static str, Rates)], node: &[Value]) -> Result<()> {
    let ours = |name: &str| {
        let found = rows.iter().find(|(known, _)| *known == name);
        found.map(|(_, rates)| *rates).unwrap_or_default()
    };
    let theirs = |name: &str| {
        // The better of its runs, as the figures of ours are not the worst.
        let number = |what: &str| {
            let numbers = node
                .iter()
                .filter_map(|run| run.get(name)?.get(what)?.as_f64());
            numbers.fold(0.0, f64::max)
        };
        Rates {
            read: number("read"),
            write: number("write"),
        }
    };
    let bare = ours("bare");
    let mut section = format!(
        "{TITLE}\n\nMade by `cargo xtask bench sessions`: a request through the layer and a handler \
         that reads a value, or raises it by one; no server and no connection around it, in Node \
         neither; {SESSIONS} sessions in turn. In Rust one thread, medians of {ROUNDS} rounds of \
         {} thousand in which all take turns; what a request costs without sessions is taken off in \
         the columns of nanoseconds. In Node the better of two runs, before and behind. Redis on the same machine, {AT_ONCE} requests at once.\n\n\
         | | reads/s | writes/s | added to a read | added to a write |\n|---|---|---|---|---|\n",
        CALLS / 1000,
    );
    let mut row = |name: &str, rates: Rates, added: bool| {
        let nanos = |rate: f64, bare: f64| {
            let added = added.then(|| format!("{:.0} ns", 1e9 / rate - 1e9 / bare));
            added.unwrap_or_default()
        };
        let _ = writeln!(
            section,
            "| {name} | {:.0} k | {:.0} k | {} | {} |",
            rates.read / 1e3,
            rates.write / 1e3,
            nanos(rates.read, bare.read),
            nanos(rates.write, bare.write),
        );
    };
    row("panoply, in memory", ours("panoply, in memory"), true);
    row(
        "tower-sessions 0.15, in memory",
        ours("tower-sessions, in memory"),
        true,
    );
    row("express-session 1.19, in memory", theirs("memory"), false);
    row(
        "panoply, sealed into the cookie",
        ours("panoply, sealed"),
        true,
    );
    row("cookie-session 2.1.1, signed", theirs("sealed"), false);
    row("panoply, in Redis", ours("panoply, in Redis"), false);
    row(
        "express-session with connect-redis 9.0",
        theirs("redis"),
        false,
    );
    print!("{section}");
    replace_section(TITLE, &section)
}
