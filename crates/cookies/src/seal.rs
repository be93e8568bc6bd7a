//! Values that a client can neither read nor change.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use panoply_core::{Clock, SystemClock};
use subtle::ConstantTimeEq as _;

use crate::keys::hex;
use crate::{Error, KeyId, KeyRing};

/// Seals values for one site, and opens what it or an older key of the ring has sealed.
///
/// A sealed value has some 70 bytes more than a third above what it holds.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[(KeyId, hkdf::Prk)]>,
    site: Arc<str>,
    clock: Arc<dyn Clock>,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The value.
    pub value: Vec<u8>,
    stale: bool,
}

impl Opened {
    /// Whether an older key than the first has sealed it, so that it should be sealed again.
    pub const fn is_stale(&self) -> bool {
        self.stale
    }
}

const VERSION: &str = "v1";
const MARK: &str = "v0.";
const SALT: usize = 16;
const TAG: usize = 16;
const TIME: usize = 8;

impl Sealer {
    /// Seals under `keys` for `site`: what was sealed for another does not open.
    pub fn new(keys: &KeyRing, site: impl Into<Arc<str>>) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"panoply sealed cookie 1");
        let keys = keys.keys().iter();
        let keys = keys.map(|key| (key.id, salt.extract(key.secret.expose())));
        Self {
            keys: keys.collect(),
            site: site.into(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Where time comes from; the system's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Seals `value` as that of the cookie `name`; it opens for `lasts`.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn seal(&self, name: &str, value: &[u8], lasts: Duration) -> Result<String, Error> {
        let end = self.clock.wall().checked_add(lasts);
        let latest = || UNIX_EPOCH.checked_add(Duration::from_secs(u32::MAX.into()));
        self.seal_until(name, value, end.or_else(latest).unwrap_or(UNIX_EPOCH))
    }

    /// Seals `value` as that of the cookie `name`; it opens until `end`, to the second.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn seal_until(&self, name: &str, value: &[u8], end: SystemTime) -> Result<String, Error> {
        let (id, key) = self.keys.first().ok_or(Error::NoKey)?;
        let mut sealed = vec![0; SALT];
        rand::fill(&mut sealed).map_err(|_| Error::NoRandom)?;
        let (cipher, nonce) = cipher(key, &sealed).ok_or(Error::Broken)?;
        let ends = seconds(end);
        let mut text = Vec::with_capacity(TIME + value.len() + TAG);
        text.extend_from_slice(&ends.to_be_bytes());
        text.extend_from_slice(value);
        let aad = Aad::from(self.bound_to(name));
        let done = cipher.seal_in_place_append_tag(nonce, aad, &mut text);
        done.map_err(|_| Error::Broken)?;
        sealed.extend_from_slice(&text);
        Ok(format!("{VERSION}.{id}.{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// How many bytes a value of so many has once it is sealed.
    pub const fn sealed_len(bytes: usize) -> usize {
        let inside = SALT + TIME + bytes + TAG;
        // The version, a key's id and two points; then six bits a letter.
        2 + 1 + 12 + 1 + (inside * 4).div_ceil(3)
    }

    /// Opens what was sealed as the value of the cookie `name`.
    ///
    /// # Errors
    ///
    /// When it was changed, made for another cookie or site or with a key that is not in the ring, or
    /// its time is over.
    pub fn open(&self, name: &str, sealed: &str) -> Result<Opened, Error> {
        self.open_at(name, sealed, self.clock.wall())
    }

    /// Opens what was sealed as the value of the cookie `name`, as at `now`.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_at(&self, name: &str, sealed: &str, now: SystemTime) -> Result<Opened, Error> {
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(id), Some(text), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Broken);
        };
        let known = self.keys.iter().position(|(own, _)| hex(&own.0) == id);
        let place = known.ok_or(Error::UnknownKey)?;
        let (_, key) = self.keys.get(place).ok_or(Error::UnknownKey)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Broken)?;
        let (salt, text) = bytes.split_at_mut_checked(SALT).ok_or(Error::Broken)?;
        let (cipher, nonce) = cipher(key, salt).ok_or(Error::Broken)?;
        let aad = Aad::from(self.bound_to(name));
        let opened = cipher.open_in_place(nonce, aad, text);
        let opened = opened.map_err(|_| Error::Broken)?;
        let (ends, value) = opened.split_first_chunk::<TIME>().ok_or(Error::Broken)?;
        if u64::from_be_bytes(*ends) <= seconds(now) {
            return Err(Error::Ended);
        }
        Ok(Opened {
            value: value.to_vec(),
            stale: place > 0,
        })
    }

    /// Marks `value` as one that was made here, for what is too large to be sealed: it can be read
    /// and not be changed. It has 39 bytes more.
    ///
    /// # Errors
    ///
    /// Only with a ring that is empty.
    pub fn mark(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        let (id, key) = self.keys.first().ok_or(Error::NoKey)?;
        let tag = self.tag(key, name, value).ok_or(Error::Broken)?;
        let mut marked = format!("{MARK}{id}.{tag}.").into_bytes();
        marked.extend_from_slice(value);
        Ok(marked)
    }

    /// The value that was marked as that of the cookie `name`.
    ///
    /// # Errors
    ///
    /// When it was changed, or made for another cookie or site or with a key that is not in the ring.
    pub fn unmark<'v>(&self, name: &str, marked: &'v [u8]) -> Result<&'v [u8], Error> {
        let rest = marked.strip_prefix(MARK.as_bytes()).ok_or(Error::Broken)?;
        let mut parts = rest.splitn(3, |byte| *byte == b'.');
        let (Some(id), Some(tag), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::Broken);
        };
        let known = { self.keys.iter() }.find(|(own, _)| hex(&own.0).as_bytes() == id);
        let (_, key) = known.ok_or(Error::UnknownKey)?;
        let own = self.tag(key, name, value).ok_or(Error::Broken)?;
        if bool::from(own.as_bytes().ct_eq(tag)) {
            Ok(value)
        } else {
            Err(Error::Broken)
        }
    }

    /// Whether a text looks like one that was marked.
    pub fn is_marked(text: &[u8]) -> bool {
        text.starts_with(MARK.as_bytes())
    }

    /// 128 bits of an HMAC over what a mark stands for.
    fn tag(&self, key: &hkdf::Prk, name: &str, value: &[u8]) -> Option<String> {
        let okm = key.expand(&[b"mark"], hmac::HMAC_SHA256).ok()?;
        let mut context = hmac::Context::with_key(&hmac::Key::from(okm));
        context.update(&self.bound_to(name));
        context.update(b"\0");
        context.update(value);
        let tag = context.sign();
        Some(URL_SAFE_NO_PAD.encode(tag.as_ref().get(..TAG)?))
    }

    /// Whether a text looks like one that was sealed.
    pub fn is_sealed(text: &[u8]) -> bool {
        text.starts_with(b"v1.") && text.split(|byte| *byte == b'.').count() == 3
    }

    fn bound_to(&self, name: &str) -> Vec<u8> {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length, name.as_bytes(), self.site.as_bytes()].concat()
    }
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The cipher of one value, with a nonce: both are of this value alone.
fn cipher(key: &hkdf::Prk, salt: &[u8]) -> Option<(LessSafeKey, Nonce)> {
    let info = [salt];
    let okm = key.expand(&info, Length).ok()?;
    let mut bytes = [0; KEY + NONCE_LEN];
    okm.fill(&mut bytes).ok()?;
    let (key, nonce) = bytes.split_first_chunk::<KEY>()?;
    let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    Some((LessSafeKey::new(key), nonce))
}

