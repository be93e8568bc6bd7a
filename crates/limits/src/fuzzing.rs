//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

pub use crate::access::fuzzing::access;
pub use crate::challenge::fuzzing::challenge;
pub use crate::login::fuzzing::{coding, device, login, path};

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("login", login),
        ("coding", coding),
        ("device", device),
        ("path", path),
        ("access", access),
        ("challenge", challenge),
    ]);
}
