//! The kinds of property, one byte each: RFC 6350, its registered extensions, the
//! usual vendor names.

/// What a property is: a code of the table below, or [`Kind::OTHER`] with its name beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

macro_rules! kinds {
    ($($ident:ident = $code:literal, $name:literal $(, $single:ident)?;)*) => {
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

            /// Whether a contact has at most one of this kind, so that two are a conflict.
            pub fn is_single(self) -> bool {
                match self.0 {
                    $($code => kinds!(@single $($single)?),)*
                    _ => false,
                }
            }

            /// Every kind with a name.
            pub const KNOWN: &'static [Self] = &[$(Self($code)),*];
        }
    };
    (@single single) => { true };
    (@single) => { false };
}

// Codes are in records: appended, never renumbered. 0 is OTHER; from 240 on, the box's own marks.
kinds! {
    FN = 1, "FN", single;
    N = 2, "N", single;
    NICKNAME = 3, "NICKNAME";
    PHOTO = 4, "PHOTO";
    BDAY = 5, "BDAY", single;
    ANNIVERSARY = 6, "ANNIVERSARY", single;
    GENDER = 7, "GENDER", single;
    ADR = 8, "ADR";
    TEL = 9, "TEL";
    EMAIL = 10, "EMAIL";
    IMPP = 11, "IMPP";
    LANG = 12, "LANG";
    TZ = 13, "TZ";
    GEO = 14, "GEO";
    TITLE = 15, "TITLE";
    ROLE = 16, "ROLE";
    LOGO = 17, "LOGO";
    ORG = 18, "ORG";
    MEMBER = 19, "MEMBER";
    RELATED = 20, "RELATED";
    CATEGORIES = 21, "CATEGORIES";
    NOTE = 22, "NOTE";
    PRODID = 23, "PRODID", single;
    REV = 24, "REV", single;
    SOUND = 25, "SOUND";
    UID = 26, "UID", single;
    CLIENTPIDMAP = 27, "CLIENTPIDMAP";
    URL = 28, "URL";
    KEY = 29, "KEY";
    FBURL = 30, "FBURL";
    CALADRURI = 31, "CALADRURI";
    CALURI = 32, "CALURI";
    KIND = 33, "KIND", single;
    SOURCE = 34, "SOURCE";
    XML = 35, "XML";
    LABEL = 36, "LABEL";
    MAILER = 37, "MAILER";
    AGENT = 38, "AGENT";
    CLASS = 39, "CLASS", single;
    NAME = 40, "NAME";
    PROFILE = 41, "PROFILE";
    SORT_STRING = 42, "SORT-STRING", single;
    ATTACH = 43, "ATTACH";
    BIRTHPLACE = 44, "BIRTHPLACE", single;
    DEATHPLACE = 45, "DEATHPLACE", single;
    DEATHDATE = 46, "DEATHDATE", single;
    EXPERTISE = 47, "EXPERTISE";
    HOBBY = 48, "HOBBY";
    INTEREST = 49, "INTEREST";
    ORG_DIRECTORY = 50, "ORG-DIRECTORY";
    CONTACT_URI = 51, "CONTACT-URI";
    CREATED = 52, "CREATED", single;
    GRAMGENDER = 53, "GRAMGENDER";
    LANGUAGE = 54, "LANGUAGE", single;
    PRONOUNS = 55, "PRONOUNS";
    SOCIALPROFILE = 56, "SOCIALPROFILE";
    JSPROP = 57, "JSPROP";
    X_ABLABEL = 64, "X-ABLabel";
    X_ABDATE = 65, "X-ABDATE";
    X_ABRELATEDNAMES = 66, "X-ABRELATEDNAMES";
    X_ABADR = 67, "X-ABADR";
    X_ABUID = 68, "X-ABUID", single;
    X_ABSHOWAS = 69, "X-ABShowAs", single;
    X_ABORDER = 70, "X-ABOrder";
    X_PHONETIC_FIRST_NAME = 71, "X-PHONETIC-FIRST-NAME", single;
    X_PHONETIC_MIDDLE_NAME = 72, "X-PHONETIC-MIDDLE-NAME", single;
    X_PHONETIC_LAST_NAME = 73, "X-PHONETIC-LAST-NAME", single;
    X_PHONETIC_ORG = 74, "X-PHONETIC-ORG";
    X_SOCIALPROFILE = 75, "X-SOCIALPROFILE";
    X_ADDRESSBOOKSERVER_KIND = 76, "X-ADDRESSBOOKSERVER-KIND", single;
    X_ADDRESSBOOKSERVER_MEMBER = 77, "X-ADDRESSBOOKSERVER-MEMBER";
    X_AIM = 78, "X-AIM";
    X_ICQ = 79, "X-ICQ";
    X_JABBER = 80, "X-JABBER";
    X_MSN = 81, "X-MSN";
    X_YAHOO = 82, "X-YAHOO";
    X_SKYPE = 83, "X-SKYPE";
    X_SKYPE_USERNAME = 84, "X-SKYPE-USERNAME";
    X_GOOGLE_TALK = 85, "X-GOOGLE-TALK";
    X_QQ = 86, "X-QQ";
    X_GADUGADU = 87, "X-GADUGADU";
    X_GROUPWISE = 88, "X-GROUPWISE";
    X_SIP = 89, "X-SIP";
    X_TWITTER = 90, "X-TWITTER";
    X_ANDROID_CUSTOM = 91, "X-ANDROID-CUSTOM";
    X_ANNIVERSARY = 92, "X-ANNIVERSARY";
    X_SPOUSE = 93, "X-SPOUSE";
    X_MANAGER = 94, "X-MANAGER";
    X_ASSISTANT = 95, "X-ASSISTANT";
    X_GENDER = 96, "X-GENDER";
    X_EVOLUTION_FILE_AS = 97, "X-EVOLUTION-FILE-AS";
    X_EVOLUTION_ANNIVERSARY = 98, "X-EVOLUTION-ANNIVERSARY";
    X_EVOLUTION_ASSISTANT = 99, "X-EVOLUTION-ASSISTANT";
    X_EVOLUTION_MANAGER = 100, "X-EVOLUTION-MANAGER";
    X_EVOLUTION_SPOUSE = 101, "X-EVOLUTION-SPOUSE";
    X_EVOLUTION_BLOG_URL = 102, "X-EVOLUTION-BLOG-URL";
    X_EVOLUTION_VIDEO_URL = 103, "X-EVOLUTION-VIDEO-URL";
    X_EVOLUTION_CALLBACK = 104, "X-EVOLUTION-CALLBACK";
    X_EVOLUTION_RADIO = 105, "X-EVOLUTION-RADIO";
    X_EVOLUTION_TELEX = 106, "X-EVOLUTION-TELEX";
    X_EVOLUTION_TTYTDD = 107, "X-EVOLUTION-TTYTDD";
    X_MOZILLA_HTML = 108, "X-MOZILLA-HTML";
    X_MOZILLA_PROPERTY = 109, "X-MOZILLA-PROPERTY";
    X_MS_OL_DEFAULT_POSTAL_ADDRESS = 110, "X-MS-OL-DEFAULT-POSTAL-ADDRESS";
    X_MS_OL_DESIGN = 111, "X-MS-OL-DESIGN";
    X_MS_CARDPICTURE = 112, "X-MS-CARDPICTURE";
    X_MS_IMADDRESS = 113, "X-MS-IMADDRESS";
    X_WAB_GENDER = 114, "X-WAB-GENDER";
    X_CLASS = 115, "X-CLASS";
    X_DEPARTMENT = 116, "X-DEPARTMENT";
    X_KADDRESSBOOK_X_ANNIVERSARY = 117, "X-KADDRESSBOOK-X-Anniversary";
    X_KADDRESSBOOK_X_ASSISTANTSNAME = 118, "X-KADDRESSBOOK-X-AssistantsName";
    X_KADDRESSBOOK_X_DEPARTMENT = 119, "X-KADDRESSBOOK-X-Department";
    X_KADDRESSBOOK_X_OFFICE = 120, "X-KADDRESSBOOK-X-Office";
    X_KADDRESSBOOK_X_PROFESSION = 121, "X-KADDRESSBOOK-X-Profession";
    X_KADDRESSBOOK_X_MANAGERSNAME = 122, "X-KADDRESSBOOK-X-ManagersName";
    X_KADDRESSBOOK_X_SPOUSENAME = 123, "X-KADDRESSBOOK-X-SpouseName";
    X_KADDRESSBOOK_BLOGFEED = 124, "X-KADDRESSBOOK-BlogFeed";
    X_KADDRESSBOOK_CRYPTOPROTOPREF = 125, "X-KADDRESSBOOK-CRYPTOPROTOPREF";
    X_OPENPGP_FP = 126, "X-OPENPGP-FP";
    X_IMADDRESS = 127, "X-IMAddress";
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

    /// Whether this is a mark of the box, not a property of the card.
    pub fn is_internal(self) -> bool {
        self.0 >= 240
    }

    /// Whether the kind tells of the file it came in, not of the person: an import replaces it.
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
