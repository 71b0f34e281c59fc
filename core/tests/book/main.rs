//! Tests boxes through `Book`, as their owners and other boxes use them.

mod kept;
#[path = "../memory/mod.rs"]
mod memory;
mod slots;
mod support;
