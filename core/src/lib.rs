//! The core of contactbox: what a contact is, how it is kept in flash, how it is found.
//!
//! No std, no alloc, no clock, no files, no global state: *now* is an argument, memory is the
//! caller's, flash is anything that implements `embedded_storage_async::nor_flash::NorFlash`.
//!
//! This file is the map of the crate and holds no code. Dependencies point one way:
//! {`limits`, `text`} <- `contact` <- {`vcard`, `search`, `store`} <- `card` <- `service`.
#![cfg_attr(not(any(test, feature = "sim")), no_std)]
#![forbid(unsafe_code)]

pub mod card;
pub mod contact;
pub mod limits;
pub mod search;
pub mod service;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;
pub mod text;
pub mod vcard;
