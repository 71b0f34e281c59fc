//! Reads and writes the formats of files and messages, without a box: text in any charset, streams
//! of vCards, jCard.

pub mod charset;
pub mod jcard;
pub mod vcard;
