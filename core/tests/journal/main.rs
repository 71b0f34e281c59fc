//! Tests the journal against an oracle.

mod cost;
mod cuts;
mod damage;
mod golden;
mod model;
mod strikes;
mod support;
