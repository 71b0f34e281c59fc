//! Laws of the merge, and what each change keeps.
