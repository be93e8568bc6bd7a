//! How a manager keeps its directory and what the nodes share the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use panoply_core::StoreError;
use panoply_tls::{Challenges, Nodes, Standing, Values};
use zeroize::Zeroizing;

use crate::builder::Group;
use crate::config::ChallengeKind;
use crate::plan::Record;
use crate::storage::{Lock, Storage};

/// How often nodes look what the others have done.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// How long the right to order lasts without a word; whoever has it says one each third of that.
const LOCK: Duration = Duration::from_secs(15);

/// How often, each fifth of a second, it is looked whether such a right is free again.
const TURNS: u32 = 100;

/// How long answers to challenges are kept.
const ANSWERS: Duration = Duration::from_mins(20);

/// How long anything else is kept without being written.
const KEPT: Duration = Duration::from_hours(24 * 365 * 2);

/// The names under which nodes share.
const CHALLENGES: &str = "acme challenges";
const ACCOUNTS: &str = "acme accounts";
const DEMAND: &str = "acme on-demand";

/// The file in which orders on demand are counted, where no nodes share.
const DEMAND_FILE: &str = "on-demand.json";

fn unusable(_: std::io::Error) -> StoreError {
    StoreError::transient("the state directory cannot be used")
}

/// Nodes with other directories do not take over each other's certificates.
fn of_group(group: &Group) -> String {
    format!("acme {} {}", group.name(), group.asked)
}

fn right_to(what: &str) -> String {
    format!("acme lock {what}")
}

/// What is shared with other nodes, where there are any.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    nodes: OnceLock<Arc<Nodes>>,
    /// The answers that are given here for others.
    given: Mutex<HashMap<String, (Vec<u8>, Standing)>>,
}

/// The values of a certificate.
const PEM: &str = "pem";
const RECORD: &str = "record";

impl Sharing {
    /// Shares from now on; a second call changes nothing.
    pub(crate) fn with(&self, nodes: Arc<Nodes>) {
        // Another caller has done the same.
        let _ = self.nodes.set(nodes);
    }

    pub(crate) fn nodes(&self) -> Option<&Nodes> {
        self.nodes.get().map(|nodes| &**nodes)
    }

    /// Takes over what other nodes have done, and hands out what only this one has, or has newer: the
    /// store may have been away when it was done.
    pub(crate) async fn pull(&self, storage: &Storage, group: &Group) -> Result<(), StoreError> {
        let Some(nodes) = self.nodes() else {
            return Ok(());
        };
        let Some(mut values) = nodes.load(&of_group(group)).await? else {
            return self.push(storage, group).await;
        };
        let record = storage.read(&group.record()).map_err(unusable)?;
        let ours = Record::read(record.as_ref().map(|text| text.as_slice())).version;
        let theirs = Record::read(values.get(RECORD).map(|text| text.as_slice())).version;
        let is_whole = || Ok(storage.read(&group.pem()).map_err(unusable)?.is_some());
        if ours > theirs && (!values.contains_key(PEM) || is_whole()?) {
            return self.push(storage, group).await;
        }
        let pem = group.pem();
        for (value, file, after) in [(PEM, &pem, None), (RECORD, &group.record(), Some(&*pem))] {
            let Some(theirs) = values.remove(value) else {
                continue;
            };
            let ours = storage.read(file).map_err(unusable)?;
            if ours.as_ref().is_none_or(|ours| **ours != *theirs)
                && let Err(error) = storage.keep(file, &theirs, after)
            {
                // It is in the store, and in force here.
                let path = storage.path(file);
                tracing::warn!(path = %path.display(), %error, "what another node has done is in memory alone");
            }
        }
        Ok(())
    }

    /// Hands out what is on disk.
    pub(crate) async fn push(&self, storage: &Storage, group: &Group) -> Result<(), StoreError> {
        let Some(nodes) = self.nodes() else {
            return Ok(());
        };
        let pem = storage.read(&group.pem()).map_err(unusable)?;
        let record = storage.read(&group.record()).map_err(unusable)?;
        let values: Vec<(&str, Option<&[u8]>)> = [(PEM, &pem), (RECORD, &record)]
            .into_iter()
            .filter_map(|(value, content)| Some((value, Some(content.as_ref()?.as_slice()))))
            .collect();
        if values.is_empty() {
            return Ok(());
        }
        nodes.put(&of_group(group), &values, KEPT).await
    }

    /// Gives the answers of other nodes' orders here too.
    pub(crate) async fn answer(&self, challenges: &Challenges) -> Result<(), StoreError> {
        let Some(nodes) = self.nodes() else {
            return Ok(());
        };
        let answers = nodes.load(CHALLENGES).await?.unwrap_or_default();
        let mut given = self
            .given
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Also for a name that is asked for again: its answer is another one each time.
        given.retain(|what, (answer, _)| answers.get(what).is_some_and(|now| **now == *answer));
        for (what, answer) in fresh(&answers, &given) {
            if let Some(standing) = stand(challenges, &what, &answer) {
                given.insert(what, (answer, standing));
            }
        }
        Ok(())
    }

