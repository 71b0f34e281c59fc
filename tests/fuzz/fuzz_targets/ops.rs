//! Any script of operations on a box, with power cuts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("ops", bytes));
