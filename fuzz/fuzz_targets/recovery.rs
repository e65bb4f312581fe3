//! See `native/tests/common/fuzzed.rs`: there it says what must hold.
#![no_main]
#![allow(dead_code)]

#[path = "../../native/tests/common/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::recovery(input));
