//! What the fuzz targets see of the wire; in no other build.

use crate::wire::{Stop, replay};

/// Where the server stands after the bytes it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Between two messages.
    Outside,
    /// In a head.
    Head,
    /// In a body, its chunks and trailers included.
    Body,
    /// At what is refused, with no more to be read.
    Refused,
}

/// The bodies of the requests in `pieces` that are whole, and where that ends.
pub fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Place) {
    let (bodies, stop) = replay(pieces);
    let place = match stop {
        Stop::Between => Place::Outside,
        Stop::Head => Place::Head,
        Stop::Body => Place::Body,
        Stop::Refused(..) | Stop::Malformed(_) => Place::Refused,
    };
    (bodies, place)
}
