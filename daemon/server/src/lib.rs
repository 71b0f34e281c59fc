//! Serves a box on a local socket: what clients ask becomes jobs for the engine and work with cards
//! and devices, and what comes back becomes replies.

mod answer;
mod errors;
mod events;
mod long_request;
mod rpc;
pub mod serve;
mod session;
mod socket;

pub use answer::{Answers, CallResult, PendingCall};
