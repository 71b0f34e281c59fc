//! Laws of the merge, what each change keeps, and what hostile bytes can do: nothing.

mod changes;
mod golden;
mod large;
mod laws;
mod oracle;
mod records;
mod world;
