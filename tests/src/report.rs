//! Lines a test shows even when it passes: what it ran on, and how many cases that were.
//!
//! The test runner swallows what a passing test prints with `println!`; a count that nobody sees
//! proves nothing, so these lines go past it.
use std::io::Write;

/// Shows `text` as a line of its own, after the name of the test that says it.
pub fn line(test: &str, text: &str) {
    // One write per line, so that tests on several threads do not mix theirs. Where standard error
    // is closed there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("    {test}: {text}\n").as_bytes());
}

/// Whether the long sweeps are asked for (`tests/run --campaign`).
pub fn campaign() -> bool {
    std::env::var_os("CONTACTBOX_CAMPAIGN").is_some_and(|value| !value.is_empty())
}
