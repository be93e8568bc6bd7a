//! Behind the framing check, hyper reads the messages that the strictest reader of RFC 9112 reads.

use super::model::{End, Model};
use super::server;
use crate::wire::Framing;

/// Where the framing check stands after the bytes it has followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between two messages, or no longer following.
    Outside,
    /// In a head.
    Head,
    /// In a body, its chunks and trailers included.
    Body,
}

/// Bytes, the last of which says in pieces of what size they come.
pub fn framing(data: &[u8]) {
    let Some((step, bytes)) = data.split_last() else {
        return;
    };
    // However the bytes come, the verdict is the same.
    let verdict = follow([bytes]);
    let step = usize::from(*step).max(1);
    assert_eq!(verdict, follow(bytes.chunks(step)), "in pieces of {step}");
    assert_eq!(verdict, follow(bytes.chunks(1)), "byte by byte");

    let model = Model::read(bytes);
    match (verdict, model.end) {
        (Ok(place), End::Between) => assert_eq!(place, Place::Outside),
        (Ok(place), End::Head) => assert!(matches!(place, Place::Head | Place::Outside)),
        (Ok(place), End::Body) => assert_eq!(place, Place::Body),
        // What hyper refuses the check need not.
        (Ok(_), End::Malformed) => {}
        (Err((at, rule)), End::Malformed) => {
            assert!(
                at >= model.length,
                "{rule} in a message that is well-formed"
            );
        }
        // A form may be refused before its line or head has ended for the model.
        (Err((at, _)), End::Head) => assert!(at >= model.length),
        (Err((_, rule)), End::Between | End::Body) => panic!("{rule} in what is well-formed"),
    }

    let read = server::read(bytes, step);
    assert!(
        read.len() <= model.bodies.len(),
        "hyper read {read:?}, the model {model:?}"
    );
    for (read, wanted) in read.iter().zip(&model.bodies) {
        assert_eq!(read, wanted);
    }
}

/// Follows `pieces`: where that ends, or the offset and the rule of what is refused.
fn follow<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Place, (usize, &'static str)> {
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
