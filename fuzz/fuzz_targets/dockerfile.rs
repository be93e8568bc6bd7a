//! No Dockerfile takes the audit down.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    panoply_audit::fuzzing::dockerfile(input);
});
