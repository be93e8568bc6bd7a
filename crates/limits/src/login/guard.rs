//! The guard itself: attempts are reserved, then settled.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, CounterKey, CounterKeys, CounterStore, Decision, Op, Release, Rule,
    Secret, StoreError, Subject,
};
use smallvec::SmallVec;

use super::attempt::{Attempt, FORGIVE, KNOW, Taken};
use super::claim::{Claim, Denied, Refused};
use super::device::{Device, DeviceSeal};
use super::rules::LoginRules;
use crate::Error;

/// Counts login attempts before they are made, so that no guess slips through.
///
/// Every attempt is reserved in all of its counters at once, and refused if one of them is full. A
/// failure keeps what was reserved, a success gives it back. Clones share the counters.
#[derive(Debug, Clone)]
pub struct LoginGuard(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Arc<dyn CounterStore>,
    keys: CounterKeys,
    pub(super) seal: DeviceSeal,
    pub(super) rules: LoginRules,
    realm: String,
    /// Under what it counts: its realm, but for one that is only tried out.
    counts_in: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Pair,
    Client,
    User,
    Names,
    Ever,
    Device,
    Trust,
}

/// The operations of one decision, and what they are about.
type Plan = SmallVec<[(CounterKey, Which, Option<CounterKey>, Subject); 5]>;

impl LoginGuard {
    /// A guard with `rules` on `store`. Nodes that share a store share the secret, of 16 bytes at
    /// least; guards of one realm count together.
    ///
    /// # Errors
    ///
    /// When the secret is too short.
    pub fn new(
        store: Arc<dyn CounterStore>,
        secret: &Secret,
        rules: LoginRules,
        realm: impl Into<String>,
    ) -> Result<Self, Error> {
        let realm = realm.into();
        let counts_in = realm.clone();
        Self::counting(store, secret, rules, (realm, counts_in))
    }

    /// One that is only tried out. It counts by itself, or it would lock out whom it should only tell of, at the other
    /// logins of its realm. Their devices are known to it.
    pub(super) fn tried_out(
        store: Arc<dyn CounterStore>,
        secret: &Secret,
        rules: LoginRules,
        realm: String,
    ) -> Result<Self, Error> {
        let counts_in = format!("{realm} tried out");
        Self::counting(store, secret, rules, (realm, counts_in))
    }

    fn counting(
        store: Arc<dyn CounterStore>,
        secret: &Secret,
        rules: LoginRules,
        (realm, counts_in): (String, String),
    ) -> Result<Self, Error> {
        let (keys, seal) = super::device::derive(secret)?;
        Ok(Self(Arc::new(Inner {
            store,
            keys,
            seal,
            rules,
            realm,
            counts_in,
        })))
    }

    /// Whether it is the same guard, or a clone of it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether what it counts of a user is what the other counts of that one, too.
    pub(super) fn counts_with(&self, other: &Self) -> bool {
        self.0.counts_in == other.0.counts_in && Arc::ptr_eq(&self.0.store, &other.0.store)
    }

    /// Reserves an attempt of `user` from `client`.
    ///
    /// # Errors
    ///
    /// When a rule refuses it, or the store fails.
    pub async fn attempt(&self, client: IpAddr, user: &str) -> Result<Attempt, Denied> {
        self.claim(Claim::new(client).user(user)).await
    }

    /// Reserves an attempt.
    ///
    /// A known device is let in by its own counter alone. When that is full, it is treated as an
    /// unknown one.
    ///
    /// # Errors
    ///
    /// When a rule refuses it, or the store fails.
    pub async fn claim(&self, claim: Claim) -> Result<Attempt, Denied> {
        if let Some(plan) = self.device_plan(&claim) {
            let decision = self.reserve(&plan).await?;
            if decision.is_granted() {
                return Ok(self.granted(plan, &decision, claim));
            }
        }
        let plan = self.plan(&claim);
        let decision = self.reserve(&plan).await?;
        if decision.is_granted() {
            Ok(self.granted(plan, &decision, claim))
        } else {
            Err(Denied::Refused(Self::refused(&plan, &decision)))
        }
    }

