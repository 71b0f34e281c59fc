//! Why an operation of the journal failed: one enum each, generic in the flash error.

/// Why a chip could not be made into a box. It holds no box then; formatting can be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError<E> {
    /// The flash failed.
    Flash(E),
    /// The chip has too few pages.
    TooSmall {
        /// Pages of the chip.
        pages: u32,
        /// Pages a box needs.
        pages_min: u32,
    },
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
        /// Bytes of buffer needed.
        buffer_bytes: u32,
    },
    /// The first page does not hold what is written to it.
    Worn,
}

/// Why a box could not be opened. Nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError<E> {
    /// The flash failed.
    Flash(E),
    /// The chip is erased, or a first format of it never finished: there is no box on it.
    Blank,
    /// Something is on the chip, but not a box.
    Foreign,
    /// A box in a format that this program does not know.
    Version(u8),
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
        /// Bytes of buffer needed.
        buffer_bytes: u32,
    },
}

/// Why nothing was appended. What was there before is as it was; the new entries are not acknowledged, and may be found or
/// not when the box is next opened if the flash failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError<E> {
    /// The flash failed.
    Flash(E),
    /// There is no room: something must be deleted first.
    Full {
        /// Bytes of entries that are live.
        live_bytes: u32,
        /// Bytes of entries that can be live.
        capacity_bytes: u32,
    },
    /// It does not fit a page, however empty.
    TooLarge {
        /// Bytes with headers.
        bytes: u32,
        /// Bytes that fit.
        bytes_max: u32,
    },
    /// The kind is not a caller's.
    Kind(u8),
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// Why an entry could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError<E> {
    /// The flash failed.
    Flash(E),
    /// The entry is damaged beyond mending, or there is none at this address.
    Damaged,
    /// The buffer is too short.
    Buffer {
        /// Bytes needed, header and alignment included.
        bytes: u32,
    },
}

/// Why idle work stopped. Nothing is lost; it can be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TendError<E> {
    /// The flash failed.
    Flash(E),
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// Why the box could not be extended. It goes on with the size it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendError<E> {
    /// The flash failed.
    Flash(E),
    /// The memory given does not suffice.
    Memory {
        /// Page states needed.
        pages: u32,
    },
    /// Several pages in a row did not hold what was written to them.
    Worn,
}

/// What can go wrong inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble<E> {
    Flash(E),
    /// No page can be taken, nor one be emptied.
    NoRoom,
    Worn,
}

impl<E> From<Trouble<E>> for TendError<E> {
    fn from(trouble: Trouble<E>) -> Self {
        match trouble {
            Trouble::Flash(error) => TendError::Flash(error),
            Trouble::NoRoom | Trouble::Worn => TendError::Worn,
        }
    }
}
