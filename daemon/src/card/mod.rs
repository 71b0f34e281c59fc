//! Cards as the daemon sees them: mounted folders, raw images, and the backups beside the box.
//!
//! - `folder`: a folder as a card
//! - `mirror`: the box as it was at one moment; `shadow`: a book over it
//! - `trouble`: what goes wrong

mod errand;
mod folder;
mod image;
mod left;
mod look;
mod mirror;
mod places;
mod schedule;
mod shadow;
mod trouble;
mod visit;

pub use errand::Errands;
pub use folder::FolderCard;
pub use image::ImageCard;
pub use left::left_behind;
pub use places::{Places, Plan, Standing};
pub use shadow::{Given, Shadow};
pub use trouble::Trouble;
pub use visit::{AnyCard, Extent, Kept, keep, take_in};
