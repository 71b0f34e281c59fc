//! The kinds of property, one byte each: RFC 6350, its registered extensions, the
//! usual vendor names.

use super::shape::{SearchScope, ValueShape};

/// The kind of a property: a code of the table below, or [`Kind::OTHER`] with its name beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

/// The rank of a kind among those that name a contact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRole {
    /// It says how to sort the contact, whatever its name is; the lowest counts.
    Sorts(u8),
    /// It names the contact where no lower one does.
    Named(u8),
}

macro_rules! kinds {
    ($($ident:ident = $code:literal, $name:literal, $number:ident, $shape:ident, $scope:ident
        $(, $role:ident $rank:literal)?;)*) => {
        impl Kind {
            $(#[doc = concat!("`", $name, "`")] pub const $ident: Self = Self($code);)*

            /// The name as written, for every kind with a code.
            // Its table is large: once is enough.
            #[inline(never)]
            fn lookup(code: u8) -> Option<&'static str> {
                match code {
                    $($code => Some($name),)*
                    _ => None,
                }
            }

            /// Returns whether a contact has at most one of this kind, so that two are a conflict.
            pub fn is_single(self) -> bool {
                match self.0 {
                    $($code => kinds!(@$number),)*
                    _ => false,
                }
            }

            /// The shape of its values.
            pub fn shape(self) -> ValueShape {
                match self.0 {
                    $($code => ValueShape::$shape,)*
                    _ => ValueShape::AsItCame,
                }
            }

            /// How it takes part in search; `None` when it does not.
            pub fn search_scope(self) -> Option<SearchScope> {
                match self.0 {
                    $($code => kinds!(@$scope),)*
                    0 => Some(SearchScope::Text),
                    _ => None,
                }
            }

            /// Its place among the kinds that name a contact; `None` for those that do not.
            pub(crate) const fn name_role(self) -> Option<NameRole> {
                match self.0 {
                    $($($code => Some(kinds!(@$role $rank)),)?)*
                    _ => None,
                }
            }

            /// Every kind with a name.
            pub const KNOWN: &'static [Self] = &[$(Self($code)),*];
        }
    };
    (@one) => { true };
    (@several) => { false };
    (@Unsearched) => { None };
    (@Name) => { Some(SearchScope::Name) };
    (@Text) => { Some(SearchScope::Text) };
    (@Date) => { Some(SearchScope::Date) };
    (@Phone) => { Some(SearchScope::Phone) };
    (@sorts $rank:literal) => { NameRole::Sorts($rank) };
    (@named $rank:literal) => { NameRole::Named($rank) };
}

