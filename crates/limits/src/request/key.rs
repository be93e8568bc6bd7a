//! The key under which a request is counted.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{Extensions, Method, Request};
use panoply_core::{ClientAddress, Connection, CounterKey, Rule, Scheme};
use smallvec::SmallVec;

use super::layer::{Key, Limit, LimitLayer, LimitedUser};
use crate::names::{FNV, fnv};

/// A kind and what is told apart by it; most are short enough to need no allocation.
struct Part(SmallVec<[u8; 56]>);

impl Part {
    fn new(kind: u8, value: &[u8]) -> Self {
        let mut part = SmallVec::from_slice(&[kind]);
        part.extend_from_slice(value);
        Self(part)
    }
}

/// The key by which `limit` counts a request to `path`, under one of its rules.
pub(super) fn key<B>(
    layer: &LimitLayer,
    (limit, rule): (&Limit, &Rule),
    request: &Request<B>,
    path: &str,
) -> CounterKey {
    let mut place = [0; 16];
    let (first, second) = place.split_at_mut(8);
    first.copy_from_slice(&limit.alike.to_le_bytes());
    second.copy_from_slice(&limit.sign.to_le_bytes());
    // One with a name of its own, for all of the site's, counts where it always did.
    let length = if limit.sign == 0 { 8 } else { 16 };
    let place = place.get(..length).unwrap_or(&place);
    if let [Key::Client] = limit.keys.as_slice() {
        // As nearly all are.
        let client = of_client(layer, request);
        return layer.keys().key(rule.name(), &[place, &client.0]);
    }
    let of_client = || of_client(layer, request);
    let part = |key: &Key| match key {
        Key::Client => of_client(),
        Key::Path => Part::new(b'p', path.as_bytes()),
        Key::User => match request.extensions().get::<LimitedUser>() {
            Some(user) => Part::new(b'u', user.as_bytes()),
            None => of_client(),
        },
        Key::Header(name) => match request.headers().get(name) {
            Some(value) => Part::new(b'h', value.as_bytes()),
            None => of_client(),
        },
    };
    let values: SmallVec<[Part; 1]> = limit.keys.iter().map(part).collect();
    let mut parts: SmallVec<[&[u8]; 3]> = SmallVec::from_slice(&[place]);
    parts.extend(values.iter().map(|part| part.0.as_slice()));
    layer.keys().key(rule.name(), &parts)
}

fn of_client<B>(layer: &LimitLayer, request: &Request<B>) -> Part {
    let client = client(request.extensions());
    match client.map(|client| client.network()) {
        Some(IpAddr::V4(client)) => Part::new(b'c', &client.octets()),
        Some(IpAddr::V6(client)) => Part::new(b'c', &client.octets()),
        None => {
            layer.tell_of_nobody();
            Part::new(b'c', b"")
        }
    }
}

/// Who the client layer has found, or, where none stands before, the peer, whose word on others nobody takes.
pub(super) fn client(extensions: &Extensions) -> Option<Cow<'_, ClientAddress>> {
    if let Some(found) = extensions.get() {
        return Some(Cow::Borrowed(found));
    }
    let peer = peer(extensions)?;
    Some(Cow::Owned(ClientAddress::direct(peer, Scheme::Http)))
}

fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    if let Some(connection) = extensions.get::<Connection>() {
        return Some(connection.peer);
    }
    #[cfg(feature = "axum")]
    {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
        let served = || extensions.get().map(|ConnectInfo(peer)| *peer);
        let mocked = || extensions.get().map(|MockConnectInfo(peer)| *peer);
        served().or_else(mocked)
    }
    #[cfg(not(feature = "axum"))]
    None
}

/// What tells a limit without a name from others without one: FNV-1a, the same on every node.
pub(super) fn sign(points: i64, window: Duration, methods: &[Method]) -> u64 {
    let numbers = [
        points.to_le_bytes().as_slice(),
        &window.as_nanos().to_le_bytes(),
    ]
    .concat();
    let names = methods
        .iter()
        .flat_map(|method| [method.as_str().as_bytes(), b" "]);
    fnv(FNV, numbers.iter().chain(names.flatten()).copied())
}
