//! Lines that a test shows even if it passes: the material it ran on, and the number of cases.
//!
//! The test runner hides the `println!` output of a passing test. A count that nobody sees proves
//! nothing, so these lines bypass the runner.
use std::io::Write;

/// Shows `text` as a line of its own, after the name of the test.
pub fn line(test: &str, text: &str) {
    // One write for each line keeps the lines of several threads apart. If standard error is
    // closed, nobody reads them.
    let _ = std::io::stderr().write_all(format!("    {test}: {text}\n").as_bytes());
}

/// Returns whether the long sweeps are asked for (`tests/run --campaign`).
pub fn campaign() -> bool {
    std::env::var_os("CONTACTBOX_CAMPAIGN").is_some_and(|value| !value.is_empty())
}
