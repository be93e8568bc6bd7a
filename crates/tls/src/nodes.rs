//! What nodes that serve the same names share: keys of tickets, certificates, answers to challenges,
//! and rights that one has at a time. All of it is kept as sessions are, sealed under the nodes'
//! secret.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use panoply_core::{
    Committed, Loaded, Reply, Secret, SessionChange, SessionKey, SessionStore, StoreError,
};
use zeroize::Zeroizing;

/// Longest for one call of the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than all that is kept of one certificate.
const MOST: usize = 1 << 20;

/// What is kept under one name: values by their names.
pub type Values = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// The way to what nodes share.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use panoply_core::Secret;
/// use panoply_store_memory::MemorySessionStore;
/// use panoply_tls::Nodes;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let store = Arc::new(MemorySessionStore::default());
/// let nodes = Nodes::new(store, &Secret::new(vec![7; 32]))?;
/// let day = Duration::from_hours(24);
/// nodes.put("shop.example", &[("certificate", Some(b"..."))], day).await?;
/// let values = nodes.load("shop.example").await?.unwrap_or_default();
/// assert_eq!(values.get("certificate").map(|value| value.as_slice()), Some(&b"..."[..]));
/// # Ok::<(), panoply_core::StoreError>(())
/// # }).unwrap();
/// ```
pub struct Nodes {
    store: Arc<dyn SessionStore>,
    key: RandomizedNonceKey,
    /// What tells this node from others.
    id: Vec<u8>,
}

impl Nodes {
    /// In `store`, sealed under `secret`, which all nodes have.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn new(store: Arc<dyn SessionStore>, secret: &Secret) -> Result<Self, StoreError> {
        let none = |_| StoreError::permanent("there are no random bytes");
        let prk = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let key = hmac::sign(&prk, b"panoply nodes 1");
        let mut id = vec![0; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(none)?;
        Ok(Self {
            store,
            key: RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(none)?,
            id,
        })
    }

    /// What is kept under a name; none if nothing is. What another secret has sealed is left out.
    ///
    /// # Errors
    ///
    /// When the store fails or is silent for five seconds.
    pub async fn load(&self, name: &str) -> Result<Option<Values>, StoreError> {
        let Loaded::Live(live) = within(self.store.load(&key(name))).await? else {
            return Ok(None);
        };
        let opened = live.record.values.iter().filter_map(|(value, sealed)| {
            Some((value.to_string(), self.open(name, value, sealed)?))
        });
        Ok(Some(opened.collect()))
    }

    /// Sets values under a name, and takes those out that are none. All that is kept under the name
    /// ends `time` later, unless something is put there again.
    ///
    /// # Errors
    ///
    /// When the store fails or is silent for five seconds.
    pub async fn put(
        &self,
        name: &str,
        values: &[(&str, Option<&[u8]>)],
        time: Duration,
    ) -> Result<(), StoreError> {
        let with = |mut change: SessionChange| {
            change = change.most_bytes(MOST);
            for (value, content) in values {
                change = match content {
                    Some(content) => change.set(*value, self.seal(name, value, content)?),
                    None => change.remove(*value),
                };
            }
            Ok::<_, StoreError>(change)
        };
        let there = with(SessionChange::new().idle(time).lifetime(time))?;
        let fresh = with(SessionChange::create(time, time))?;
        // Another may make it, or it may end, between the two.
        for change in [&there, &fresh, &there, &fresh] {
            if let Committed::Done(_) = within(self.store.commit(&key(name), change)).await? {
                return Ok(());
            }
        }
        Err(StoreError::transient("others write at the same moment"))
    }

    /// Takes a right that one node has at a time, for `time` unless it is [held](Self::hold_lock)
    /// longer; `false` while another has it. A node that is killed loses it that way.
    ///
    /// # Errors
    ///
    /// When the store fails or is silent for five seconds.
    pub async fn try_lock(&self, name: &str, time: Duration) -> Result<bool, StoreError> {
        let change = SessionChange::create(time, time).set("owner", self.id.clone());
        let taken = within(self.store.commit(&key(name), &change)).await?;
        Ok(matches!(taken, Committed::Done(_)))
    }

    /// Keeps a right for `time` from now; `false` if it is lost.
    ///
    /// # Errors
    ///
    /// When the store fails or is silent for five seconds.
    pub async fn hold_lock(&self, name: &str, time: Duration) -> Result<bool, StoreError> {
        let Loaded::Live(live) = within(self.store.load(&key(name))).await? else {
            return Ok(false);
        };
        let owner = live.record.values.get("owner");
        if owner.is_none_or(|owner| **owner != *self.id) {
            return Ok(false);
        }
        let change = SessionChange::new().idle(time).lifetime(time);
        let change = change.if_version(live.record.version);
        let changed = within(self.store.commit(&key(name), &change)).await?;
        Ok(matches!(changed, Committed::Done(_)))
    }

    /// Gives a right back; `false` if it was lost.
    ///
    /// # Errors
    ///
    /// When the store fails or is silent for five seconds.
    pub async fn unlock(&self, name: &str) -> Result<bool, StoreError> {
        self.hold_lock(name, Duration::from_millis(1)).await
    }

