//! Single paths of a request, each called so many times in [`measured`], which is all that callgrind
//! counts.
//!
//! Whatever varies from call to call does so by the number of the call, so that two runs do the same.

pub(crate) mod cookies;
pub(crate) mod layers;
mod logins;
pub(crate) mod sessions;
mod suit;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

/// One call with its number; whether it went as it should.
pub(crate) type Path = Box<dyn FnMut(u32) -> bool>;

/// A path's name, and what makes it.
type Named = (&'static str, fn() -> Result<Path>);

/// All that `budget.toml` holds.
const ALL: [Named; 21] = [
    ("headers", layers::headers),
    ("headers-path", layers::headers_by_path),
    ("client", layers::client),
    ("client-direct", layers::client_direct),
    ("counter", layers::counter),
    ("limit", layers::limit),
    ("cross-site", layers::cross_site),
    ("cookies-in", cookies::incoming),
    ("cookies-out", cookies::outgoing),
    ("seal", cookies::seal),
    ("open", cookies::open),
    ("session-none", sessions::none),
    ("session-read", sessions::read),
    ("session-write", sessions::write),
    ("session-new", sessions::make),
    ("session-sealed-read", sessions::sealed_read),
    ("session-sealed-write", sessions::sealed_write),
    ("login", logins::succeeds),
    ("login-locked", logins::locked),
    ("service-suit", suit::suit),
    ("suit-refusal", suit::refusal),
];

/// What stands beside, and is held to nothing.
const BESIDE: [Named; 3] = [
    ("service-bare", suit::bare),
    ("service-parts", suit::parts),
    ("service-peers", suit::peers),
];

/// Calls that come first, so that maps have grown and what is made once is made.
const WARM: u32 = 2_000;

/// Prints the names of all paths that the budget holds.
pub(crate) fn list() {
    for (name, _) in ALL {
        println!("{name}");
    }
}

/// Calls one path so many times, and prints nanoseconds a call.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn run(name: &str, calls: u32) -> Result<()> {
    let mut all = ALL.iter().chain(&BESIDE);
    let Some((_, make)) = all.find(|(known, _)| *known == name) else {
        bail!("there is no path {name}");
    };
    // A login is given so much time, and no more.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let _entered = runtime.enter();
    let mut path = make().with_context(|| format!("making {name}"))?;
    for number in 0..WARM {
        ensure!(path(number), "{name} went wrong at call {number}");
    }
    let start = Instant::now();
    let well = measured(&mut path, WARM, calls);
    let nanos = start.elapsed().as_secs_f64() * 1e9 / f64::from(calls);
    ensure!(well == calls, "{name}: {well} of {calls} calls went well");
    println!("{nanos:.1}");
    Ok(())
}

/// All that is counted.
#[inline(never)]
fn measured(path: &mut Path, from: u32, calls: u32) -> u32 {
    let mut well = 0;
    for number in from..from.saturating_add(calls) {
        well += u32::from(black_box(path(black_box(number))));
    }
    well
}

/// What a future gives that never waits for anybody.
pub(crate) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    // Some yield for the sake of others.
    for _ in 0..100 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}
