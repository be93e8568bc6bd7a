//! No lock file, of whatever tool, takes the audit down.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (kind, text) = input;
    panoply_audit::fuzzing::lock(kind, text);
});
