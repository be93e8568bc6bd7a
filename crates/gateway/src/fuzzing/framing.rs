//! The server reads the messages that the strictest reader of RFC 9112 reads, and no others.

use http::StatusCode;

use super::model::{End, Model};
use crate::wire::{Stop, replay};

/// Bytes, the last of which says in pieces of what size they come.
pub fn framing(data: &[u8]) {
    let Some((size, bytes)) = data.split_last() else {
        return;
    };
    let (bodies, stop) = replay([bytes]);
    // However the bytes come, the same is read; what is refused may be seen earlier, and so by another rule.
    let size = usize::from(*size).max(1);
    for size in [size, 1] {
        let (again, other) = replay(bytes.chunks(size));
        assert_eq!(bodies, again, "in pieces of {size}");
        let alike = stop == other || is_refused(stop) && is_refused(other);
        assert!(alike, "{stop:?}, but {other:?} in pieces of {size}");
    }

    let model = Model::read(bytes);
    assert!(
        bodies.len() <= model.bodies.len(),
        "{bodies:?}, the model {model:?}"
    );
    for (body, wanted) in bodies.iter().zip(&model.bodies) {
        assert_eq!(body, wanted);
    }
    match (stop, model.end) {
        (Stop::Between, end) => assert_eq!((end, bodies.len()), (End::Between, model.bodies.len())),
        // A line that is wrong is seen when the head has ended, or the chunk's line.
        (Stop::Head, end) => assert!(matches!(end, End::Head | End::Between | End::Malformed)),
        (Stop::Body, end) => assert!(matches!(end, End::Body | End::Malformed)),
        (Stop::Refused(StatusCode::BAD_REQUEST, Some(rule)), End::Between | End::Body) => {
            panic!("{rule:?} in what is well-formed");
        }
        // A target that is no URI, or more than there is room for: the model knows neither.
        (Stop::Refused(..) | Stop::Malformed(_), _) => {}
    }
}

const fn is_refused(stop: Stop) -> bool {
    matches!(stop, Stop::Refused(..) | Stop::Malformed(_))
}
