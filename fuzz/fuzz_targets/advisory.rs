//! No advisory, and no answer of a registry, takes the audit down.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (version, text) = input;
    panoply_audit::fuzzing::advisory(text, version);
});
