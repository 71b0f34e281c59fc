//! Draws the pictures of the README from what the project itself prints.

mod losses;
mod session;
mod svg;

pub use losses::{LossRow, losses, losses_in};
pub use session::{SessionLine, play, session};
