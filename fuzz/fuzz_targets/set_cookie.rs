#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| panoply_guard::fuzzing::set_cookie(data));
