#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| panoply_store_sqlite::fuzzing::session_row(data));
