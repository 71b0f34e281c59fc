//! The box's file on a modelled disk, with power cuts that drop unsynced writes, and failing calls.
mod cuts;
mod faults;
mod file;
#[cfg(unix)]
mod keeper;
mod office;
mod work;
