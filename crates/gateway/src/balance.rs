//! Which worker serves a new connection: the one that has accepted it, unless another has fewer.
//!
//! The kernel spreads connections over the workers' listeners by a hash of their addresses, and where all
//! share one listener as it likes. That evens out over thousands of clients, but behind a load balancer,
//! which keeps a few connections busy all day, one worker may get most of them and the next one none. So
//! whoever has more than another hands the connection over before a byte of it is read; but not where they
//! come and go, as that is no less work than to answer what is asked on one.

use std::cell::Cell;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::mpsc;

/// With how many others a worker compares itself at most: more tell little more, and on a machine of
/// many cores each costs a cache line that another core writes.
const COMPARED: usize = 4;

/// How many have to come between two [ticks](Balance::tick) to be taken for those that come and go.
const BRIEF: u32 = 64;

/// A connection that another worker is to serve.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) place: Place,
}

/// One connection among those that a worker serves, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Peer {
    serving: Arc<AtomicU32>,
    inbox: mpsc::UnboundedSender<Handed>,
    /// Whether it has fallen over, and nobody serves in its place yet.
    is_away: AtomicBool,
    /// How often in a row it has fallen over as soon as it was begun.
    falls: AtomicU32,
}

impl Peer {
    fn place(&self) -> Place {
        self.serving.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.serving))
    }

    fn count(&self) -> u32 {
        self.serving.load(Ordering::Relaxed)
    }

    fn is_there(&self) -> bool {
        !self.is_away.load(Ordering::Acquire)
    }
}

/// What one worker knows of all.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    all: Arc<[Peer]>,
    own: usize,
    /// Whom it compares itself with first the next time.
    next: Cell<usize>,
    /// How many have come since the last [tick](Self::tick).
    come: Cell<u32>,
    /// Whether they come and go, as far as could be told at the last one.
    are_brief: Cell<bool>,
}

/// What others hand to one worker.
pub(crate) type Inbox = mpsc::UnboundedReceiver<Handed>;

/// One for each of `workers`.
pub(crate) fn among(workers: usize) -> Vec<(Balance, Inbox)> {
    let (peers, inboxes): (Vec<_>, Vec<_>) = (0..workers)
        .map(|_| {
            let (inbox, handed) = mpsc::unbounded_channel();
            let serving = Arc::default();
            let peer = Peer {
                serving,
                inbox,
                is_away: AtomicBool::new(false),
                falls: AtomicU32::new(0),
            };
            (peer, handed)
        })
        .unzip();
    let all: Arc<[Peer]> = peers.into();
    let balances = (0..workers).map(|own| Balance {
        all: Arc::clone(&all),
        own,
        next: Cell::new(own + 1),
        come: Cell::new(0),
        are_brief: Cell::new(false),
    });
    balances.zip(inboxes).collect()
}

impl Balance {
    /// Who serves one more connection: the worker itself, which has a place for it then, or another.
    pub(crate) fn place(&self) -> Result<Place, Other<'_>> {
        self.come.set(self.come.get().saturating_add(1));
        if self.are_brief.get() {
            return Ok(self.own_place());
        }
        let own = self.all.get(self.own);
        match own.zip(self.less_busy()) {
            Some((own, other)) if own.count() > bearable(other.count()) => Err(Other(other)),
            _ => Ok(self.own_place()),
        }
    }

    /// Looks, a few times a second, whether those that have come since are so many more than are there that
    /// most have gone again: the next ones will, too, and the kernel spreads them well enough.
    pub(crate) fn tick(&self) {
        let served = { self.all.get(self.own) }.map_or(0, Peer::count);
        let come = self.come.replace(0);
        self.are_brief
            .set(come > BRIEF.max(served.saturating_mul(4)));
    }

    /// A place here, whatever others have.
    pub(crate) fn own_place(&self) -> Place {
        let own = self.all.get(self.own);
        own.map_or_else(|| Place(Arc::new(AtomicU32::new(1))), Peer::place)
    }

    /// The one with the fewest of those that are looked at this time.
    fn less_busy(&self) -> Option<&Peer> {
        let others = self.all.len().saturating_sub(1);
        let from = self.next.get();
        let looked = others.min(COMPARED);
        self.next.set(from.wrapping_add(looked));
        // Past itself, wherever that is.
        let numbers =
            (0..looked).map(|step| (self.own + 1 + (from + step) % others) % self.all.len());
        let peers = numbers.filter_map(|number| self.all.get(number));
        let there = peers.filter(|peer| peer.is_there());
        there.min_by_key(|peer| peer.count())
    }

    /// This worker has fallen over, `soon` after it was begun or not, and serves nobody until it
    /// [is back](Self::is_back); gives how often in a row that was soon.
    pub(crate) fn fell(&self, soon: bool) -> u32 {
        let Some(own) = self.all.get(self.own) else {
            return 0;
        };
        own.is_away.store(true, Ordering::Release);
        if soon {
            return own.falls.fetch_add(1, Ordering::AcqRel) + 1;
        }
        own.falls.store(0, Ordering::Release);
        0
    }

    /// This worker is begun again.
    pub(crate) fn is_back(&self) {
        if let Some(own) = self.all.get(self.own) {
            own.is_away.store(false, Ordering::Release);
        }
    }

    /// Another worker that serves, the one with the fewest connections of all.
    pub(crate) fn other(&self) -> Option<Other<'_>> {
        let there = self.all.iter().filter(|peer| peer.is_there());
        there.min_by_key(|peer| peer.count()).map(Other)
    }

    /// Whether no worker is there, and each has fallen over so often in a row as soon as it was begun.
    pub(crate) fn is_hopeless(&self, falls: u32) -> bool {
        let hopeless =
            |peer: &Peer| !peer.is_there() && peer.falls.load(Ordering::Acquire) >= falls;
        self.all.iter().all(hopeless)
    }
}