// All that is particular to a kind, a row each: code, name, how many a contact has, shape of the
// value, how it is searched, place among the names. What a person calls it in English is a matter
// of the command line. RFC 6350 unless a row says another source.
//
// Codes are in records: appended, never renumbered. 0 is OTHER; from 240 on, the box's own marks.
kinds! {
    // The order of names: what somebody is called, then what only they are called (a nickname),
    // then what several share (an organisation), then where to reach them.
    FN = 1, "FN", one, Text, Name, named 0;
    N = 2, "N", one, ComponentLists, Name, named 1;
    NICKNAME = 3, "NICKNAME", several, List, Name, named 2;
    // A picture, like a sound, a key and what programs attach, is bytes in 3.0 (RFC 2426) and a
    // URI, also of the scheme `data:`, in 4.0.
    PHOTO = 4, "PHOTO", several, Picture, Unsearched;
    BDAY = 5, "BDAY", one, Day, Date;
    // There is one, and so there is one of each of its X- forms below.
    ANNIVERSARY = 6, "ANNIVERSARY", one, Day, Date;
    GENDER = 7, "GENDER", one, Components, Unsearched;
    ADR = 8, "ADR", several, ComponentLists, Text;
    TEL = 9, "TEL", several, Text, Phone, named 5;
    EMAIL = 10, "EMAIL", several, Text, Text, named 4;
    IMPP = 11, "IMPP", several, Uri, Text;
    // A language tag is text without a `,` or `;` that would separate (RFC 6350, section 6.4.4).
    LANG = 12, "LANG", several, Language, Unsearched;
    TZ = 13, "TZ", several, Text, Unsearched;
    // 3.0 wrote two numbers, which become a URI.
    GEO = 14, "GEO", several, Uri, Unsearched;
    TITLE = 15, "TITLE", several, Text, Text;
    ROLE = 16, "ROLE", several, Text, Text;
    LOGO = 17, "LOGO", several, Picture, Unsearched;
    ORG = 18, "ORG", several, Components, Name, named 3;
    MEMBER = 19, "MEMBER", several, Uri, Unsearched;
    RELATED = 20, "RELATED", several, Uri, Text;
    CATEGORIES = 21, "CATEGORIES", several, List, Text;
    NOTE = 22, "NOTE", several, Text, Text;
    PRODID = 23, "PRODID", one, Text, Unsearched;
    REV = 24, "REV", one, Timestamp, Unsearched;
    SOUND = 25, "SOUND", several, Binary, Unsearched;
    UID = 26, "UID", one, Uri, Unsearched;
    // A number and a URI, neither of them text.
    CLIENTPIDMAP = 27, "CLIENTPIDMAP", several, AsItCame, Unsearched;
    URL = 28, "URL", several, Uri, Text;
    KEY = 29, "KEY", several, Binary, Unsearched;
    FBURL = 30, "FBURL", several, Uri, Unsearched;
    CALADRURI = 31, "CALADRURI", several, Uri, Unsearched;
    CALURI = 32, "CALURI", several, Uri, Unsearched;
    KIND = 33, "KIND", one, Text, Unsearched;
    SOURCE = 34, "SOURCE", several, Uri, Unsearched;
    XML = 35, "XML", several, Text, Unsearched;
    // 2.1 and 3.0.
    LABEL = 36, "LABEL", several, Text, Text;
    MAILER = 37, "MAILER", several, Text, Unsearched;
    // In 3.0 a whole card as one text.
    AGENT = 38, "AGENT", several, Text, Text;
    CLASS = 39, "CLASS", one, Text, Unsearched;
    NAME = 40, "NAME", several, Text, Unsearched;
    PROFILE = 41, "PROFILE", several, Text, Unsearched;
    SORT_STRING = 42, "SORT-STRING", one, Text, Name, sorts 0;
    ATTACH = 43, "ATTACH", several, Binary, Unsearched;
    // RFC 6474.
    BIRTHPLACE = 44, "BIRTHPLACE", one, Text, Text;
    DEATHPLACE = 45, "DEATHPLACE", one, Text, Text;
    DEATHDATE = 46, "DEATHDATE", one, Day, Date;
    // RFC 6715.
    EXPERTISE = 47, "EXPERTISE", several, Text, Text;
    HOBBY = 48, "HOBBY", several, Text, Text;
    INTEREST = 49, "INTEREST", several, Text, Text;
    ORG_DIRECTORY = 50, "ORG-DIRECTORY", several, Uri, Unsearched;
    // RFC 8605.
    CONTACT_URI = 51, "CONTACT-URI", several, Uri, Text;
    // RFC 9554.
    CREATED = 52, "CREATED", one, Timestamp, Unsearched;
    GRAMGENDER = 53, "GRAMGENDER", several, Text, Unsearched;
    // The language of the card (RFC 9554, section 3.3): there is one.
    LANGUAGE = 54, "LANGUAGE", one, Language, Unsearched;
    PRONOUNS = 55, "PRONOUNS", several, Text, Unsearched;
    SOCIALPROFILE = 56, "SOCIALPROFILE", several, Uri, Text;
    // JSON (RFC 9555, section 3.2.1), of which no `,` is to be touched.
    JSPROP = 57, "JSPROP", several, AsItCame, Unsearched;
    // Vendors' properties: what their writers escape differs from program to program, so they stay
    // as they came. Days and pictures among them are read like those they stand for.
    X_ABLABEL = 64, "X-ABLabel", several, AsItCame, Unsearched;
    // A day of any meaning, told by a label: several.
    X_ABDATE = 65, "X-ABDATE", several, VendorDay, Date;
    X_ABRELATEDNAMES = 66, "X-ABRELATEDNAMES", several, AsItCame, Text;
    X_ABADR = 67, "X-ABADR", several, AsItCame, Unsearched;
    X_ABUID = 68, "X-ABUID", one, AsItCame, Unsearched;
    X_ABSHOWAS = 69, "X-ABShowAs", one, AsItCame, Unsearched;
    X_ABORDER = 70, "X-ABOrder", several, AsItCame, Unsearched;
    X_PHONETIC_FIRST_NAME = 71, "X-PHONETIC-FIRST-NAME", one, AsItCame, Name;
    X_PHONETIC_MIDDLE_NAME = 72, "X-PHONETIC-MIDDLE-NAME", one, AsItCame, Name;
    X_PHONETIC_LAST_NAME = 73, "X-PHONETIC-LAST-NAME", one, AsItCame, Name, sorts 1;
    X_PHONETIC_ORG = 74, "X-PHONETIC-ORG", several, AsItCame, Name;
    X_SOCIALPROFILE = 75, "X-SOCIALPROFILE", several, AsItCame, Text;
    X_ADDRESSBOOKSERVER_KIND = 76, "X-ADDRESSBOOKSERVER-KIND", one, AsItCame, Unsearched;
    X_ADDRESSBOOKSERVER_MEMBER = 77, "X-ADDRESSBOOKSERVER-MEMBER", several, AsItCame, Unsearched;
    X_AIM = 78, "X-AIM", several, AsItCame, Text;
    X_ICQ = 79, "X-ICQ", several, AsItCame, Text;
    X_JABBER = 80, "X-JABBER", several, AsItCame, Text;
    X_MSN = 81, "X-MSN", several, AsItCame, Text;
    X_YAHOO = 82, "X-YAHOO", several, AsItCame, Text;
    X_SKYPE = 83, "X-SKYPE", several, AsItCame, Text;
    X_SKYPE_USERNAME = 84, "X-SKYPE-USERNAME", several, AsItCame, Text;
    X_GOOGLE_TALK = 85, "X-GOOGLE-TALK", several, AsItCame, Text;
    X_QQ = 86, "X-QQ", several, AsItCame, Text;
    X_GADUGADU = 87, "X-GADUGADU", several, AsItCame, Text;
    X_GROUPWISE = 88, "X-GROUPWISE", several, AsItCame, Text;
    X_SIP = 89, "X-SIP", several, AsItCame, Text;
    X_TWITTER = 90, "X-TWITTER", several, AsItCame, Text;
    X_ANDROID_CUSTOM = 91, "X-ANDROID-CUSTOM", several, AsItCame, Text;
    // A form of ANNIVERSARY: there is one, searched and shown as the day it is. The text stays as
    // it came, but for a day without its year, which has one spelling.
    X_ANNIVERSARY = 92, "X-ANNIVERSARY", one, VendorDay, Date;
    X_SPOUSE = 93, "X-SPOUSE", several, AsItCame, Text;
    X_MANAGER = 94, "X-MANAGER", several, AsItCame, Text;
    X_ASSISTANT = 95, "X-ASSISTANT", several, AsItCame, Text;
    // A form of GENDER: there is one.
    X_GENDER = 96, "X-GENDER", one, AsItCame, Unsearched;
    X_EVOLUTION_FILE_AS = 97, "X-EVOLUTION-FILE-AS", several, AsItCame, Text;
    // A form of ANNIVERSARY, see X-ANNIVERSARY.
    X_EVOLUTION_ANNIVERSARY = 98, "X-EVOLUTION-ANNIVERSARY", one, VendorDay, Date;
    X_EVOLUTION_ASSISTANT = 99, "X-EVOLUTION-ASSISTANT", several, AsItCame, Text;
    X_EVOLUTION_MANAGER = 100, "X-EVOLUTION-MANAGER", several, AsItCame, Text;
    X_EVOLUTION_SPOUSE = 101, "X-EVOLUTION-SPOUSE", several, AsItCame, Text;
    X_EVOLUTION_BLOG_URL = 102, "X-EVOLUTION-BLOG-URL", several, AsItCame, Text;
    X_EVOLUTION_VIDEO_URL = 103, "X-EVOLUTION-VIDEO-URL", several, AsItCame, Text;
    X_EVOLUTION_CALLBACK = 104, "X-EVOLUTION-CALLBACK", several, AsItCame, Phone;
    X_EVOLUTION_RADIO = 105, "X-EVOLUTION-RADIO", several, AsItCame, Phone;
    X_EVOLUTION_TELEX = 106, "X-EVOLUTION-TELEX", several, AsItCame, Phone;
    X_EVOLUTION_TTYTDD = 107, "X-EVOLUTION-TTYTDD", several, AsItCame, Phone;
    X_MOZILLA_HTML = 108, "X-MOZILLA-HTML", several, AsItCame, Unsearched;
    X_MOZILLA_PROPERTY = 109, "X-MOZILLA-PROPERTY", several, AsItCame, Unsearched;
    X_MS_OL_DEFAULT_POSTAL_ADDRESS = 110, "X-MS-OL-DEFAULT-POSTAL-ADDRESS", several, AsItCame, Unsearched;
    X_MS_OL_DESIGN = 111, "X-MS-OL-DESIGN", several, AsItCame, Unsearched;
    // A picture like PHOTO: bytes, or a URI.
    X_MS_CARDPICTURE = 112, "X-MS-CARDPICTURE", several, Picture, Unsearched;
    X_MS_IMADDRESS = 113, "X-MS-IMADDRESS", several, AsItCame, Text;
    // A form of GENDER: there is one.
    X_WAB_GENDER = 114, "X-WAB-GENDER", one, AsItCame, Unsearched;
    // A form of CLASS: there is one.
    X_CLASS = 115, "X-CLASS", one, AsItCame, Unsearched;
    X_DEPARTMENT = 116, "X-DEPARTMENT", several, AsItCame, Text;
    // A form of ANNIVERSARY, see X-ANNIVERSARY.
    X_KADDRESSBOOK_X_ANNIVERSARY = 117, "X-KADDRESSBOOK-X-Anniversary", one, VendorDay, Date;
    X_KADDRESSBOOK_X_ASSISTANTSNAME = 118, "X-KADDRESSBOOK-X-AssistantsName", several, AsItCame, Text;
    X_KADDRESSBOOK_X_DEPARTMENT = 119, "X-KADDRESSBOOK-X-Department", several, AsItCame, Text;
    X_KADDRESSBOOK_X_OFFICE = 120, "X-KADDRESSBOOK-X-Office", several, AsItCame, Text;
    X_KADDRESSBOOK_X_PROFESSION = 121, "X-KADDRESSBOOK-X-Profession", several, AsItCame, Text;
    X_KADDRESSBOOK_X_MANAGERSNAME = 122, "X-KADDRESSBOOK-X-ManagersName", several, AsItCame, Text;
    X_KADDRESSBOOK_X_SPOUSENAME = 123, "X-KADDRESSBOOK-X-SpouseName", several, AsItCame, Text;
    X_KADDRESSBOOK_BLOGFEED = 124, "X-KADDRESSBOOK-BlogFeed", several, AsItCame, Text;
    X_KADDRESSBOOK_CRYPTOPROTOPREF = 125, "X-KADDRESSBOOK-CRYPTOPROTOPREF", several, AsItCame, Unsearched;
    X_OPENPGP_FP = 126, "X-OPENPGP-FP", several, AsItCame, Unsearched;
    X_IMADDRESS = 127, "X-IMAddress", several, AsItCame, Text;
}

