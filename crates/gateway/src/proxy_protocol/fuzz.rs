//! What must hold of whatever a connection begins with.

use super::header::{Decoded, LONGEST, decode};

/// The beginning of a connection: a header is read the same in any pieces, and whatever follows it changes nothing.
pub fn proxy_protocol(data: &[u8]) {
    let whole = decode(data);
    let mut first = None;
    for end in 0..=data.len().min(LONGEST + 1) {
        let piece = data.get(..end).unwrap_or_default();
        match decode(piece) {
            Ok(Decoded::Unfinished) => {}
            decided => {
                first = Some((end, decided));
                break;
            }
        }
    }
    match first {
        // A piece of a header is not decided on before all of it is there.
        Some((end, Ok(Decoded::Whole { length, source }))) => {
            assert_eq!(end, length, "decided too early or too late");
            assert_eq!(whole, Ok(Decoded::Whole { length, source }));
            assert!(length <= LONGEST);
        }
        Some((_, decided)) => assert_eq!(whole.is_err(), decided.is_err()),
        None => assert_eq!(whole, Ok(Decoded::Unfinished)),
    }
}
