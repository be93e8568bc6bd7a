//! What a server sends first is read the same however it comes, and what follows changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_audit::fuzzing::reply;

fuzz_target!(|bytes: &[u8]| {
    let mut known = None;
    for end in 0..=bytes.len().min(300) {
        let now = reply(&bytes[..end]);
        if let Some(before) = &known {
            assert_eq!(&now, before, "{end} bytes");
        } else if now != Ok(None) {
            known = Some(now);
        }
    }
});
