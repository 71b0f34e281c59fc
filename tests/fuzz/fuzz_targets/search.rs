//! Queries of any text over contacts of any texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("search", bytes));