    /// The blocks in force, see [`CounterStore::blocks`].
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn blocks(
        &self,
        after: Option<BlockId>,
        most: usize,
    ) -> Result<Vec<Block>, StoreError> {
        self.0.store.blocks(after, most).await
    }

    /// Releases blocks, see [`CounterStore::release`].
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release(&self, which: Release) -> Result<usize, StoreError> {
        self.0.store.release(which).await
    }

    /// Forgets the failures of a user, from wherever, and lifts the locks that came of them; says
    /// how many counters there were. Only who knows the name can find them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release_user(&self, user: &str) -> Result<usize, StoreError> {
        const PAGE: usize = 500;
        let name = super::name::normalised(user);
        let user = name.as_bytes();
        let mut released = 0;
        if let Some(rule) = self.rule(Which::Trust) {
            // No failures, and so not told of.
            let forget =
                |what| Op::new(self.key(Which::Trust, &[what, user]), rule, Action::Forget);
            self.0.store.decide(&[FORGIVE, KNOW].map(forget)).await?;
        }
        for which in [Which::User, Which::Ever] {
            if let Some(rule) = self.rule(which) {
                let forget = Op::new(self.key(which, &[user]), rule, Action::Forget);
                let decision = self.0.store.decide(&[forget]).await?;
                released += usize::from(decision.state().existed);
            }
        }
        let mut after = None;
        loop {
            let page = self.0.store.blocks(after, PAGE).await?;
            after = page.last().map(Block::id);
            for block in &page {
                let Subject::UserFrom(client) = block.subject else {
                    continue;
                };
                if self.key(Which::Pair, &[user, &bytes_of(client)]) == block.key {
                    released += self.0.store.release(Release::Id(block.id())).await?;
                }
            }
            if page.len() < PAGE {
                return Ok(released);
            }
        }
    }

    /// Blocks a client by hand for `time`, or until it is released.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn block(
        &self,
        client: IpAddr,
        time: Option<Duration>,
    ) -> Result<BlockId, StoreError> {
        let fallback = LoginRules::default();
        let rules = [&self.0.rules.client, &fallback.client];
        let Some(rule) = rules.into_iter().flatten().next() else {
            return Err(StoreError::permanent(
                "there is no rule to block a client by",
            ));
        };
        let key = self.key(Which::Client, &[&bytes_of(client)]);
        let op = Op::new(key, rule, Action::Block { time }).about(Subject::Client(client));
        self.0.store.decide(&[op]).await?;
        Ok(BlockId::of(key))
    }

    /// The device that a cookie stands for, if it is one of ours.
    pub fn device(&self, cookie: &str) -> Option<Device> {
        self.0.seal.open(cookie)
    }

    pub(super) fn rule(&self, which: Which) -> Option<&Rule> {
        let rules = &self.0.rules;
        match which {
            Which::Pair => rules.pair.as_ref(),
            Which::Client => rules.client.as_ref(),
            Which::User => rules.user.as_ref(),
            Which::Names => rules.names.as_ref(),
            Which::Ever => rules.ever.as_ref(),
            Which::Device => rules.device.as_ref(),
            Which::Trust => Some(&rules.trust),
        }
    }

    pub(super) fn key(&self, which: Which, parts: &[&[u8]]) -> CounterKey {
        let realm = self.0.counts_in.as_bytes();
        let parts: SmallVec<[&[u8]; 4]> = std::iter::once(realm)
            .chain(parts.iter().copied())
            .collect();
        self.0.keys.key(which.name(), &parts)
    }

    fn device_plan(&self, claim: &Claim) -> Option<Plan> {
        let device = claim.device.as_ref()?;
        let user = claim.only_user()?;
        if device.user() != self.user_key(user) || self.0.rules.device.is_none() {
            return None;
        }
        let key = self.key(Which::Device, &[device.id()]);
        Some(SmallVec::from_iter([(
            key,
            Which::Device,
            None,
            Subject::User,
        )]))
    }

    fn plan(&self, claim: &Claim) -> Plan {
        let address = bytes_of(claim.client);
        let client = Subject::Client(claim.client);
        let mut plan = Plan::new();
        plan.push((
            self.key(Which::Client, &[&address]),
            Which::Client,
            None,
            client,
        ));
        if !claim.users.is_empty() {
            // Several names in one request are one combination, which counts as one name.
            let mut sorted: Vec<&[u8]> = claim.users.iter().map(String::as_bytes).collect();
            sorted.sort_unstable();
            sorted.push(&address);
            let member = self.0.keys.key("login/name", &sorted);
            let set = self.key(Which::Names, &[&address]);
            plan.push((set, Which::Names, Some(member), client));
        }
        for user in &claim.users {
            let user = user.as_bytes();
            let pair = self.key(Which::Pair, &[user, &address]);
            plan.push((pair, Which::Pair, None, Subject::UserFrom(claim.client)));
            for which in [Which::User, Which::Ever] {
                plan.push((self.key(which, &[user]), which, None, Subject::User));
            }
        }
        plan.retain(|(_, which, ..)| {
            let of_client = matches!(which, Which::Client | Which::Names);
            self.rule(*which).is_some() && !(of_client && claim.spares_client())
        });
        plan
    }

    pub(super) fn user_key(&self, user: &str) -> CounterKey {
        let realm = self.0.realm.as_bytes();
        self.0
            .keys
            .key("login/device user", &[realm, user.as_bytes()])
    }

    async fn reserve(&self, plan: &Plan) -> Result<Decision, StoreError> {
        let ops: SmallVec<[Op<'_>; 5]> = plan
            .iter()
            .filter_map(|&(key, which, member, subject)| {
                let action = Action::Reserve { cost: 1, member };
                Some(Op::new(key, self.rule(which)?, action).about(subject))
            })
            .collect();
        self.0.store.decide(&ops).await
    }

    fn granted(&self, plan: Plan, decision: &Decision, claim: Claim) -> Attempt {
        let taken = plan.into_iter().zip(decision.states());
        let taken = taken.map(|((key, rule, member, _), state)| Taken {
            key,
            rule,
            member,
            receipt: state.receipt,
            earlier: state.count > 1,
        });
        Attempt {
            guard: self.clone(),
            taken: taken.collect(),
            claim,
        }
    }

    /// The refusal that lasts longest.
    fn refused(plan: &Plan, decision: &Decision) -> Refused {
        // Of those that last equally long the first, which is the narrowest: reversed, since the
        // greatest is the last of equals.
        let refusals = plan.iter().zip(decision.states()).rev();
        let longest = refusals
            .filter(|(_, state)| !state.allowed)
            .max_by_key(|(_, state)| state.until);
        let Some(((key, which, ..), state)) = longest else {
            // Unreachable: a decision is refused by one of its operations.
            return Refused {
                rule: "login",
                block: BlockId::of(CounterKey::from_bits(0)),
                count: 0,
                retry_after: Some(Duration::ZERO),
            };
        };
        Refused {
            rule: which.name(),
            block: BlockId::of(*key),
            count: state.count,
            retry_after: decision.wait(state),
        }
    }
}

impl Which {
    pub(super) const fn name(self) -> &'static str {
        use super::rules::{CLIENT, DEVICE, EVER, NAMES, PAIR, TRUST, USER};
        match self {
            Self::Pair => PAIR,
            Self::Client => CLIENT,
            Self::User => USER,
            Self::Names => NAMES,
            Self::Ever => EVER,
            Self::Device => DEVICE,
            Self::Trust => TRUST,
        }
    }
}

fn bytes_of(address: IpAddr) -> [u8; 17] {
    let mut bytes = [0; 17];
    let (kind, rest) = bytes.split_at_mut(1);
    match address {
        IpAddr::V4(address) => {
            kind.fill(4);
            for (to, from) in rest.iter_mut().zip(address.octets()) {
                *to = from;
            }
        }
        IpAddr::V6(address) => {
            kind.fill(6);
            rest.copy_from_slice(&address.octets());
        }
    }
    bytes
}
