//! Laws of the merge, what each change keeps, and what hostile bytes can do: nothing.

mod laws;
mod oracle;
mod world;
