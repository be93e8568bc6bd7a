//! Any page can be read, and has no more scripts than it has tags.
#![no_main]

use libfuzzer_sys::fuzz_target;
use panoply_audit::fuzzing::scripts;

fuzz_target!(|html: &str| {
    assert!(scripts(html) <= html.matches('<').count());
});
