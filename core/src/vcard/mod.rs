//! vCard text in and out, streaming, without loss: reader, writer, decoding.
//!
//! The [`Reader`] takes vCard 2.1, 3.0 and 4.0 and hands contents in one form to a [`Sink`]; [`write_card`]
//! gives them out again as 3.0 or 4.0. What neither understands passes through as it came.
//!
//! input -> lines -> cards -> property -> {params, text, quoted, base64, charset, date, binary}

mod base64;
mod binary;
mod cards;
mod charset;
mod date;
mod derived;
mod fault;
mod fold;
mod form;
mod held;
mod input;
mod line;
mod lines;
mod params;
mod property;
mod quoted;
mod reader;
mod room;
mod spelling;
mod text;
mod writer;

pub use cards::Sink;
pub use charset::{Charset, Utf8Only};
pub use date::basic_date;
pub use fault::{Reason, Rejection, Repair, Span, Warning};
pub use reader::Reader;
pub use writer::{Blobs, NoBlobs, NoSuchBlob, Version, WriteCardError, Writer, write_card};
