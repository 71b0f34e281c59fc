//! The contactbox daemon and its command line.
fn main() {}
