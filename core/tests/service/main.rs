//! Tests the service, over boxes on simulated chips.

mod answers;
mod cable;
mod frames;
mod hostile;
mod meeting;
mod support;