    fn seal(&self, name: &str, value: &str, content: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut sealed = content.to_vec();
        let about = Aad::from(format!("{name} {value}"));
        let nonce = self.key.seal_in_place_append_tag(about, &mut sealed);
        let nonce = nonce.map_err(|_| StoreError::permanent("nothing can be sealed"))?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(sealed)
    }

    fn open(&self, name: &str, value: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (sealed, nonce) = sealed.split_at_checked(sealed.len().checked_sub(NONCE_LEN)?)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = Zeroizing::new(sealed.to_vec());
        let about = Aad::from(format!("{name} {value}"));
        let length = { self.key.open_in_place(nonce, about, &mut content) }
            .ok()?
            .len();
        content.truncate(length);
        Some(content)
    }
}

fn key(name: &str) -> SessionKey {
    let hash = digest(&SHA256, format!("panoply nodes {name}").as_bytes());
    let hash = hash.as_ref().first_chunk().copied();
    SessionKey::from_hash(hash.unwrap_or_default())
}

/// An answer of the store, within reason.
async fn within<T>(reply: Reply<'_, T>) -> Result<T, StoreError> {
    let silent = |_| StoreError::transient("the store does not answer");
    tokio::time::timeout(PATIENCE, reply)
        .await
        .map_err(silent)?
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;
    use panoply_store_memory::MemorySessionStore;

    use super::*;

    const TIME: Duration = Duration::from_secs(15);

    fn nodes(store: &MemorySessionStore, secret: &str) -> Nodes {
        let secret = Secret::new(secret.as_bytes().to_vec());
        Nodes::new(Arc::new(store.clone()), &secret).unwrap()
    }

    fn store(clock: &ManualClock) -> MemorySessionStore {
        MemorySessionStore::builder().clock(clock.clone()).build()
    }

    #[tokio::test]
    async fn what_one_keeps_another_has_and_nobody_else() {
        let store = store(&ManualClock::new());
        let (one, two) = (nodes(&store, "all"), nodes(&store, "all"));
        assert!(two.load("a").await.unwrap().is_none());
        let both: [(&str, Option<&[u8]>); 2] = [("pem", Some(b"key")), ("record", Some(b"{}"))];
        one.put("a", &both, TIME).await.unwrap();
        let more: [(&str, Option<&[u8]>); 2] = [("record", None), ("more", Some(b""))];
        two.put("a", &more, TIME).await.unwrap();
        let values = one.load("a").await.unwrap().unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["more", "pem"]);
        assert_eq!(**values.get("pem").unwrap(), b"key");
        let stranger = nodes(&store, "none").load("a").await.unwrap().unwrap();
        assert!(stranger.is_empty());
        let Loaded::Live(live) = store.load(&key("a")).await.unwrap() else {
            panic!("nothing is kept");
        };
        let pem = live.record.values.get("pem").unwrap();
        assert!(!pem.windows(3).any(|window| window == b"key"));
    }

    #[tokio::test]
    async fn what_was_moved_to_another_place_does_not_open() {
        let store = store(&ManualClock::new());
        let nodes = nodes(&store, "all");
        let pem: [(&str, Option<&[u8]>); 1] = [("pem", Some(b"key"))];
        nodes.put("a", &pem, TIME).await.unwrap();
        let Loaded::Live(live) = store.load(&key("a")).await.unwrap() else {
            panic!("nothing is kept");
        };
        let sealed = live.record.values.get("pem").unwrap().clone();
        for (name, value) in [("b", "pem"), ("a", "other")] {
            assert!(nodes.open(name, value, &sealed).is_none());
        }
        assert!(nodes.open("a", "pem", &sealed).is_some());
        let mut damaged = sealed.to_vec();
        damaged[0] ^= 1;
        assert!(nodes.open("a", "pem", &damaged).is_none());
        assert!(nodes.open("a", "pem", b"short").is_none());
    }

    #[tokio::test]
    async fn one_has_a_right_until_it_is_silent() {
        let clock = ManualClock::new();
        let store = store(&clock);
        let (one, two) = (nodes(&store, "all"), nodes(&store, "all"));
        assert!(one.try_lock("order", TIME).await.unwrap());
        assert!(!two.try_lock("order", TIME).await.unwrap());
        assert!(
            !two.hold_lock("order", TIME).await.unwrap() && !two.unlock("order").await.unwrap()
        );
        for _ in 0..10 {
            clock.advance(TIME / 3);
            assert!(one.hold_lock("order", TIME).await.unwrap());
            assert!(!two.try_lock("order", TIME).await.unwrap());
        }
        // Killed: it says nothing any more.
        clock.advance(TIME + Duration::from_millis(1));
        assert!(two.try_lock("order", TIME).await.unwrap());
        assert!(!one.hold_lock("order", TIME).await.unwrap());
        assert!(two.unlock("order").await.unwrap());
        clock.advance(Duration::from_millis(2));
        assert!(one.try_lock("order", TIME).await.unwrap());
    }
}
