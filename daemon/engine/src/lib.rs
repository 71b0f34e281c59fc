//! Owns the box on a host: its image in a file, the book over it, and the one thread that works
//! with them. It takes jobs, and knows neither sockets nor the language of clients.

mod backup;
mod error;
mod exchange;
mod handle;
mod host;
pub mod image;
mod image_copy;
mod job;
mod left_out;
mod mark;
pub mod memory;
mod opening;
mod query;
mod room;
mod sliced;
mod writer;

pub use backup::{MergeBatch, Missing, TakeResult};
pub use error::{BoxError, DiskRefusal};
pub use exchange::BoxAtHand;
pub use handle::Handle;
pub use host::{
    CONTACT_BYTES_MAX, ContactChange, ENTRY_BYTES, Host, OpenBoxError, PROPERTIES_MAX, parts,
};
pub use image_copy::ImageCopy;
pub use job::{Job, JobOutcome, JobWeight, OnDisk};
pub use left_out::REASON as UNREADABLE;
pub use mark::is_mark;
pub use query::{HITS_MAX, Query};
pub use sliced::{STEP_BYTES, SlicedJob, SlicedJobs};
pub use writer::{ChangeListener, ChangeSignal, WriterThread, guarded};
