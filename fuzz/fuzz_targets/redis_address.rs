#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| panoply_store_redis::fuzzing::redis_address(data));
