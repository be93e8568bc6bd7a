//! The keys that seal cookies: all in their file open at once, and a new one seals a minute later.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_cookies::{Error, KeyId, KeyRing};
use panoply_core::Clock;

/// How long a new key only opens, so that other nodes learn of it before anybody is sent what it
/// has sealed.
const LEAD: Duration = Duration::from_mins(1);

/// Which key seals, the same across reloads. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<Option<Sealing>>>);

#[derive(Debug, Clone, Copy)]
struct Sealing {
    by: KeyId,
    /// The newest key, and since when it is known.
    coming: Option<(KeyId, Duration)>,
}

impl Keys {
    /// The keys in a file, the one in front that is to seal now.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a key in it is not good.
    pub(crate) fn open(&self, path: &Path, clock: &dyn Clock) -> Result<KeyRing, Error> {
        let (found, is_new) = read(path, clock)?;
        Ok(self.lead(&found, clock.monotonic(), is_new))
    }

    /// The same, for settings that may not come to be in force: nobody's minute begins or ends by it.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open).
    pub(crate) fn look(&self, path: &Path, clock: &dyn Clock) -> Result<KeyRing, Error> {
        let (found, is_new) = read(path, clock)?;
        let mut sealing = *self.sealing();
        let _ = lead(&mut sealing, &found, clock.monotonic(), is_new);
        Ok(led(&found, sealing))
    }

    /// The same of keys that were `found`; `is_new` says that others may not have seen the file yet.
    fn lead(&self, found: &KeyRing, now: Duration, is_new: bool) -> KeyRing {
        let mut sealing = self.sealing();
        if let Some(news) = lead(&mut sealing, found, now, is_new) {
            tracing::info!("{news}");
        }
        led(found, *sealing)
    }

    fn sealing(&self) -> MutexGuard<'_, Option<Sealing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys in a file, and whether others may not have seen it yet.
fn read(path: &Path, clock: &dyn Clock) -> Result<(KeyRing, bool), Error> {
    let found = KeyRing::open(path)?;
    let written = std::fs::metadata(path).and_then(|about| about.modified());
    // A clock that was set back says nothing of the file, beyond that it is not old for sure.
    let age = written.map(|written| match clock.wall().duration_since(written) {
        Ok(age) => age,
        Err(ahead) => ahead.duration(),
    });
    Ok((found, age.is_ok_and(|age| age < LEAD)))
}

/// Decides which of the keys that were `found` seals, and gives what is to be said of it.
fn lead(
    sealing: &mut Option<Sealing>,
    found: &KeyRing,
    now: Duration,
    is_new: bool,
) -> Option<&'static str> {
    let mut ids = found.ids();
    let (newest, second) = (ids.next()?, ids.next());
    // Who starts while keys are rotated seals with the key that the others have as well.
    let sealing = sealing.get_or_insert_with(|| Sealing {
        by: second.filter(|_| is_new).unwrap_or(newest),
        coming: None,
    });
    let is_there = found.ids().any(|id| id == sealing.by);
    match sealing.coming {
        _ if sealing.by == newest => sealing.coming = None,
        Some((id, since)) if is_there && id == newest && now.saturating_sub(since) < LEAD => {}
        // One that has come behind another has a minute of its own.
        Some((id, _)) if is_there && id != newest => sealing.coming = Some((newest, now)),
        None if is_there => {
            sealing.coming = Some((newest, now));
            return Some("there are other keys for cookies: the newest seals in a minute");
        }
        _ => {
            (sealing.by, sealing.coming) = (newest, None);
            return Some("the newest key for cookies seals");
        }
    }
    None
}

/// The keys, the one in front that seals.
fn led(found: &KeyRing, sealing: Option<Sealing>) -> KeyRing {
    sealing.map_or_else(|| found.clone(), |sealing| found.led_by_key(sealing.by))
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;
    use crate::settings::Settings;
    use crate::surroundings::Surroundings;

    const SECOND: Duration = Duration::from_secs(1);

    fn by(ring: &KeyRing) -> KeyId {
        ring.ids().next().unwrap()
    }

    #[test]
    fn a_new_key_seals_a_minute_after_it_was_seen_whatever_is_reloaded_meanwhile() {
        let (keys, old) = (Keys::default(), KeyRing::random().unwrap());
        assert_eq!(by(&keys.lead(&old, SECOND, true)), by(&old));
        let new = old.rotate().unwrap();
        for second in 100..160 {
            let led = keys.lead(&new, SECOND * second, true);
            assert_eq!((by(&led), led.len()), (by(&old), 2), "{second}");
        }
        assert_eq!(by(&keys.lead(&new, SECOND * 160, false)), by(&new));
        assert_eq!(by(&keys.lead(&new, SECOND * 161, false)), by(&new));
    }

    #[test]
    fn a_second_rotation_within_the_minute_has_a_minute_of_its_own() {
        let (keys, old) = (Keys::default(), KeyRing::random().unwrap());
        keys.lead(&old, SECOND, false);
        let new = old.rotate().unwrap();
        keys.lead(&new, SECOND * 10, true);
        let newer = new.rotate().unwrap();
        for second in [69, 70, 128] {
            assert_eq!(
                by(&keys.lead(&newer, SECOND * second, true)),
                by(&old),
                "{second}"
            );
        }
        assert_eq!(by(&keys.lead(&newer, SECOND * 129, true)), by(&newer));
    }

    #[test]
    fn who_starts_in_the_middle_of_a_rotation_seals_as_the_others_do() {
        let old = KeyRing::random().unwrap();
        let new = old.rotate().unwrap();
        let keys = Keys::default();
        assert_eq!(by(&keys.lead(&new, SECOND, true)), by(&old));
        assert_eq!(by(&keys.lead(&new, SECOND * 61, false)), by(&new));
        assert_eq!(by(&Keys::default().lead(&new, SECOND, false)), by(&new));
    }

    #[test]
    fn settings_that_do_not_come_to_be_in_force_change_nobodys_minute() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let around = Surroundings::new(dir.path(), Arc::new(clock.clone()));
        let [own, other] = ["own", "other"].map(|name| dir.path().join(name));
        let old = KeyRing::open_or_create(&own).unwrap();
        KeyRing::open_or_create(&other).unwrap();
        let open = || by(&around.keys.open(&own, &clock).unwrap());
        assert_eq!(open(), by(&old));
        let new = KeyRing::rotate_file(&own).unwrap();
        assert_eq!(open(), by(&old));

        // What is looked at behind the keys is wrong, as in a reload that is refused.
        let written = format!(
            "[app]\nupstream = \"http://127.0.0.1:9\"\n[tls]\nmode = \"off\"\n[keys]\nfile = {other:?}\n\
             [listen]\nhttp = \"off\"\n"
        );
        let loaded = Source::new().text("panoply.toml", &written).load().unwrap();
        assert!(Settings::build(&loaded, &around).is_err());
        clock.advance(LEAD / 2);
        assert_eq!(open(), by(&old));
        clock.advance(LEAD / 2);
        assert_eq!(open(), by(&new));
    }

    #[test]
    fn keys_that_are_all_others_seal_at_once() {
        let keys = Keys::default();
        keys.lead(&KeyRing::random().unwrap(), SECOND, false);
        let other = KeyRing::random().unwrap().rotate().unwrap();
        assert_eq!(by(&keys.lead(&other, SECOND, true)), by(&other));
    }
}
