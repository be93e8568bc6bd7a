//! What a server says first: which version and suite it takes, or that it takes none.

/// What a server says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// There is more to come before that is known.
    More,
    /// It goes on with this.
    Accepted {
        /// The version, such as 0x0301 of TLS 1.0.
        version: u16,
        /// The suite.
        suite: u16,
    },
    /// It does not go on.
    Refused,
    /// It is no TLS.
    Garbage,
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const WARNING: u8 = 1;
const UNRECOGNIZED_NAME: u8 = 112;
/// The most bytes a record has (RFC 5246 §6.2.3).
const MOST_RECORD: usize = (1 << 14) + 2048;
/// What is behind the suite of a server's hello is not read.
const ENOUGH: usize = 4 + 2 + 32 + 1 + 32 + 2;

/// Reads the beginning of what a server sends; what follows behind it changes nothing.
pub(crate) fn read(bytes: &[u8]) -> Reply {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(reply) = hello(&message) {
            return reply;
        }
        let Some((&[kind, major, minor, high, low], behind)) = rest.split_first_chunk() else {
            return incomplete(rest);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let known = matches!(kind, ALERT | HANDSHAKE) && major == 3 && minor <= 4;
        if !known || length == 0 || length > MOST_RECORD {
            return Reply::Garbage;
        }
        let (content, next) = match behind.split_at_checked(length) {
            Some(pair) => pair,
            // A hello is read as far as it came.
            None => (behind, &[][..]),
        };
        let whole = content.len() == length;
        match (kind, content) {
            (ALERT, [WARNING, UNRECOGNIZED_NAME]) if whole => {}
            (ALERT, _) if whole => return Reply::Refused,
            (ALERT, _) => return Reply::More,
            _ => {
                let room = ENOUGH.saturating_sub(message.len());
                message.extend(content.iter().take(room));
            }
        }
        if !whole {
            return hello(&message).unwrap_or(Reply::More);
        }
        rest = next;
    }
}

/// Whether the beginning of a record's head can still become one.
fn incomplete(rest: &[u8]) -> Reply {
    let fits = match rest {
        [] => true,
        [kind] => matches!(*kind, ALERT | HANDSHAKE),
        [kind, major, ..] => matches!(*kind, ALERT | HANDSHAKE) && *major == 3,
    };
    if fits { Reply::More } else { Reply::Garbage }
}

/// Reads a server's hello; none while too little of it is there.
fn hello(message: &[u8]) -> Option<Reply> {
    let kind = message.first()?;
    if *kind != SERVER_HELLO {
        return Some(Reply::Garbage);
    }
    let version = message.get(4..6)?;
    let session = usize::from(*message.get(38)?);
    if session > 32 {
        return Some(Reply::Garbage);
    }
    let suite = message.get(39 + session..41 + session)?;
    let number = |two: &[u8]| Some(u16::from_be_bytes(two.try_into().ok()?));
    Some(Reply::Accepted {
        version: number(version)?,
        suite: number(suite)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A server's hello, in records of so many bytes.
    fn sent(version: u16, session: usize, suite: u16, pieces: usize) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(u8::try_from(session).unwrap());
        body.extend(vec![9; session]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        let mut message = vec![SERVER_HELLO, 0, 0, u8::try_from(body.len()).unwrap()];
        message.extend(body);
        let mut bytes = Vec::new();
        for piece in message.chunks(pieces) {
            bytes.extend([HANDSHAKE, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
            bytes.extend(piece);
        }
        bytes
    }

    #[test]
    fn refusals_are_told_from_warnings() {
        assert_eq!(read(&[21, 3, 1, 0, 2, 2, 40]), Reply::Refused);
        assert_eq!(read(&[21, 3, 1, 0, 2, 2]), Reply::More);
        assert_eq!(read(&[21, 3, 1, 0, 2, 1, 0]), Reply::Refused);
        let mut bytes = vec![21, 3, 1, 0, 2, 1, 112];
        assert_eq!(read(&bytes), Reply::More);
        bytes.extend(sent(0x0301, 0, 0x002f, 90));
        let (version, suite) = (0x0301, 0x002f);
        assert_eq!(read(&bytes), Reply::Accepted { version, suite });
    }

    #[test]
    fn what_is_no_tls_is_known_early() {
        for bytes in [
            &b"HTTP/1.1 400"[..],
            b"H",
            &[22, 2],
            &[22, 3, 1, 0, 0],
            &[22, 3, 1, 255, 255],
            &[22, 3, 1, 0, 1, 1],
        ] {
            assert_eq!(read(bytes), Reply::Garbage, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_sent_is_read_in_any_pieces(
            version in 0x0300_u16..0x0304, session in 0_usize..=32, suite: u16, pieces in 1_usize..90
        ) {
            let bytes = sent(version, session, suite, pieces);
            let whole = Reply::Accepted { version, suite };
            prop_assert_eq!(read(&bytes), whole);
            for end in 0..bytes.len() {
                let reply = read(&bytes[..end]);
                prop_assert!(reply == Reply::More || reply == whole, "{end}: {reply:?}");
            }
        }

        #[test]
        fn what_follows_changes_nothing(bytes: Vec<u8>, more: Vec<u8>) {
            let first = read(&bytes);
            if first != Reply::More {
                prop_assert_eq!(read(&[bytes, more].concat()), first);
            }
        }

        #[test]
        fn what_follows_a_broken_hello_changes_nothing(
            mut bytes in Just(sent(0x0301, 8, 0x002f, 20)), at in 0_usize..60, to: u8, end in 0_usize..70, more: Vec<u8>
        ) {
            let place = at % bytes.len();
            bytes[place] = to;
            bytes.truncate(end);
            let first = read(&bytes);
            if first != Reply::More {
                prop_assert_eq!(read(&[bytes, more].concat()), first);
            }
        }
    }
}
