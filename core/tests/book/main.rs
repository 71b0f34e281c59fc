//! Boxes as their owners and others use them, through `Book`.

mod kept;
#[path = "../memory/mod.rs"]
mod memory;
mod slots;
mod support;
