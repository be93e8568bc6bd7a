//! Names that handshakes ask for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A hook that allows what begins with `good`, and notes each name.
fn hook(state: &TempDir) -> String {
    let path = state.path().join("hook");
    let log = log(state);
    let text = format!(
        "#!/bin/sh\necho \"$1\" >> {}\ncase $1 in good*) exit 0;; esac\nexit 1\n",
        log.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn log(state: &TempDir) -> PathBuf {
    state.path().join("asked")
}

fn asked(state: &TempDir) -> usize {
    let log = std::fs::read_to_string(log(state)).unwrap_or_default();
    log.lines().count()
}

fn on_demand(
    state: &TempDir,
    clock: &ManualClock,
    directory: &Arc<Scripted>,
    table: &str,
) -> Process {
    let config: AcmeConfig = toml::from_str(&format!("[on_demand]\n{table}")).unwrap();
    let issuers = std::slice::from_ref(directory);
    start_with(state, clock, issuers, &["shop.example"], config, None)
}

impl Process {
    /// A handshake asks for a name while somebody orders.
    async fn greet(&self, name: &str) {
        let order = async {
            loop {
                self.acme.wakes().await;
                self.acme.step().await;
            }
        };
        tokio::select! {
            () = self.acme.demand(name) => {}
            () = order => {}
        }
    }
}

#[tokio::test]
async fn what_the_hook_allows_is_ordered_once_and_nothing_else() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = [\"{}\"]", hook(&state));
    let process = on_demand(&state, &clock, &directory, &table);
    process.acme.step().await;
    assert_eq!(directory.count(), 1);
    for _ in 0..3 {
        process.greet("good.customer.example").await;
        process.greet("bad.customer.example").await;
    }
    assert!(process.left("good.customer.example", &clock).is_some());
    assert_eq!(process.left("bad.customer.example", &clock), None);
    assert_eq!((directory.count(), asked(&state)), (2, 2));
    assert_eq!(process.acme.states().len(), 2);
    // Who was refused may have become a customer since.
    clock.advance(Duration::from_mins(2));
    process.greet("bad.customer.example").await;
    assert_eq!((directory.count(), asked(&state)), (2, 3));

    // After a restart what is there is served without a question.
    let again = on_demand(&state, &clock, &directory, &table);
    assert_eq!(again.left("good.customer.example", &clock), None);
    again.greet("good.customer.example").await;
    assert!(again.left("good.customer.example", &clock).is_some());
    assert_eq!((directory.count(), asked(&state)), (2, 3));

    // Renewed as long as it is allowed.
    clock.advance(61 * DAY);
    again.acme.step().await;
    assert_eq!((directory.count(), asked(&state)), (4, 4));
}

#[tokio::test]
async fn a_no_at_the_renewal_is_not_the_last_word() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = [\"{}\"]", hook(&state));
    let process = on_demand(&state, &clock, &directory, &table);
    let name = "good.customer.example";
    process.greet(name).await;
    // The hook says no, then it is away: what is there is served on, and nothing is ordered.
    let refuses = || std::fs::write(state.path().join("hook"), "#!/bin/sh\nexit 1\n").unwrap();
    refuses();
    clock.advance(61 * DAY);
    process.acme.step().await;
    assert!(process.tls.covers(name));
    let states = process.acme.states();
    assert!(
        states[1].standing.to_string().contains("does not allow"),
        "{states:?}"
    );
    std::fs::remove_file(state.path().join("hook")).unwrap();
    for _ in 0..30 {
        clock.advance(Duration::from_hours(2));
        process.acme.step().await;
    }
    assert_eq!(process.acme.states().len(), 2);
    // Once it is back the certificate is renewed.
    hook(&state);
    let orders = directory.count();
    clock.advance(Duration::from_hours(2));
    process.acme.step().await;
    assert_eq!(directory.count(), orders + 1);
    assert!(process.left(name, &clock) > Some(89 * DAY));

    // Who is refused until the end is shown nothing any more, and may come back.
    refuses();
    clock.advance(91 * DAY);
    assert!(!process.tls.covers(name));
    process.acme.step().await;
    assert_eq!(process.acme.states().len(), 1);
    assert_eq!(process.left(name, &clock), None);
    hook(&state);
    clock.advance(Duration::from_mins(2));
    process.greet(name).await;
    assert!(process.left(name, &clock) > Some(89 * DAY));
}

