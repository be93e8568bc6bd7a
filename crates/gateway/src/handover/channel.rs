//! Messages and file descriptors between two gateways on one machine.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::Word;

/// Descriptors in one message; the kernel takes 253.
pub(super) const MOST: usize = 64;

/// Bytes of one message: a command may be long.
const LONGEST: usize = 128 << 10;

/// Sends a message with descriptors, [`MOST`] at most.
pub(super) fn send(socket: impl AsFd, word: &Word, with: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(word)?;
    if bytes.len() > LONGEST || with.len() > MOST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !control.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// The next message with its descriptors; none at the end.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(Word, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut with = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            with.extend(descriptors);
        }
    }
    let Some(bytes) = bytes
        .get(..received.bytes)
        .filter(|bytes| !bytes.is_empty())
    else {
        return Ok(None);
    };
    Ok(Some((serde_json::from_slice(bytes)?, with)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn messages_stay_apart_and_descriptors_come_with_theirs() {
        let flags = SocketFlags::CLOEXEC;
        let (one, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"whole").unwrap();
        send(&one, &Word::Prepared, &[]).unwrap();
        send(&one, &Word::Hello { version: 1 }, &[file.as_fd(); MOST]).unwrap();
        send(&one, &Word::Go, &[]).unwrap();
        drop(one);
        assert_eq!(receive(&other).unwrap().unwrap().0, Word::Prepared);
        let (word, with) = receive(&other).unwrap().unwrap();
        assert_eq!((word, with.len()), (Word::Hello { version: 1 }, MOST));
        let mut same = std::fs::File::from(with.into_iter().next_back().unwrap());
        same.rewind().unwrap();
        let mut text = String::new();
        same.read_to_string(&mut text).unwrap();
        assert_eq!(text, "whole");
        assert_eq!(receive(&other).unwrap().unwrap().0, Word::Go);
        assert!(receive(&other).unwrap().is_none());
    }
}
