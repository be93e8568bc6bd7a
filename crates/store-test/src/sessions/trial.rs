//! A store of sessions on trial.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Committed, CounterKeys, Destroy, LiveSession, Loaded, ManualClock, SessionChange, SessionInfo,
    SessionKey, SessionStamp, SessionStore, UserChange, UserKey,
};

/// An empty store of sessions and the way its time passes.
#[derive(Debug, Clone)]
pub struct SessionTrial {
    /// The store.
    pub store: Arc<dyn SessionStore>,
    /// What the cases measure time in: an hour where the clock is moved, less where it is waited.
    pub unit: Duration,
    clock: Option<ManualClock>,
    keys: CounterKeys,
    _server: Option<Arc<dyn Any + Send + Sync>>,
}

impl SessionTrial {
    /// A store whose time is moved by hand.
    pub fn moved(store: Arc<dyn SessionStore>, clock: ManualClock) -> Self {
        Self {
            store,
            unit: Duration::from_hours(1),
            clock: Some(clock),
            keys: CounterKeys::random().unwrap(),
            _server: None,
        }
    }

    /// A store with a clock of its own, for which the suite waits: `unit` is some tenths of a
    /// second, well above the time that a round trip takes.
    pub fn waited(store: Arc<dyn SessionStore>, unit: Duration) -> Self {
        Self {
            unit,
            clock: None,
            ..Self::moved(store, ManualClock::new())
        }
    }

    /// The same, with the server that the store needs: it ends with the trial.
    #[must_use]
    pub fn on(self, server: impl Any + Send + Sync) -> Self {
        Self {
            _server: Some(Arc::new(server)),
            ..self
        }
    }

    /// Whether times can be compared to the microsecond.
    pub const fn is_exact(&self) -> bool {
        self.clock.is_some()
    }

    /// Lets `units` go by.
    pub async fn pass(&self, units: f64) {
        let time = self.units(units);
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// So many units.
    pub fn units(&self, units: f64) -> Duration {
        self.unit.mul_f64(units)
    }

    /// A key of its own for `name`.
    pub fn key(&self, name: &str) -> SessionKey {
        SessionKey::from_hash(self.hash("session", name))
    }

    /// A user called `name`.
    pub fn user(&self, name: &str) -> UserKey {
        UserKey::from_hash(self.hash("user", name))
    }

    /// A login of that user's, with as many sessions as they like.
    pub fn login(&self, name: &str) -> SessionChange {
        SessionChange::new().user(UserChange::Set {
            user: self.user(name),
            most: None,
        })
    }

    /// A login of that user's with a cap.
    pub fn capped_login(&self, name: &str, most: u32) -> SessionChange {
        SessionChange::new().user(UserChange::Set {
            user: self.user(name),
            most: std::num::NonZeroU32::new(most),
        })
    }

    /// A change that creates a session which no case outlives.
    pub fn create(&self) -> SessionChange {
        SessionChange::create(self.unit * 1000, self.unit * 2000)
    }

    /// Commits, and expects the store to answer.
    pub async fn commit(&self, key: &SessionKey, change: &SessionChange) -> Committed {
        self.store.commit(key, change).await.unwrap()
    }

    /// Commits, and expects it to be done.
    pub async fn done(&self, key: &SessionKey, change: &SessionChange) -> SessionStamp {
        match self.commit(key, change).await {
            Committed::Done(stamp) => stamp,
            other => panic!("{other:?} for {change:?}"),
        }
    }

    /// Makes a session called `name`.
    pub async fn make(&self, name: &str) -> SessionKey {
        let key = self.key(name);
        self.done(&key, &self.create()).await;
        key
    }

    /// What the key leads to.
    pub async fn load(&self, key: &SessionKey) -> Loaded {
        self.store.load(key).await.unwrap()
    }

    /// The session that the key leads to.
    pub async fn live(&self, key: &SessionKey) -> LiveSession {
        match self.load(key).await {
            Loaded::Live(live) => live,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the key leads nowhere.
    pub async fn is_absent(&self, key: &SessionKey) -> bool {
        matches!(self.load(key).await, Loaded::Absent)
    }

    /// Whether the key is known as replaced.
    pub async fn is_replaced(&self, key: &SessionKey) -> bool {
        matches!(self.load(key).await, Loaded::Replaced)
    }

    /// The value of that name, as text.
    pub async fn value(&self, key: &SessionKey, name: &str) -> Option<String> {
        let live = self.live(key).await;
        let value = live.record.values.get(name)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }

    /// All sessions of a user.
    pub async fn sessions(&self, user: &str) -> Vec<SessionInfo> {
        let user = self.user(user);
        self.store.sessions(&user, None, 1000).await.unwrap()
    }

    /// Destroys, and expects the store to answer.
    pub async fn destroy(&self, which: Destroy<'_>) -> usize {
        self.store.destroy(which).await.unwrap()
    }

    fn hash(&self, kind: &str, name: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        for (part, bytes) in ["high", "low"].into_iter().zip(hash.chunks_mut(16)) {
            let key = self.keys.key(kind, &[part.as_bytes(), name.as_bytes()]);
            bytes.copy_from_slice(&key.to_bits().to_be_bytes());
        }
        hash
    }
}
