//! The journal against an oracle.

mod cost;
mod cuts;
mod damage;
mod model;
mod support;
