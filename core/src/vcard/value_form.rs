//! How the value of each kind is read: which `,` and `;` are separators and which are text.

use crate::contact::Kind;

/// The shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueForm {
    /// One text: every `,` and `;` in it is text.
    Text,
    /// Texts separated by `,`.
    List,
    /// Components separated by `;`, each one text.
    Components,
    /// Components separated by `;`, each a list separated by `,`.
    ComponentLists,
    /// A URI, which knows no escapes; writers of 3.0 escape in them all the same.
    Uri,
    /// A date or a point of time.
    Date,
    /// Text that says its line ends by itself and whose inner shape is not known here.
    AsItCame,
}

impl ValueForm {
    /// The form of a kind, by what its `VALUE` parameter says, if it has one.
    pub(super) fn of(kind: Kind, value_type: Option<&str>) -> Self {
        let own = Self::of_kind(kind);
        let says = |word: &str| value_type.is_some_and(|it| it.eq_ignore_ascii_case(word));
        if own == Self::AsItCame {
            own
        } else if says("uri") {
            Self::Uri
        } else if says("text") && matches!(own, Self::Uri | Self::Date) {
            Self::Text
        } else {
            own
        }
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::NICKNAME | Kind::CATEGORIES => Self::List,
            Kind::ORG | Kind::GENDER => Self::Components,
            Kind::N | Kind::ADR => Self::ComponentLists,
            Kind::BDAY | Kind::ANNIVERSARY | Kind::DEATHDATE | Kind::REV | Kind::CREATED => {
                Self::Date
            }
            Kind::PHOTO
            | Kind::LOGO
            | Kind::SOUND
            | Kind::KEY
            | Kind::ATTACH
            | Kind::URL
            | Kind::UID
            | Kind::IMPP
            | Kind::GEO
            | Kind::MEMBER
            | Kind::RELATED
            | Kind::SOURCE
            | Kind::FBURL
            | Kind::CALADRURI
            | Kind::CALURI
            | Kind::ORG_DIRECTORY
            | Kind::CONTACT_URI
            | Kind::SOCIALPROFILE => Self::Uri,
            Kind::CLIENTPIDMAP | Kind::JSPROP | Kind::OTHER => Self::AsItCame,
            // Vendors' properties: what their writers escape differs from program to program.
            kind if kind.code() >= Kind::X_ABLABEL.code() => Self::AsItCame,
            _ => Self::Text,
        }
    }

    /// Whether a bare `;` separates.
    pub(super) fn has_components(self) -> bool {
        matches!(self, Self::Components | Self::ComponentLists)
    }
}

/// Whether binary values of this kind are `data:` URIs in 4.0.
pub(super) fn is_binary(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PHOTO | Kind::LOGO | Kind::SOUND | Kind::KEY | Kind::ATTACH | Kind::X_MS_CARDPICTURE
    )
}

/// Whether a kind tells a day of which the year may not be known.
pub(super) fn is_anniversary(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::BDAY | Kind::ANNIVERSARY | Kind::DEATHDATE | Kind::X_ABDATE | Kind::X_ANNIVERSARY
    )
}
