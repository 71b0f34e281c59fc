//! The core of contactbox: what a contact is, how it is kept in flash, how it is found.
//!
//! No std, no alloc, no clock, no files, no global state: *now* is an argument, memory is the
//! caller's, flash is anything that implements `embedded_storage_async::nor_flash::NorFlash`.
//!
//! This file is the map of the crate and holds no code. Dependencies point one way:
//! {`limits`, `text`} <- `contact` <- {`vcard`, `search`, `store`} <- `card` <- `service`.
//!
//! A box on a simulated chip, whose power fails in the middle of the second edit:
//!
//! ```
//! # #[cfg(feature = "sim")]
//! # fn main() {
//! use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
//! use contactbox_core::search::{Hit, PageRequest, Query};
//! use contactbox_core::sim::{Heap, Nor, Tear, parts};
//! use contactbox_core::store::{Book, BookConfig, Shelf, Wide};
//! use embassy_futures::block_on;
//!
//! // 16 pages of 4 KiB, read by the byte and programmed by the word.
//! let chip = Nor::<1, 4, 4096>::new(16);
//! let memory = || parts::<Wide, u32>(16, 4096, 8 * 1024, 1000);
//! let config = || BookConfig { id: 7, gram_slices: 64, gram_probes: 1 };
//! let Ok(mut book) = block_on(Book::<_, Heap<_, _>>::format(chip, config(), memory())) else {
//!     panic!("an erased chip takes a new box");
//! };
//!
//! let mut buffer = [0; 512];
//! let mut draft = Draft::new(&mut buffer);
//! draft.push(&Property::text(Kind::FN, "Ada Lovelace")).unwrap();
//! let ada = draft.finish();
//! let (uid, now) = (Uid([1; 16]), 1_700_000_000_000);
//! block_on(book.put(uid, &ada, None, AuthorIndex::default(), now)).unwrap();
//!
//! let mut buffer = [0; 512];
//! let mut draft = Draft::new(&mut buffer);
//! draft.push(&Property::text(Kind::FN, "Ada King")).unwrap();
//! let renamed = draft.finish();
//! book.flash().cut_after(0, Tear::Bits);
//! assert!(block_on(book.put(uid, &renamed, None, AuthorIndex::default(), now + 1)).is_err());
//!
//! // The edit was not acknowledged; everything before it was.
//! let mut chip = book.into_flash();
//! chip.power_on();
//! let opened = block_on(Book::<_, Heap<_, _>>::open(chip, config(), memory()));
//! let Ok((mut book, report)) = opened else { panic!("a box opens after any cut") };
//! assert!(report.is_sound());
//! let (mut hits, mut record) = ([Hit::EMPTY; 4], [0; 8 * 1024]);
//! let query = Query::parse("lovelace");
//! let page = PageRequest::first(&query);
//! let found = block_on(book.find(&page, Shelf::Active, &mut hits, &mut record)).unwrap();
//! assert_eq!(found, 1);
//! # }
//! # #[cfg(not(feature = "sim"))]
//! # fn main() {}
//! ```
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
