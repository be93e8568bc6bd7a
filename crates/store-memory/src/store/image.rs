//! A store as bytes, for another process that goes on with it.
//!
//! A head, and then sketches and counters, each behind a byte that says which; numbers are little-endian. Whoever
//! changes any of it changes [`VERSION`]: another one is refused.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::time::Duration;

use panoply_core::{CounterKey, Moment, Network, Record, Subject};

use super::{Kept, MemoryStore, SketchImage};
use crate::MemoryStoreBuilder;

const MAGIC: &[u8; 16] = b"panoply counters";

const VERSION: u16 = 1;

const END: u8 = 0;
const COUNTER: u8 = 1;
const SKETCH: u8 = 2;

impl MemoryStore {
    /// Writes down everything that is counted, blocks and sketches too, as
    /// [`MemoryStoreBuilder::build_from`] reads it: 50 bytes a counter, and the sketches as large as they are.
    ///
    /// What is counted meanwhile may be in it or not.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn write_image(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&self.now().as_micros().to_le_bytes())?;
        let mut bytes = Vec::new();
        for part in 0..Self::PARTS {
            for image in self.sketches(part) {
                bytes.push(SKETCH);
                put_sketch(&mut bytes, part, &image);
            }
            self.each_of(part, |kept| {
                if let Some(record) = kept.record {
                    bytes.push(COUNTER);
                    put_counter(&mut bytes, &kept, &record);
                }
            });
            out.write_all(&bytes)?;
            bytes.clear();
        }
        out.write_all(&[END])?;
        out.flush()
    }
}

impl MemoryStoreBuilder {
    /// The store that [`MemoryStore::write_image`] has written down. Its clock goes on where that one's stood:
    /// locks and windows are longer by the time between.
    ///
    /// More than this store's bounds goes into its sketches.
    ///
    /// # Errors
    ///
    /// When `image` is not whole, or of another version.
    pub fn build_from(self, mut image: impl Read) -> io::Result<MemoryStore> {
        if read::<16>(&mut image)? != *MAGIC {
            return Err(invalid("these are no counters"));
        }
        let version = u16::from_le_bytes(read(&mut image)?);
        if version != VERSION {
            return Err(invalid(&format!(
                "they are of version {version}, and this program reads {VERSION}"
            )));
        }
        let store = self.starting_at(moment(&mut image)?).build();
        loop {
            match read::<1>(&mut image)? {
                [END] => return Ok(store),
                [COUNTER] => take_counter(&mut image, &store)?,
                [SKETCH] => take_sketch(&mut image, &store)?,
                [_] => return Err(invalid("they are damaged")),
            }
        }
    }
}

fn put_counter(bytes: &mut Vec<u8>, kept: &Kept<'_>, record: &Record) {
    bytes.extend(kept.key.to_bits().to_le_bytes());
    bytes.extend(kept.kind.to_le_bytes());
    bytes.extend(record.count.to_le_bytes());
    bytes.extend(record.window_end.as_micros().to_le_bytes());
    bytes.extend(record.lock_end.as_micros().to_le_bytes());
    bytes.push(record.strikes);
    // Who has no name, or none that anybody would write, is locked without it.
    let lock = kept.lock.filter(|(rule, _)| !rule.is_empty());
    let lock =
        lock.and_then(|(rule, subject)| Some((u16::try_from(rule.len()).ok()?, rule, subject)));
    let Some((length, rule, subject)) = lock else {
        return bytes.extend([0; 2]);
    };
    bytes.extend(length.to_le_bytes());
    bytes.extend(rule.as_bytes());
    let (about, address) = match subject {
        Subject::Client(address) => (1, Some(address)),
        Subject::UserFrom(address) => (2, Some(address)),
        Subject::User => (3, None),
        Subject::Network(network) => (4, Some(network.address())),
        _ => (0, None),
    };
    bytes.push(about);
    match address {
        Some(IpAddr::V4(address)) => {
            bytes.push(4);
            bytes.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            bytes.push(6);
            bytes.extend(address.octets());
        }
        None => bytes.push(0),
    }
    if let Subject::Network(network) = subject {
        bytes.push(network.bits());
    }
}

