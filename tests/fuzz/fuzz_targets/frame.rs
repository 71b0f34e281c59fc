//! The cable and the box behind it, over any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("frame", bytes));
