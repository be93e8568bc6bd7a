//! An upgrade where the store is far away and has much to tell.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use support::upgrade::Last;
use support::{App, Gateway, Redis, Verdicts, blocks, curl, test_app, text};

/// A way to a server on which answers take as many milliseconds as it says.
fn way_to(server: u16, takes: &Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let takes = Arc::clone(takes);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                continue;
            };
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            answers(server, client, Arc::clone(&takes));
        }
    });
    port
}

fn answers(mut server: TcpStream, mut client: TcpStream, takes: Arc<AtomicU64>) {
    let (arrived, arrivals) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut block = vec![0; 1 << 16];
        while let Ok(read @ 1..) = server.read(&mut block) {
            let takes = Duration::from_millis(takes.load(Ordering::Relaxed));
            let _ = arrived.send((Instant::now() + takes, block[..read].to_vec()));
        }
    });
    thread::spawn(move || {
        for (at, bytes) in arrivals {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let _ = client.write_all(&bytes);
        }
        let _ = client.shutdown(Shutdown::Both);
    });
}

/// Has as many more blocks made as the first of them.
const COPIES: &str = "local b = redis.call('KEYS', '*blocks')[1] \
    local root, id = string.sub(b, 1, -7), redis.call('ZRANGE', b, 0, 0)[1] \
    local note, record = redis.call('GET', root .. 'n' .. id), redis.call('GET', root .. 'c' .. id) \
    for number = 1, COUNT do \
    local other = struct.pack('>I4', number) .. string.sub(id, 5) \
    redis.call('ZADD', b, 0, other) \
    redis.call('SET', root .. 'n' .. other, note) \
    redis.call('SET', root .. 'c' .. other, record) end \
    return redis.status_reply('OK')";

#[test]
fn many_locks_at_a_distance_are_read_before_anybody_waits() {
    let redis = Redis::start();
    let takes = Arc::new(AtomicU64::new(0));
    let port = redis.url().rsplit(':').next().unwrap().parse().unwrap();
    let port = way_to(port, &takes);
    let app = App::start(&test_app("moody.mjs"));
    let config = format!(
        "[tls]\nmode = \"off\"\n[store]\nurl = \"redis://127.0.0.1:{port}\"\ndeadline = \"5s\"\n"
    );
    let gateway = Gateway::before(&app.origin(), &config);
    let state = gateway.dir.path().join("state");
    let blocked = ["203.0.113.9", "198.51.100.7"];
    let mut wrong = Verdicts::default();
    let first = blocks(&state, &["add", blocked[0]]);
    wrong.check(first.status.success(), || text(&first.stderr));
    // 20 pages of half a second are more than the time between two gateways.
    let copies = COPIES.replace("COUNT", "20000");
    redis.command(&format!("EVAL \"{copies}\" 0"));
    let listed = text(&blocks(&state, &["list"]).stdout).lines().count();
    wrong.check(listed > 20_000, || format!("{listed} blocks"));
    takes.store(500, Ordering::Relaxed);
    let last = Last::of(&gateway);
    let before = last.process();
    let (done, said) = last.upgrade();
    wrong.check(done, || said);
    takes.store(0, Ordering::Relaxed);
    wrong.check(last.process() != before, || "the same serves".to_owned());
    let page = curl("/dev/null".as_ref(), &[&gateway.url("/")]);
    wrong.equal("the page", page.status, 200);
    wrong.settle();
}
