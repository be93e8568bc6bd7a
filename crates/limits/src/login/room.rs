//! How much of the memory the bodies of logins may take up that are being read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The bytes that bodies of logins may hold at once, until it is decided who may go on.
///
/// Of each body the first [`Room::FREE`] bytes are not counted: no more than its head takes up, and all of an
/// ordinary login. So whoever fills the room, from however many addresses, keeps nobody out who sends a form.
#[derive(Debug)]
pub(super) struct Room {
    all: u64,
    of_client: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: u64,
    by_client: HashMap<Option<IpAddr>, u64>,
}

impl Room {
    /// Bytes of each body that are not counted: 4 KiB.
    pub(super) const FREE: u64 = 4 * 1024;
    /// Of all clients: 32 MiB.
    const ALL: u64 = 32 * 1024 * 1024;
    /// Of one client: 1 MiB, which is 17 of the longest bodies.
    const OF_CLIENT: u64 = 1024 * 1024;

    fn new(all: u64, of_client: u64) -> Arc<Self> {
        Arc::new(Self {
            all,
            of_client,
            taken: Mutex::default(),
        })
    }

    /// The room of this process, whatever layers and reloads there are: there is one memory.
    pub(super) fn of_process() -> Arc<Self> {
        static ROOM: LazyLock<Arc<Room>> = LazyLock::new(|| Room::new(Room::ALL, Room::OF_CLIENT));
        ROOM.clone()
    }

    /// The share of one body of `client`, which holds nothing yet.
    pub(super) const fn share(self: Arc<Self>, client: Option<IpAddr>) -> Share {
        Share {
            room: self,
            client,
            held: 0,
        }
    }

    fn take(&self, client: Option<IpAddr>, bytes: u64) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_client.get(&client).copied().unwrap_or_default();
        if taken.all + bytes > self.all || own + bytes > self.of_client {
            return false;
        }
        taken.all += bytes;
        taken.by_client.insert(client, own + bytes);
        true
    }

    fn give_back(&self, client: Option<IpAddr>, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(bytes);
        let own = taken.by_client.get(&client).copied().unwrap_or_default();
        if own > bytes {
            taken.by_client.insert(client, own - bytes);
        } else {
            taken.by_client.remove(&client);
        }
    }
}

/// What one body holds of a [`Room`], until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    client: Option<IpAddr>,
    held: u64,
}

impl Share {
    /// Whether the body may be of `length` bytes. Room is taken in steps of 4 KiB, so that one that comes byte by
    /// byte does not ask for each.
    pub(super) fn grow_to(&mut self, length: u64) -> bool {
        let counted = length
            .next_multiple_of(Room::FREE)
            .saturating_sub(Room::FREE);
        let more = counted.saturating_sub(self.held);
        if more > 0 && !self.room.take(self.client, more) {
            return false;
        }
        self.held += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.held > 0 {
            self.room.give_back(self.client, self.held);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const KIB: u64 = 1024;

    fn share(room: &Arc<Room>, last: u8) -> Share {
        let client = Ipv4Addr::new(203, 0, 113, last);
        room.clone().share(Some(client.into()))
    }

    #[test]
    fn one_client_leaves_room_for_others_and_all_for_ordinary_logins() {
        let room = Room::new(100 * KIB, 60 * KIB);
        let mut first = share(&room, 1);
        assert!(first.grow_to(64 * KIB));
        let mut second = share(&room, 1);
        assert!(second.grow_to(4 * KIB));
        assert!(!second.grow_to(4 * KIB + 1), "its share is taken");
        let mut other = share(&room, 2);
        assert!(other.grow_to(40 * KIB));
        let mut third = share(&room, 3);
        assert!(!third.grow_to(9 * KIB), "the room is taken");
        assert!(third.grow_to(3 * KIB));
        drop(first);
        assert!(third.grow_to(9 * KIB));
        assert!(second.grow_to(32 * KIB));
        drop((second, other, third));
        let taken = room.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_client.len()), (0, 0));
    }

    #[test]
    fn a_full_room_keeps_no_short_login_out() {
        let room = Room::new(8 * KIB, 8 * KIB);
        let mut long = share(&room, 1);
        assert!(long.grow_to(12 * KIB));
        for length in [0, 1, 30, 4 * KIB - 1, 4 * KIB] {
            assert!(share(&room, 2).grow_to(length), "{length}");
        }
        assert!(!share(&room, 2).grow_to(4 * KIB + 1));
        assert_eq!(room.taken.lock().unwrap().all, 8 * KIB);
    }

    #[test]
    fn what_comes_byte_by_byte_takes_what_it_holds() {
        let room = Room::new(100 * KIB, 100 * KIB);
        let mut share = room.clone().share(None);
        for length in 0..=20 * KIB {
            assert!(share.grow_to(length));
        }
        assert_eq!(room.taken.lock().unwrap().all, 16 * KIB);
    }
}
