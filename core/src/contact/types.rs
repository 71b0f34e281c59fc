//! The TYPE parameter: the usual values as bits, so that a phone number's types cost a byte.

/// A set of the usual TYPE values. Unusual ones stay in the parameter text as `TYPE=...`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Types(pub u32);

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Types {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            /// Every usual value with its spelling, in the order they are written.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];
        }
    };
}

// Bits are appended, never renumbered: they are in records. The first seven cost one byte.
types! {
    /// `home`
    HOME = 0, "home";
    /// `work`
    WORK = 1, "work";
    /// `cell`
    CELL = 2, "cell";
    /// `voice`
    VOICE = 3, "voice";
    /// `pref` (3.0 and 2.1; 4.0 says `PREF=1`)
    PREF = 4, "pref";
    /// `internet`
    INTERNET = 5, "internet";
    /// `fax`
    FAX = 6, "fax";
    /// `pager`
    PAGER = 7, "pager";
    /// `text`
    TEXT = 8, "text";
    /// `video`
    VIDEO = 9, "video";
    /// `textphone`
    TEXTPHONE = 10, "textphone";
    /// `msg`
    MSG = 11, "msg";
    /// `main`
    MAIN = 12, "main";
    /// `other`
    OTHER = 13, "other";
    /// `dom`
    DOM = 14, "dom";
    /// `intl`
    INTL = 15, "intl";
    /// `postal`
    POSTAL = 16, "postal";
    /// `parcel`
    PARCEL = 17, "parcel";
    /// `bbs`
    BBS = 18, "bbs";
    /// `modem`
    MODEM = 19, "modem";
    /// `car`
    CAR = 20, "car";
    /// `isdn`
    ISDN = 21, "isdn";
    /// `pcs`
    PCS = 22, "pcs";
    /// `x400`
    X400 = 23, "x400";
    /// `iphone`
    IPHONE = 24, "iphone";
    /// `jpeg`
    JPEG = 25, "jpeg";
    /// `png`
    PNG = 26, "png";
    /// `gif`
    GIF = 27, "gif";
    /// `contact` (RELATED, KIND)
    CONTACT = 28, "contact";
    /// `spouse`
    SPOUSE = 29, "spouse";
    /// `friend`
    FRIEND = 30, "friend";
    /// `child`
    CHILD = 31, "child";
}

impl Types {
    /// The bit of a TYPE value, whatever its letter case; `None` when it has none.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|&(bit, _)| bit)
    }

    /// Returns whether every value of `other` is in this set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set and `other` together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// No value at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The spellings in this set, lower case, in the order of [`Types::ALL`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(bit, _)| self.has(*bit)).map(|&(_, name)| name)
    }
}
