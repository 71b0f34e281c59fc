//! The journal against an oracle.

mod model;
mod support;
