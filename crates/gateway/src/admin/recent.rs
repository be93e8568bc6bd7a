//! The last requests that were refused.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::SystemTime;

use http::HeaderValue;
use panoply::trace::Exchange;
use panoply_core::{BlockId, RequestId};

/// As many are kept.
const MOST: usize = 100;

/// Characters of a text that a client has chosen.
const LONGEST: usize = 160;

/// The last refusals, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Refused>>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) at: SystemTime,
    pub(super) client: Option<IpAddr>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) agent: String,
    pub(super) status: u16,
    pub(super) rule: &'static str,
    pub(super) id: RequestId,
    pub(super) block: Option<BlockId>,
}

impl Recent {
    /// Takes note of a request, if it was refused.
    pub(crate) fn note(&self, exchange: &Exchange, now: SystemTime) {
        let Some(rule) = exchange.rule else { return };
        let refused = Refused {
            at: now,
            client: exchange.client,
            method: cut(exchange.method.as_str()),
            // Without the query, which may hold a token.
            path: cut(exchange.uri.path()),
            agent: exchange
                .user_agent
                .as_ref()
                .map(HeaderValue::as_bytes)
                .map(|agent| cut(&String::from_utf8_lossy(agent)))
                .unwrap_or_default(),
            status: exchange.status.as_u16(),
            rule,
            id: exchange.id,
            block: exchange.block,
        };
        // In a flood one fewer is not missed; no request waits for another here.
        if let Ok(mut last) = self.0.try_lock() {
            last.truncate(MOST - 1);
            last.push_front(refused);
        }
    }

    pub(super) fn newest(&self) -> Option<RequestId> {
        Some(self.0.lock().ok()?.front()?.id)
    }

    pub(super) fn list(&self) -> Vec<Refused> {
        self.0
            .lock()
            .map_or_else(|_| Vec::new(), |last| last.iter().cloned().collect())
    }
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
