//! What the fuzz targets see of the wire; in no other build.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::{Framing, Sweeper, Wire};

/// Where the framing check stands after the bytes it has followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Between two messages, or no longer following.
    Outside,
    /// In a head.
    Head,
    /// In a body, its chunks and trailers included.
    Body,
}

/// Follows `pieces`: where that ends, or the offset and the rule of what is refused.
///
/// # Errors
///
/// When a form is refused.
pub fn follow<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Place, (usize, &'static str)> {
    let mut framing = Framing::new();
    let mut before = 0;
    for piece in pieces {
        framing
            .follow(piece)
            .map_err(|(good, violation)| (before + good, violation.rule()))?;
        before += piece.len();
    }
    Ok(match (framing.in_head(), framing.in_body()) {
        (true, _) => Place::Head,
        (_, true) => Place::Body,
        _ => Place::Outside,
    })
}

/// `stream` as hyper is given it.
pub fn wire<T>(stream: T) -> impl AsyncRead + AsyncWrite + Unpin
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    Wire::http1(stream, Sweeper::default().watch())
}
