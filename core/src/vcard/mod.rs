//! vCard text in and out, streaming, without loss: reader, writer, decoding.
//!
//! The [`Reader`] takes vCard 2.1, 3.0 and 4.0 and hands contents in one form to a
//! [`VcardSink`]; [`write_card`] gives them out again as 3.0 or 4.0. What neither understands
//! passes through as it came.
//!
//! input -> lines -> cards -> property -> {params, text, quoted, base64, charset, date, binary}
//!
//! The [`BoundaryScanner`] finds the boundaries of cards alone, with the same lines.

mod arena;
mod assembler;
mod base64;
mod binary;
mod boundaries;
mod charset;
mod date;
mod derived;
mod fold;
mod input;
mod line;
mod lines;
mod lookahead;
mod nest;
mod params;
mod property;
mod quoted;
mod reader;
mod rejection;
mod spelling;
mod text;
mod value_form;
mod writer;

pub use assembler::VcardSink;
pub use boundaries::{Boundary, BoundaryPlace, BoundaryScanner};
pub use charset::{Charset, Utf8Only};
pub use date::basic_date;
pub use reader::Reader;
pub use rejection::{Reason, Rejection, Span, VcardRepair, Warning};
pub use writer::{Blobs, NoBlobs, NoSuchBlob, VcardVersion, WriteCardError, Writer, write_card};
