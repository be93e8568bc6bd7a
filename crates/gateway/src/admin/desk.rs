//! What the admin listener knows besides what all threads share.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderMap;
use panoply_core::Nonce;

use super::door::Door;
use super::headers;
use super::numbers::Numbers;
use super::series::Series;
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// Behind the admin listener.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) around: Surroundings,
    pub(super) door: Door,
    pub(super) series: RefCell<Series>,
    pub(super) headers: HeaderMap,
    /// Stands in each form, where no other site can read it.
    pub(super) form: Nonce,
    /// Where is counted: what was opened, whatever the file says by now.
    pub(super) store: String,
}

impl Desk {
    pub(super) fn new(
        shared: Arc<Shared>,
        around: Surroundings,
        bound: SocketAddr,
    ) -> io::Result<Self> {
        let store = shared.live.load().store.clone();
        Ok(Self {
            shared,
            around,
            door: Door::new(bound),
            series: RefCell::default(),
            headers: headers::own().map_err(io::Error::other)?,
            form: Nonce::random().map_err(io::Error::other)?,
            store,
        })
    }

    /// Everything that is counted, now.
    pub(super) fn numbers(&self) -> Numbers {
        Numbers::read(&self.shared.metrics.handle().render())
    }
}
