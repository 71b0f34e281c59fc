//! The box as a service: requests and replies, frames for the cable, and the one function that
//! answers.
//!
//! - [`protocol`]: requests and replies; [`rows`]: lists in them; [`Effect`]: what a request does
//!   to the box; [`Fault`]: why one was not done
//! - [`frame`]: a message on a cable, and gathering one from what comes in
//! - [`answer()`]: what a box does with a request
//! - [`cable`]: both ends of a cable: [`cable::respond`] and [`cable::Caller`]
//! - [`sync()`]: bringing two boxes that answer to hold the same
//! - [`display_name`]: what a contact is called in lists

mod answer;
pub mod cable;
pub mod display_name;
mod effect;
mod fault;
pub mod frame;
mod meeting;
mod own_frame;
pub mod protocol;
pub mod rows;
mod session;
pub mod sync;

pub use answer::{answer, change_of};
pub use effect::Effect;
pub use fault::{AnswerError, Fault};
pub use protocol::{PROTOCOL, Reply, Request};
pub use rows::Rows;
pub use session::{AnswerBuffers, CableLimits, FRAME_BYTES_MIN, Session};
pub use sync::sync;
