//! A gateway that is killed at random moments, under load: what it has acknowledged is there when it is
//! back. `PANOPLY_KILLS=200` kills it more often than a gate needs.

use super::support;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use support::siege::{connect_from, write_down};
use support::{App, Gateway, test_app, text};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// Who guesses at once.
const GUESSERS: usize = 4;

/// What one user's guesses were answered.
#[derive(Debug, Default, Clone)]
struct Told {
    /// Where its guesses come from: no other user's do, or the client would be what is blocked.
    from: Option<Ipv4Addr>,
    wrong: u64,
    locked: bool,
}

/// What the gateway has acknowledged since it was last looked after.
#[derive(Debug, Default)]
struct Acknowledged {
    users: Mutex<HashMap<String, Told>>,
    blocks: Mutex<Vec<String>>,
}

/// The status of an answer to one guess; nothing when the gateway has gone.
fn guess(address: &str, user: &str, from: Ipv4Addr) -> Option<u16> {
    let body = format!("username={user}&password=wrong");
    let mut stream = connect_from(from, address).ok()?;
    let length = body.len();
    let sent = write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    sent.ok()?;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    text(&said).get(9..12)?.parse().ok()
}

fn blocks(state: &Path, arguments: &[&str]) -> Option<String> {
    let output = support::blocks(state, arguments);
    output.status.success().then(|| text(&output.stdout))
}

/// How many passwords for `user` the app has seen.
fn shown(app: &App, user: &str) -> u64 {
    let url = format!("{}/shown?user={user}", app.origin());
    let answer = support::curl(Path::new("/dev/null"), &[&url]);
    answer.text().parse().unwrap()
}

/// Guesses and blocks until it is killed.
fn load(gateway: &Gateway, state: &Path, round: usize, told: &Acknowledged, pause: Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for guesser in 0..GUESSERS {
            let over = &over;
            scope.spawn(move || {
                for number in 0.. {
                    let user = format!("r{round}-{guesser}-{number}");
                    let [low, high] = [round, number].map(|n| u8::try_from(n % 250 + 1).unwrap());
                    let from = Ipv4Addr::new(127, 10 + u8::try_from(guesser).unwrap(), low, high);
                    loop {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        let status = guess(gateway.address(), &user, from);
                        let mut users = told.users.lock().unwrap();
                        let one = users.entry(user.clone()).or_default();
                        one.from = Some(from);
                        match status {
                            Some(401) => one.wrong += 1,
                            Some(429) => {
                                one.locked = true;
                                break;
                            }
                            Some(other) => panic!("{user}: {other}"),
                            None => return,
                        }
                    }
                }
            });
        }
        let over = &over;
        scope.spawn(move || {
            for number in 0..250 {
                let address = format!("10.{}.{}.{number}", round / 250, round % 250);
                if over.load(Ordering::Relaxed) || blocks(state, &["add", &address]).is_none() {
                    return;
                }
                told.blocks.lock().unwrap().push(address);
            }
        });
        thread::sleep(pause);
        gateway.process.signal(Signal::KILL);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let kills: usize = std::env::var("PANOPLY_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let app = App::start(&test_app("logins.mjs"));
    let random = RandomState::new();
    let folder = tempfile::tempdir().unwrap();
    let (mut users, mut wrong, mut locks) = (0, 0, 0);
    let mut told = Acknowledged::default();
    let mut all_blocks: Vec<String> = Vec::new();
    for round in 0..=kills {
        let gateway = Gateway::setup()
            .state_in(&folder.path().join("state"))
            .config(PLAIN)
            .upstream(&app.origin())
            .start();
        let state = folder.path().join("state");
        let listed = blocks(&state, &["list"]).unwrap();
        all_blocks.append(told.blocks.get_mut().unwrap());
        for address in &all_blocks {
            assert!(
                listed.contains(address.as_str()),
                "the block of {address} is lost after {round} kills"
            );
        }
        for (user, one) in std::mem::take(told.users.get_mut().unwrap()) {
            let again = || guess(gateway.address(), &user, one.from.unwrap()).unwrap();
            let mut status = again();
            assert!(
                !one.locked || status == 429,
                "{user} was locked, and is answered {status}"
            );
            for _ in 0..11 {
                if status == 429 {
                    break;
                }
                status = again();
            }
            assert_eq!(status, 429, "{user} is never locked");
            let seen = shown(&app, &user);
            assert!(
                seen <= 10 && seen >= one.wrong,
                "{user}: {seen} guesses reached the app, {one:?}"
            );
            users += 1;
            wrong += one.wrong;
            locks += u64::from(one.locked);
        }
        if round < kills {
            let pause = Duration::from_millis(10 + random.hash_one(round) % 400);
            load(&gateway, &state, round, &told, pause);
        }
    }
    let blocked = all_blocks.len();
    assert!(
        wrong > 10 && locks > 0 && blocked > 0,
        "{wrong} {locks} {blocked}"
    );
    write_down(&format!(
        "| killed {kills} times under load | {wrong} counted guesses at {users} users, {locks} locks and \
         {blocked} blocks were acknowledged | none lost |"
    ));
}