const KEY: usize = 32;

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        KEY + NONCE_LEN
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("keys", &self.keys.len())
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn rotated_keys_open_what_they_made() {
        let ring = KeyRing::random().unwrap();
        let old = Sealer::new(&ring, "a");
        let sealed = old.seal("sid", b"one", HOUR).unwrap();
        assert!(Sealer::is_sealed(sealed.as_bytes()));
        for value in [&b""[..], b"1", b"22", b"333", &[b'x'; 1000]] {
            let sealed = old.seal("sid", value, HOUR).unwrap();
            assert_eq!(sealed.len(), Sealer::sealed_len(value.len()));
        }
        assert!(!old.open("sid", &sealed).unwrap().is_stale());
        let rotated = Sealer::new(&ring.rotate().unwrap(), "a");
        let opened = rotated.open("sid", &sealed).unwrap();
        assert!(opened.is_stale() && opened.value == b"one");
        let newer = rotated.seal("sid", b"one", HOUR).unwrap();
        assert!(matches!(old.open("sid", &newer), Err(Error::UnknownKey)));
        for other in [&b"v1.a"[..], b"v1.a.b.c", b"v2.a.b", b"v0.a.b"] {
            assert!(!Sealer::is_sealed(other), "{other:?}");
        }
        assert!(!Sealer::is_marked(sealed.as_bytes()));
        let shown = format!("{old:?}");
        assert!(
            shown.contains("keys: 1") && shown.contains("\"a\""),
            "{shown}"
        );
    }

    #[test]
    fn bound_to_name_site_and_time() {
        let ring = KeyRing::random().unwrap();
        let clock = ManualClock::new();
        let sealer = Sealer::new(&ring, "a").clock(clock.clone());
        let text = sealer.seal("sid", b"one", HOUR).unwrap();
        assert!(matches!(sealer.open("sid2", &text), Err(Error::Broken)));
        let other = Sealer::new(&ring, "b").clock(clock.clone());
        assert!(matches!(other.open("sid", &text), Err(Error::Broken)));
        clock.advance(HOUR / 2);
        assert!(sealer.open("sid", &text).is_ok());
        clock.advance(HOUR / 2);
        assert!(matches!(sealer.open("sid", &text), Err(Error::Ended)));
        assert_ne!(sealer.seal("sid", b"one", HOUR).unwrap(), text);
    }

    #[test]
    fn what_is_marked_can_be_read_and_not_changed() {
        let ring = KeyRing::random().unwrap();
        let marked = Sealer::new(&ring, "a").mark("sid", b"a.b=c").unwrap();
        assert!(Sealer::is_marked(&marked) && marked.ends_with(b".a.b=c"));
        assert_eq!(marked.len(), 39 + 5);
        let sealer = Sealer::new(&ring.rotate().unwrap(), "a");
        assert_eq!(sealer.unmark("sid", &marked).unwrap(), b"a.b=c");
        assert!(sealer.unmark("sid2", &marked).is_err());
        let mut changed = marked.clone();
        changed.push(b'd');
        assert!(matches!(sealer.unmark("sid", &changed), Err(Error::Broken)));
        for none in [&b""[..], b"v0.", b"v0.a.b", b"v1.a.b.c", b"a.b=c"] {
            assert!(sealer.unmark("sid", none).is_err());
        }
        let other = Sealer::new(&KeyRing::random().unwrap(), "a");
        assert!(matches!(
            other.unmark("sid", &marked),
            Err(Error::UnknownKey)
        ));
    }

    proptest! {
        #[test]
        fn what_is_changed_does_not_open(value in proptest::collection::vec(any::<u8>(), 0..60), at in any::<proptest::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            let sealer = Sealer::new(&KeyRing::random().unwrap(), "a");
            let sealed = sealer.seal("sid", &value, HOUR).unwrap();
            prop_assert_eq!(&sealer.open("sid", &sealed).unwrap().value, &value);
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &to);
            if changed != sealed {
                prop_assert!(sealer.open("sid", &changed).is_err());
            }
        }

        #[test]
        fn any_text_is_refused(text in "(v1\\.)?[ -~]{0,80}") {
            let sealer = Sealer::new(&KeyRing::random().unwrap(), "a");
            prop_assert!(sealer.open("sid", &text).is_err());
        }
    }
}