    /// Lets every node give an answer, and waits until they do.
    pub(crate) async fn spread(&self, what: &str, answer: &[u8]) -> Result<(), StoreError> {
        let Some(nodes) = self.nodes() else {
            return Ok(());
        };
        nodes
            .put(CHALLENGES, &[(what, Some(answer))], ANSWERS)
            .await?;
        tokio::time::sleep(LOOK * 2).await;
        Ok(())
    }

    /// Lets no node give those answers any more; they end by themselves too.
    pub(crate) async fn withdraw(&self, what: &[String]) {
        let Some(nodes) = self.nodes().filter(|_| !what.is_empty()) else {
            return;
        };
        let values: Vec<_> = what.iter().map(|what| (what.as_str(), None)).collect();
        if let Err(error) = nodes.put(CHALLENGES, &values, ANSWERS).await {
            tracing::debug!(%error, "answers to challenges stay for some minutes");
        }
    }

    /// The account that nodes have in common, by its file.
    pub(crate) async fn account(
        &self,
        file: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some(nodes) = self.nodes() else {
            return Ok(None);
        };
        let accounts = nodes.load(ACCOUNTS).await?;
        Ok(accounts.and_then(|mut all| all.remove(file)))
    }

    /// Lets nodes have an account in common, or none.
    pub(crate) async fn put_account(
        &self,
        file: &str,
        account: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        match self.nodes() {
            Some(nodes) => nodes.put(ACCOUNTS, &[(file, account)], KEPT).await,
            None => Ok(()),
        }
    }

    /// The orders on demand of the last hour, those of all nodes.
    pub(crate) async fn spent(
        &self,
        storage: &Storage,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match self.nodes() {
            Some(nodes) => {
                let values = nodes.load(DEMAND).await?;
                Ok(values.and_then(|mut all| all.remove(RECORD)))
            }
            None => storage.read(DEMAND_FILE).map_err(unusable),
        }
    }

    /// Writes them down.
    pub(crate) async fn spend(&self, storage: &Storage, orders: &[u8]) -> Result<(), StoreError> {
        match self.nodes() {
            Some(nodes) => nodes.put(DEMAND, &[(RECORD, Some(orders))], KEPT).await,
            None => storage.write(DEMAND_FILE, orders).map_err(unusable),
        }
    }

    /// Takes the right to do something, such as to order one certificate; `false` while another node
    /// has it.
    pub(crate) async fn begin(&self, what: &str) -> Result<bool, StoreError> {
        match self.nodes() {
            Some(nodes) => nodes.try_lock(&right_to(what), LOCK).await,
            None => Ok(true),
        }
    }

    /// Gives it back.
    pub(crate) async fn end(&self, what: &str) {
        if let Some(nodes) = self.nodes()
            && let Err(error) = nodes.unlock(&right_to(what)).await
        {
            tracing::debug!(%error, "a right among nodes ends by itself");
        }
    }

    /// Keeps that right for as long as this is polled; done when it is lost. While the store is away
    /// nobody else can take it either.
    pub(crate) async fn hold(&self, what: &str) {
        let Some(nodes) = self.nodes() else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(LOCK / 3).await;
            match nodes.hold_lock(&right_to(what), LOCK).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "the right to order is not kept"),
            }
        }
    }

    /// As [`begin`](Self::begin), among the processes of this machine too, and waits for whoever has it.
    pub(crate) async fn alone(&self, storage: &Storage, what: &str) -> Result<Lock, StoreError> {
        let mut lock = None;
        for _ in 0..TURNS {
            if lock.is_none() {
                lock = storage.try_lock(what).map_err(unusable)?;
            }
            if let Some(held) = lock.take() {
                if self.begin(what).await? {
                    return Ok(held);
                }
                lock = Some(held);
            }
            tokio::time::sleep(LOOK / 10).await;
        }
        Err(StoreError::transient("others are at it"))
    }
}

/// Answers that are not given yet.
fn fresh(answers: &Values, given: &HashMap<String, (Vec<u8>, Standing)>) -> Vec<(String, Vec<u8>)> {
    let fresh = answers
        .iter()
        .filter(|(what, _)| !given.contains_key(*what));
    fresh
        .map(|(what, answer)| (what.clone(), answer.to_vec()))
        .collect()
}

/// What an answer is called among nodes: for a token or a name.
pub(crate) fn called(kind: ChallengeKind, of: &str) -> String {
    format!("{kind} {of}")
}

fn stand(challenges: &Challenges, what: &str, answer: &[u8]) -> Option<Standing> {
    let (kind, of) = what.split_once(' ')?;
    if kind == ChallengeKind::Http01.to_string() {
        return Some(challenges.answer_http(of, std::str::from_utf8(answer).ok()?));
    }
    challenges.answer_tls_alpn(of, answer).ok()
}

#[cfg(test)]
mod tests;