fn take_counter(image: &mut impl Read, store: &MemoryStore) -> io::Result<()> {
    let key = CounterKey::from_bits(u128::from_le_bytes(read(image)?));
    let kind = u32::from_le_bytes(read(image)?);
    let count = i64::from_le_bytes(read(image)?);
    let (window_end, lock_end) = (moment(image)?, moment(image)?);
    let [strikes] = read(image)?;
    let length = u16::from_le_bytes(read(image)?);
    let rule = bytes(image, length.into())?;
    let rule = String::from_utf8(rule).map_err(|_| invalid("they are damaged"))?;
    let subject = if rule.is_empty() {
        Subject::Hidden
    } else {
        subject(image)?
    };
    let lock = (!rule.is_empty()).then_some((&*rule, subject));
    let record = Record::new(count, window_end, lock_end, strikes);
    store.restore(&Kept::new(key, Some(record), kind, lock));
    Ok(())
}

fn subject(image: &mut impl Read) -> io::Result<Subject> {
    let [about, family] = read(image)?;
    let address = match family {
        4 => Some(IpAddr::from(read::<4>(image)?)),
        6 => Some(IpAddr::from(read::<16>(image)?)),
        _ => None,
    };
    Ok(match (about, address) {
        (1, Some(address)) => Subject::Client(address),
        (2, Some(address)) => Subject::UserFrom(address),
        (3, None) => Subject::User,
        (4, Some(address)) => {
            let [bits] = read(image)?;
            Network::new(address, bits).map_or(Subject::Hidden, Subject::Network)
        }
        _ => Subject::Hidden,
    })
}

fn put_sketch(bytes: &mut Vec<u8>, part: usize, image: &SketchImage) {
    bytes.push(u8::try_from(part).unwrap_or(u8::MAX));
    bytes.push(image.span);
    bytes.push(image.old.into());
    bytes.extend(image.turned.as_micros().to_le_bytes());
    let period = u64::try_from(image.period.as_micros()).unwrap_or(u64::MAX);
    bytes.extend(period.to_le_bytes());
    bytes.extend((image.cells.len() as u64).to_le_bytes());
    bytes.extend(&image.cells);
}

fn take_sketch(image: &mut impl Read, store: &MemoryStore) -> io::Result<()> {
    let [part, span, old] = read(image)?;
    let turned = moment(image)?;
    let period = Duration::from_micros(u64::from_le_bytes(read(image)?));
    let length = u64::from_le_bytes(read(image)?);
    let cells = bytes(image, length)?;
    let half = SketchImage::new(span, old != 0, turned, period, cells);
    if store.restore_sketch(part.into(), half) {
        return Ok(());
    }
    Err(invalid("they are damaged"))
}

fn moment(image: &mut impl Read) -> io::Result<Moment> {
    Ok(Moment::from_micros(u64::from_le_bytes(read(image)?)))
}

