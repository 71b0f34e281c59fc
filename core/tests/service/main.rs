//! Tests the service, over boxes on simulated chips.

mod answers;
mod cable;
mod frames;
mod hostile;
mod meeting;
#[path = "../memory/mod.rs"]
mod memory;
mod support;
