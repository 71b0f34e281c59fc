//! The checksum under every entry, over any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contactbox_tests::fuzz::run("checksum", bytes));