fn read<const N: usize>(image: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    image.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// No more is taken than is there, whatever the length says.
fn bytes(image: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use panoply_core::{Action, CounterKeys, CounterStore as _, Lock, ManualClock, Op, Rule};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// A store that is overfull, with a lock and a block in it, and two of its keys.
    fn full(clock: &ManualClock) -> (MemoryStore, Rule, [CounterKey; 2]) {
        let keys = CounterKeys::new([5; 16]);
        let rule = Rule::new("pair", 10, HOUR).lock(Lock::fixed(HOUR));
        let store = MemoryStore::builder()
            .max_keys(1024)
            .sketch_bytes(64 << 10)
            .clock(clock.clone())
            .build();
        let key = |number: u32| keys.key("pair", &[&number.to_le_bytes()]);
        for number in 0..2000 {
            store.decide_and_tell(&[Op::reserve(key(number), &rule)], |_| {});
        }
        while store
            .decide_and_tell(&[Op::reserve(key(1), &rule)], |_| {})
            .is_granted()
        {}
        for (number, address) in [(2, "203.0.113.9"), (3, "2001:db8::9")] {
            let client = Subject::Client(address.parse().unwrap());
            let block = Action::Block { time: Some(HOUR) };
            let block = Op::new(key(number), &rule, block).about(client);
            store.decide_and_tell(&[block], |_| {});
        }
        let from = "203.0.113.9".parse().unwrap();
        let networks = ["203.0.113.0/24", "2001:db8::/32"];
        let [near, far] = networks.map(|text| Subject::Network(Network::parse(text).unwrap()));
        for (number, subject) in [
            (4, Subject::User),
            (5, Subject::UserFrom(from)),
            (6, near),
            (7, far),
        ] {
            let block = Action::Block { time: Some(HOUR) };
            let block = Op::new(key(number), &rule, block).about(subject);
            store.decide_and_tell(&[block], |_| {});
        }
        (store, rule, [key(1), key(1999)])
    }

    fn image(store: &MemoryStore) -> Vec<u8> {
        let mut image = Vec::new();
        store.write_image(&mut image).unwrap();
        image
    }

    fn read_back(image: &[u8], clock: &ManualClock) -> io::Result<MemoryStore> {
        let builder = MemoryStore::builder().max_keys(1024).clock(clock.clone());
        builder.sketch_bytes(64 << 10).build_from(image)
    }

    #[test]
    fn another_process_goes_on_where_this_one_stood() {
        let clock = ManualClock::new();
        clock.advance(HOUR * 100);
        let (store, rule, [locked, counted]) = full(&clock);
        // That one's clock began a moment ago.
        let theirs = ManualClock::new();
        let copy = read_back(&image(&store), &theirs).unwrap();
        assert_eq!(copy.len(), store.len());
        assert!(store.len() < 2000, "nothing went into the sketches");
        let blocks = |store: &MemoryStore| store.blocks(None, 10).now().unwrap().unwrap();
        assert_eq!(blocks(&copy), blocks(&store));
        assert_eq!(blocks(&copy).len(), 7);
        let keys = CounterKeys::new([5; 16]);
        for number in 0..2000_u32 {
            let key = keys.key("pair", &[&number.to_le_bytes()]);
            let get = Op::new(key, &rule, Action::Get);
            let state = |store: &MemoryStore| store.decide_and_tell(&[get], |_| {}).state();
            assert_eq!(state(&copy), state(&store), "{number}");
        }
        let try_now = |key| copy.decide_and_tell(&[Op::reserve(key, &rule)], |_| {});
        theirs.advance(Duration::from_secs(3599));
        assert!(!try_now(locked).is_granted());
        assert_eq!(try_now(counted).state().count, 2);
        theirs.advance(Duration::from_secs(1));
        assert!(try_now(locked).is_granted());
    }

    #[test]
    fn who_was_locked_before_is_locked_for_longer_again() {
        let clock = ManualClock::new();
        let key = CounterKeys::new([5; 16]).key("again", &[]);
        let rule = Rule::new("again", 1, HOUR).lock(Lock::doubling(HOUR, HOUR * 8));
        let store = MemoryStore::builder().clock(clock.clone()).build();
        let lock = |store: &MemoryStore| {
            let tried = Op::reserve(key, &rule);
            let attempt = || store.decide_and_tell(&[tried], |_| {}).state().until;
            attempt();
            attempt();
            attempt()
        };
        lock(&store);
        let theirs = ManualClock::new();
        let copy = MemoryStore::builder().clock(theirs.clone());
        let copy = copy.build_from(&*image(&store)).unwrap();
        clock.advance(HOUR);
        theirs.advance(HOUR);
        assert_eq!(lock(&copy), lock(&store));
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_refused() {
        let clock = ManualClock::new();
        let whole = image(&full(&clock).0);
        for length in (0..whole.len()).step_by(997).chain([whole.len() - 1]) {
            let part = &whole[..length];
            assert!(read_back(part, &clock).is_err(), "{length} bytes");
        }
        let mut newer = whole;
        assert_eq!(newer[26], SKETCH);
        let part = std::mem::replace(&mut newer[27], 255);
        assert!(read_back(&newer, &clock).is_err(), "a sketch of no part");
        newer[27] = part;
        newer[16] = 9;
        let why = read_back(&newer, &clock).unwrap_err().to_string();
        assert!(
            why.contains("version 9") && why.contains("reads 1"),
            "{why}"
        );
        let mut dice = 1_u64;
        newer[16] = 1;
        for _ in 0..300 {
            // Whatever comes of it, it is not a panic.
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(11);
            let at = (dice >> 20) as usize % newer.len();
            let before = std::mem::replace(&mut newer[at], dice.to_le_bytes()[1]);
            let _ = read_back(&newer, &clock);
            newer[at] = before;
        }
    }
}
