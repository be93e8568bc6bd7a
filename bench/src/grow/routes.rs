//! Rules by path: limits of requests, and headers other than the site's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use panoply::headers::{Headers, XFrameOptions};
use panoply::limits::LimitLayer;
use panoply::{ClientAddress, LimitConfig, Scheme};
use panoply_core::CounterKeys;
use panoply_store_memory::MemoryStore;

use super::{Told, nanos};
use crate::paths::Path;
use crate::paths::layers::{address, layered, request};

const CALLS: u32 = 20_000;

/// Limits, the first for all paths, each of the others for one of its own.
pub(crate) fn limits_of(many: u32) -> Result<LimitLayer> {
    let limit = |number| {
        let limit = LimitConfig::new(u32::MAX, Duration::from_hours(1));
        match number {
            0 => limit,
            number => limit.path(format!("/route{number}/")),
        }
    };
    let store = Arc::new(MemoryStore::default());
    let keys = CounterKeys::new([7; 16]);
    Ok(LimitLayer::new((0..many).map(limit), store, keys)?)
}

/// Helmet's headers, and others for so many paths.
pub(crate) fn headers_of(many: u32) -> Result<Headers> {
    let mut headers = Headers::helmet();
    for number in 0..many {
        let prefix = format!("/route{number}");
        headers = headers.path(&prefix, |path| path.frame_options(XFrameOptions::Deny));
    }
    Ok(headers.build()?)
}

/// A request to the last of all paths, and one to none of them.
pub(super) fn limits(many: u32) -> Result<Told> {
    let layer = limits_of(many)?;
    let asks = |path: &'static str| -> Path {
        layered(&layer, move |number| {
            let mut request = request(path);
            let peer = SocketAddr::from((address(number), 4000));
            let client = ClientAddress::direct(peer, Scheme::Https);
            request.extensions_mut().insert(client);
            request
        })
    };
    told(many - 1, asks)
}

/// The same for headers.
pub(super) fn headers(many: u32) -> Result<Told> {
    let layer = headers_of(many)?.layer();
    told(many - 1, |path| layered(&layer, move |_| request(path)))
}

fn told(last: u32, asks: impl Fn(&'static str) -> Path) -> Result<Told> {
    // A request wants a path for ever, and this process ends soon.
    let path: &'static str = format!("/route{last}/a/page").leak();
    let matched = nanos(&mut asks(path), CALLS)?;
    let unmatched = nanos(&mut asks("/another/page"), CALLS)?;
    Ok(vec![("matched", matched), ("unmatched", unmatched)])
}
