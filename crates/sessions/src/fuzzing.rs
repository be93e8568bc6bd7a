//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

pub use crate::express::fuzzing::{express_cookie, express_session};
pub use crate::sealed::fuzzing::sealed_session;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("express_cookie", express_cookie),
        ("express_session", express_session),
        ("sealed_session", sealed_session),
    ]);
}
