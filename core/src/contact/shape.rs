//! Describes the value of a kind: its shape, and how it is searched.

/// The shape of a value: which `,` and `;` in it separate, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueShape {
    /// One text: every `,` and `;` in it is text.
    Text,
    /// A language tag, kept like a text.
    Language,
    /// Texts separated by `,`.
    List,
    /// Components separated by `;`, each one text.
    Components,
    /// Components separated by `;`, each a list separated by `,`.
    ComponentLists,
    /// A URI.
    Uri,
    /// A URI or bytes.
    Binary,
    /// The URI or the bytes of a picture.
    Picture,
    /// A day or point of time, of which the year may not be known.
    Day,
    /// A point of time.
    Timestamp,
    /// A day as a vendor wrote it.
    VendorDay,
    /// Text that says its line ends by itself and whose inner shape is not known here.
    AsItCame,
}

impl ValueShape {
    /// Returns whether binary values are usual for it.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Binary | Self::Picture)
    }

    /// Returns whether it tells a day of which the year may not be known.
    pub fn is_day(self) -> bool {
        matches!(self, Self::Day | Self::VendorDay)
    }
}

/// How a property takes part in search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// A name, nickname or organisation: a match at a word's start ranks high.
    Name,
    /// Any other text.
    Text,
    /// A date: its digits are one word.
    Date,
    /// A phone number: searched by its digits.
    Phone,
}
