//! The mechanics of text: escapes and bare separators, folding, writing into a slice, a hash.
//!
//! Nothing here knows what a contact is. The rooms above say which text is read by which rule.

mod escape;
mod fnv;
mod fold;
mod slice_writer;

pub use escape::{cut_bare, is_said, plain, split_bare, unescaped, with_escapes};
pub use fnv::Fnv32;
pub use fold::{fold, fold_char};
pub use slice_writer::{SliceFull, SliceWriter};
