//! A request whose answer may count, and what becomes of the answer.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use panoply_core::{
    Action, AskedForm, BlockId, ClientAddress, CounterKey, Decision, Op, Refusal, RequestId,
    StoreError, Subject,
};
use smallvec::SmallVec;

use super::layer::{AnswerLayer, Limit};

/// What is kept of a request until it is answered.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) layer: AnswerLayer,
    pub(super) client: ClientAddress,
    /// As the most lenient app reads it.
    pub(super) path: String,
    /// The limits that it falls under, by number.
    pub(super) limits: SmallVec<[usize; 4]>,
    pub(super) id: Option<RequestId>,
    pub(super) form: AskedForm,
}

/// What is to become of an answer.
pub(super) enum Verdict {
    /// It goes on.
    Passes,
    /// It is one too many, and this takes its place.
    Refused(Response<Bytes>),
}

impl Verdict {
    /// What the client is given of `answer`.
    pub(super) fn on<R: From<Bytes>>(self, answer: Response<R>) -> Response<R> {
        match self {
            Self::Passes => answer,
            Self::Refused(instead) => instead.map(R::from),
        }
    }
}

/// How an answer counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    number: usize,
    key: CounterKey,
    member: Option<CounterKey>,
}

impl Noted {
    /// Leaves the limits for which this answer counts; whether there are any.
    pub(super) fn counts<R>(&mut self, answer: &Response<R>) -> bool {
        let status = answer.status();
        let layer = &self.layer;
        self.limits.retain(|number| {
            layer
                .limit(*number)
                .is_some_and(|limit| limit.answers.contains(&status))
        });
        // What the suit, or the gateway in the app's place, has answered is not the app's.
        if self.limits.is_empty() || answer.extensions().get::<Refusal>().is_some() {
            return false;
        }
        let client = &self.client;
        self.limits.retain(|number| {
            let limit = layer.limit(*number);
            limit.is_some_and(|limit| !layer.spares().exempt(&limit.name, client))
        });
        !self.limits.is_empty()
    }

    fn counted(&self, dry: bool) -> SmallVec<[Counted; 2]> {
        let keys = self.layer.keys();
        let client = self.client.network().to_string();
        let limits = self.limits.iter();
        let counted = limits.filter_map(|&number| {
            let limit = self.layer.limit(number)?;
            let (name, own) = (limit.rule.name(), limit.sign.to_le_bytes());
            let parts: [&[u8]; 2] = [&own, client.as_bytes()];
            let path = || {
                let [own, client] = parts;
                let parts = [name.as_bytes(), own, client, self.path.as_bytes()];
                keys.key("scan/path", &parts)
            };
            (limit.dry_run == dry).then(|| Counted {
                number,
                key: keys.key(name, &parts),
                member: (!limit.each).then(path),
            })
        });
        counted.collect()
    }

    fn ops(&self, counted: &[Counted]) -> SmallVec<[Op<'_>; 2]> {
        let op = |counted: &Counted| {
            let limit = self.layer.limit(counted.number)?;
            let action = Action::Reserve {
                cost: 1,
                member: counted.member,
            };
            let op = Op::new(counted.key, &limit.rule, action);
            let subject = Subject::Client(self.client.network());
            Some(op.about(subject).write_behind())
        };
        counted.iter().filter_map(op).collect()
    }

    /// What becomes of the answer, if that is there without waiting.
    pub(super) fn judge_now(&self) -> Option<Verdict> {
        if self.layer.tries_out() {
            return None;
        }
        let turn = self.layer.list().turn();
        let counted = self.counted(false);
        let decided = self.layer.store().decide_now(&self.ops(&counted))?;
        Some(self.verdict(&counted, decided, turn))
    }

    /// The same, where it has to be waited for.
    pub(super) async fn judge(self: Box<Self>) -> Verdict {
        // Each by itself: what is only tried out must not undo what holds.
        for tried in self.counted(true) {
            let decided = self.layer.store().decide(&self.ops(&[tried])).await;
            if let (Ok(decision), Some(limit)) = (decided, self.layer.limit(tried.number))
                && !decision.is_granted()
            {
                limit.tell();
            }
        }
        let turn = self.layer.list().turn();
        let counted = self.counted(false);
        if counted.is_empty() {
            return Verdict::Passes;
        }
        let decided = self.layer.store().decide(&self.ops(&counted)).await;
        self.verdict(&counted, decided, turn)
    }

    fn verdict(
        &self,
        counted: &[Counted],
        decided: Result<Decision, StoreError>,
        turn: u64,
    ) -> Verdict {
        let decision = match decided {
            Ok(decision) => decision,
            Err(error) => {
                self.layer.tell_of_outage(&error);
                return Verdict::Passes;
            }
        };
        self.layer.tell_of_return();
        let mut refused = None;
        for (counted, state) in counted.iter().zip(decision.states()) {
            // Where one refuses, what is said of the others is not so.
            let is_held = state.locked && (decision.is_granted() || !state.allowed);
            let Some(limit) = self.layer.limit(counted.number).filter(|_| is_held) else {
                continue;
            };
            let left = decision.wait(state);
            let id = BlockId::of(counted.key);
            let client = self.client.network();
            { self.layer.list() }.hold(client, id, &limit.name, left, turn);
            if state.just_locked {
                self.tell(limit, id, state.count, left);
            } else if !decision.is_granted() {
                refused = Some((id, left));
            }
        }
        let Some((id, left)) = refused else {
            return Verdict::Passes;
        };
        let refusal = refusal(id, left);
        let refusal = match self.id {
            Some(id) => refusal.with_id(id),
            None => refusal,
        };
        Verdict::Refused(refusal.answer_as(&self.form))
    }

    /// Says in the log, once for each time, who is held out and why.
    fn tell(&self, limit: &Limit, block: BlockId, count: i64, left: Option<Duration>) {
        tracing::warn!(
            client.ip = %self.client.network(),
            rule = limit.rule.name(),
            %block,
            count,
            last = ?self.path,
            lock_s = left.map(|left| left.as_secs()),
            "{}: it is held out from the whole site; `panoply blocks release` lets it in, `exempt` spares it, and if \
             it is a proxy, `client.trusted_proxies` names it",
            limit.why
        );
    }
}

/// What a client is answered that is held out.
pub(crate) fn refusal(block: BlockId, left: Option<Duration>) -> Refusal {
    let detail = "Too many requests. Try again later.";
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "limits/answers", detail);
    let left = left.unwrap_or(Duration::from_hours(24));
    refusal.with_retry_after(left).with_block(block)
}