#[tokio::test]
async fn nobody_is_asked_while_nothing_can_be_ordered() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = [\"{}\"]\norders_per_hour = 1", hook(&state));
    let process = on_demand(&state, &clock, &directory, &table);
    for name in ["good0.example", "good1.example", "good2.example"] {
        process.greet(name).await;
    }
    for _ in 0..30 {
        process.acme.step().await;
        clock.advance(Duration::from_secs(15));
    }
    process.greet("good3.example").await;
    assert_eq!((directory.count(), asked(&state)), (2, 2));
    clock.advance(Duration::from_hours(1));
    process.acme.step().await;
    assert_eq!((directory.count(), asked(&state)), (3, 3));
}

#[tokio::test]
async fn who_is_not_allowed_takes_nobodys_place() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = [\"{}\"]\nmost = 1", hook(&state));
    let process = on_demand(&state, &clock, &directory, &table);
    process.acme.step().await;
    lock(&directory.closed).extend([ChallengeKind::TlsAlpn01, ChallengeKind::Http01]);
    process.greet("good.example").await;
    for number in 0..3 {
        process.greet(&format!("bad{number}.example")).await;
    }
    let states = process.acme.states();
    assert_eq!(
        (states.len(), states[1].names[0].as_str()),
        (2, "good.example")
    );
}

#[tokio::test]
async fn an_hour_has_so_many_orders_whoever_restarts() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = [\"{}\"]\norders_per_hour = 3", hook(&state));
    let process = on_demand(&state, &clock, &directory, &table);
    process.acme.step().await;
    for number in 0..10 {
        process.greet(&format!("good{number}.example")).await;
    }
    assert_eq!(directory.count(), 1 + 3);
    let states = process.acme.states();
    let last = states.last().unwrap().standing.to_string();
    assert!(last.contains("orders_per_hour"), "{last}");
    let again = on_demand(&state, &clock, &directory, &table);
    again.greet("good9.example").await;
    assert_eq!(directory.count(), 1 + 3);
    clock.advance(Duration::from_hours(1));
    again.greet("good9.example").await;
    again.acme.step().await;
    assert_eq!(directory.count(), 1 + 4);
}

#[tokio::test]
async fn who_never_came_gives_way_and_who_is_served_does_not() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!(
        "allow = [\"{}\"]\nmost = 2\norders_per_hour = 100",
        hook(&state)
    );
    let process = on_demand(&state, &clock, &directory, &table);
    process.acme.step().await;
    let kinds = [ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
    lock(&directory.closed).extend(kinds);
    process.greet("good0.example").await;
    process.greet("good1.example").await;
    lock(&directory.closed).clear();
    process.greet("good2.example").await;
    process.greet("good3.example").await;
    process.greet("good4.example").await;
    let served: Vec<_> = (0..5)
        .filter(|number| {
            let name = format!("good{number}.example");
            process.left(&name, &clock).is_some()
        })
        .collect();
    assert_eq!(served, [2, 3]);
    assert_eq!(process.acme.states().len(), 1 + 2);
}

#[tokio::test]
async fn who_has_to_give_way_waits_for_nothing() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!(
        "allow = [\"{}\"]\nmost = 1\norders_per_hour = 100",
        hook(&state)
    );
    let process = on_demand(&state, &clock, &directory, &table);
    process.acme.step().await;
    // Three at once, of which one has room; nobody orders until all have asked.
    let [a, b, c] = [0, 1, 2].map(|number| format!("good{number}.example"));
    let ask = async {
        tokio::join!(
            process.acme.demand(&a),
            process.acme.demand(&b),
            process.acme.demand(&c)
        )
    };
    let order = async {
        process.acme.wakes().await;
        tokio::task::yield_now().await;
        process.acme.step().await
    };
    let both = async { tokio::join!(ask, order) };
    tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .unwrap();
    let served = |name: &&String| process.left(name, &clock).is_some();
    assert_eq!([&a, &b, &c].iter().filter(|name| served(name)).count(), 1);
}

#[tokio::test]
async fn the_hook_may_be_a_url() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let status = if line.contains("domain=good.") {
                204
            } else {
                404
            };
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            lines.push(line);
        }
        lines
    });
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let table = format!("allow = \"http://{address}/ours?key=1\"");
    let process = on_demand(&state, &clock, &directory, &table);
    process.greet("good.example").await;
    process.greet("bad.example").await;
    assert!(process.left("good.example", &clock).is_some());
    assert_eq!(process.left("bad.example", &clock), None);
    assert_eq!(
        server.join().unwrap(),
        ["good", "bad"].map(|name| format!("GET /ours?key=1&domain={name}.example HTTP/1.1\r\n"))
    );
    // Nobody is there any more: nothing is allowed.
    process.greet("good.other.example").await;
    assert_eq!(process.left("good.other.example", &clock), None);
}
