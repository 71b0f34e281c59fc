//! Tests boxes through `Book`, as their owners and other boxes use them.

mod kept;
mod slots;
mod support;
