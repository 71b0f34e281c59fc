//! The box's file on a host, on a modelled disk: power cuts that keep what they
//! like, and calls that fail.
mod cuts;
mod faults;
mod file;
#[cfg(unix)]
mod keeper;
mod office;
mod work;
