//! Every bound of a box, with its unit in the name; relations between bounds are asserted here.

/// Longest name of a property this box does not know by code, in bytes.
///
/// The longest registered names are under 30 bytes; vendor names such as
/// `X-ADDRESSBOOKSERVER-MEMBER` stay under 40.
pub const PROPERTY_NAME_BYTES_MAX: usize = 255;

/// Longest group prefix (`item1`), in bytes.
pub const GROUP_BYTES_MAX: usize = 127;

/// Longest parameter text of one property, in bytes.
pub const PARAMS_BYTES_MAX: usize = 8 * 1024;

/// Largest binary value kept inside a contact's record, in bytes; larger ones become blobs.
///
/// A blob costs an index slot and an entry of its own, about 60 bytes; below twice that it does
/// not pay.
pub const INLINE_BYTES_MAX: usize = 128;

/// Largest blob (photo, document, spilled contact state), in bytes.
pub const BLOB_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Largest photo or document that is written into the file for phones, in bytes: many phones take
/// no larger ones.
pub const PHONE_BLOB_BYTES_MAX: u32 = 128 * 1024;

/// Latest time a record may carry, in milliseconds since 1970: the year 146 million. With a
/// later one it is no record.
pub const MILLIS_MAX: u64 = 1 << 62;

/// Latest time that is taken in from another box: the year 2.2 million. What tells of a
/// later one is kept aside.
pub const FOREIGN_MILLIS_MAX: u64 = 1 << 56;

/// Latest time that a clock is believed to show, and that another box's stamps carry this box's
/// clock to: the year 10889. Beyond it own times go on by one a change.
pub const CLOCK_MILLIS_MAX: u64 = 1 << 48;

/// Wall clocks that show less were never set: 1 January 2020, in milliseconds of Unix time.
pub const CLOCK_SET_MILLIS: u64 = 1_577_836_800_000;

/// More changes than a box makes in its life: a thousand a second for 34 years.
pub const LIFE_CHANGES: u64 = 1 << 40;

/// Most boxes any box can know, itself among them: their indices are below this, and `seen` of a
/// contact has at most this many rows. How many a box has memory for is [`crate::store::Memory`]'s.
pub const BOXES_MAX: usize = 4096;

/// Most imported cards that one contact remembers; each costs about 16 bytes of its record.
pub const IMPORTS_MAX: usize = 4;

/// Most authors (people or programs that edit) any box can know, nobody in particular among them.
/// How many a box has memory for is [`crate::store::Memory`]'s.
pub const AUTHORS_MAX: usize = 4096;

/// The share of the places for boxes, and of those for authors, that is for the owner's own use:
/// one in so many, which nobody who is met can take.
pub const OWN_PLACES: usize = 8;

/// Longest name of an author, in bytes of UTF-8; the rest is cut off at a character.
pub const AUTHOR_NAME_BYTES_MAX: usize = 32;

/// Most losses (entries destroyed by damage) a box tells apart; with more, every contact that was
/// not written since counts as possibly stale.
pub const LOSSES_MAX: usize = 32;

/// Longest query that search takes, in bytes of UTF-8; the rest is cut off at a character.
pub const QUERY_BYTES_MAX: usize = 128;

/// Most terms of one query; further terms are ignored.
pub const QUERY_TERMS_MAX: usize = 8;

/// Most settings of a device: their codes are below this.
pub const SETTINGS_MAX: usize = 32;

/// Largest encoded value of a setting, in bytes.
pub const SETTING_BYTES_MAX: usize = 16;

/// Largest encoded entry of the diary, in bytes.
pub const DIARY_ENTRY_BYTES_MAX: usize = 64;

/// Longest file name the diary keeps of a panic, in bytes; of a longer one the end is kept.
pub const DIARY_FILE_BYTES_MAX: usize = 40;

/// Most vCards that are held back until it is clear whether they lie within another one or the end
/// of that one is missing.
pub const NESTED_CARDS_MAX: u32 = 4;

// The hint of an entry has 12 bits for each.
const _: () = assert!(BOXES_MAX <= 1 << 12);
const _: () = assert!(AUTHORS_MAX <= 1 << 12);
const _: () = assert!(INLINE_BYTES_MAX < BLOB_BYTES_MAX as usize);
const _: () = assert!(SETTINGS_MAX <= u8::MAX as usize);