/// How many a worker may have beside one that has `fewest`, before it hands over what comes: as short
/// connections come and go, one more or less is not worth another core's cache.
const fn bearable(fewest: u32) -> u32 {
    fewest.saturating_add(fewest / 4)
}

/// A worker that has fewer connections.
#[derive(Debug)]
pub(crate) struct Other<'a>(&'a Peer);

impl Other<'_> {
    /// Has it serve this connection.
    ///
    /// # Errors
    ///
    /// When it comes to its end; the connection is given back.
    pub(crate) fn hand(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: bool,
    ) -> Result<(), (TcpStream, SocketAddr)> {
        let handed = Handed {
            stream,
            peer,
            tls,
            place: self.0.place(),
        };
        { self.0.inbox.send(handed) }.map_err(|lost| (lost.0.stream, lost.0.peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each has after so many, all of which come to the first.
    fn spread(workers: usize, connections: usize) -> Vec<u32> {
        let all = among(workers);
        let (first, _) = all.first().unwrap();
        let mut places = Vec::new();
        for _ in 0..connections {
            places.push(match first.place() {
                Ok(place) => place,
                Err(other) => other.0.place(),
            });
        }
        let counts = first.all.iter().map(Peer::count).collect();
        drop(places);
        assert!(first.all.iter().all(|peer| peer.count() == 0));
        counts
    }

    #[test]
    fn few_connections_are_spread_evenly() {
        assert_eq!(spread(1, 5), [5]);
        assert_eq!(spread(2, 2), [1, 1]);
        assert_eq!(spread(2, 7), [4, 3]);
        assert_eq!(spread(4, 8), [2, 2, 2, 2]);
        assert!(among(0).is_empty());
    }

    #[test]
    fn of_many_nobody_has_much_more_than_others() {
        for workers in [2, 3, 8, 64] {
            let counts = spread(workers, workers * 100);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(*most <= least + least / 4 + 2, "{workers}: {counts:?}");
        }
    }

    #[test]
    fn what_comes_and_goes_is_not_handed_over_and_what_stays_is() {
        let all = among(2);
        let (first, _) = all.first().unwrap();
        let kept = [first.own_place(), first.own_place()];
        let is_handed = || first.place().is_err();
        let come = |many| (0..many).filter(|_| is_handed()).count();
        assert_eq!(come(1000), 1000, "nobody knows yet that they go again");
        first.tick();
        assert_eq!(come(1000), 0);
        first.tick();
        assert_eq!(come(BRIEF), 0);
        first.tick();
        assert!(is_handed(), "so few are no work");
        let many = (0..1000).map(|_| first.own_place()).collect::<Vec<_>>();
        come(4 * 1000);
        first.tick();
        assert!(is_handed(), "most are still there");
        drop((kept, many));
    }

    #[test]
    fn who_has_fallen_over_is_handed_nothing_until_it_is_back() {
        let mut all = among(3);
        let (third, _inbox) = all.pop().unwrap();
        let (second, _inbox) = all.pop().unwrap();
        let (first, _inbox) = all.pop().unwrap();
        let _busy = [first.own_place(), first.own_place(), third.own_place()];
        let handed_to = || match first.place() {
            Ok(_) => 0,
            Err(other) => first
                .all
                .iter()
                .position(|peer| std::ptr::eq(peer, other.0))
                .unwrap(),
        };
        assert_eq!(handed_to(), 1);
        assert_eq!((second.fell(true), second.fell(true)), (1, 2));
        assert_eq!(handed_to(), 2);
        assert!(!first.is_hopeless(0), "others are there");
        third.fell(false);
        assert_eq!(handed_to(), 0);
        assert!(second.other().is_some());
        first.fell(true);
        assert!(second.other().is_none());
        assert!(first.is_hopeless(0) && !first.is_hopeless(1));
        second.is_back();
        assert!(!first.is_hopeless(0));
        assert!(
            first
                .other()
                .is_some_and(|other| std::ptr::eq(other.0, &raw const first.all[1]))
        );
    }

    #[test]
    fn whoever_is_at_its_end_gives_back_what_it_is_handed() {
        let mut all = among(2);
        let (_, inbox) = all.pop().unwrap();
        let (first, _kept) = all.pop().unwrap();
        drop(inbox);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = stream.local_addr().unwrap();
        let _busy = first.own_place();
        let Err(other) = first.place() else {
            panic!("the other has none");
        };
        let (stream, peer) = other.hand(stream, near, true).unwrap_err();
        assert_eq!((stream.local_addr().unwrap(), peer), (near, near));
        assert_eq!(first.all[1].count(), 0);
    }
}
