//! Contact records: parse, look, change, merge, over any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("record", bytes));
