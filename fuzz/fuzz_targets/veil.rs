#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| panoply_gateway::fuzzing::veil(data));