impl Kind {
    /// A property known by its name only.
    pub const OTHER: Self = Self(0);
    /// The contact was put in the trash; it is there while this is its newest property.
    pub const TRASHED: Self = Self(240);
    /// Digest of a card that was imported into this contact, so that the same card imported again
    /// changes nothing, whatever was edited since. The last few are kept: files exist that have
    /// several cards of one UID.
    pub const IMPORTED: Self = Self(241);

    /// The kind of a property name, whatever its letter case; [`Kind::OTHER`] for unknown ones.
    pub fn of(name: &str) -> Self {
        Self::KNOWN
            .iter()
            .copied()
            .find(|kind| Self::lookup(kind.0).is_some_and(|known| known.eq_ignore_ascii_case(name)))
            .unwrap_or(Self::OTHER)
    }

    /// The name as written; empty for [`Kind::OTHER`] and the box's own marks.
    pub fn name(self) -> &'static str {
        Self::lookup(self.0).unwrap_or("")
    }

    /// Returns whether this is a mark of the box, not a property of the vCard.
    pub fn is_internal(self) -> bool {
        self.0 >= 240
    }

    /// Returns whether the kind tells of the file it came in, not of the person: an import replaces
    /// it.
    pub fn is_bookkeeping(self) -> bool {
        matches!(self, Self::REV | Self::PRODID | Self::IMPORTED)
    }

    /// The code in records.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The kind of a code in a record; `None` for codes this version does not know.
    pub fn from_code(code: u8) -> Option<Self> {
        let kind = Self(code);
        let known = matches!(kind, Self::OTHER | Self::TRASHED | Self::IMPORTED);
        (known || Self::lookup(code).is_some()).then_some(kind)
    }
}

impl core::fmt::Debug for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::OTHER => f.write_str("OTHER"),
            Self::TRASHED => f.write_str("TRASHED"),
            Self::IMPORTED => f.write_str("IMPORTED"),
            kind => f.write_str(kind.name()),
        }
    }
}
