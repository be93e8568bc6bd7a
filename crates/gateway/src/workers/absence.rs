//! Clients of a worker that has fallen over, until it is begun anew.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::worker::Post;

/// How often it is looked whether the gateway drains, or others serve.
const LOOK: Duration = Duration::from_millis(20);

/// Hands whoever comes to the doors of `post` to other workers for a `pause`, or until the gateway drains.
///
/// The kernel goes on to give it its part of the connections. Where nobody else serves, they wait, and the pause is
/// over once it has been `least`.
pub(super) fn bridge(post: &mut Post, least: Duration, pause: Duration) {
    let begun = post.shared.clock.monotonic();
    loop {
        let is_served = post.balance.other().is_some();
        let pause = if is_served { pause } else { pause.min(least) };
        let left = (begun + pause).saturating_sub(post.shared.clock.monotonic());
        if left.is_zero() || post.shared.is_draining(post.generation) {
            return;
        }
        let look = LOOK.min(left);
        if !is_served || wait(post, look).and_then(|()| hand_on(post)).is_err() {
            sleep(look);
        }
    }
}

/// Waits until somebody may have come.
fn wait(post: &Post, patience: Duration) -> io::Result<()> {
    let door = |door| PollFd::new(door, PollFlags::IN);
    let listeners = post.doors.iter().map(|door| &door.listener);
    let mut doors: Vec<PollFd<'_>> = listeners.map(door).collect();
    let patience = Timespec::try_from(patience).unwrap_or_default();
    poll(&mut doors, Some(&patience))?;
    Ok(())
}

/// Hands on who has come, or had been handed to this one.
fn hand_on(post: &mut Post) -> io::Result<()> {
    while let Some(other) = post.balance.other()
        && let Ok(handed) = post.inbox.try_recv()
    {
        // Whoever cannot serve them comes to the end, as all do.
        let _ = other.hand(handed.stream, handed.peer, handed.tls);
    }
    for door in &post.doors {
        let Some(other) = post.balance.other() else {
            break;
        };
        match door.listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(true)?;
                let _ = other.hand(stream, peer, door.tls);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
