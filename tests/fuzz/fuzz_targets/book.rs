//! A box on any image.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("book", bytes));
