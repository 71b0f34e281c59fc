//! How the value of each shape is read: which `,` and `;` are separators and which are text.

use crate::contact::{Kind, ValueShape};

/// How the text of a value is read.
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
        let own = Self::of_shape(kind.shape());
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

    fn of_shape(shape: ValueShape) -> Self {
        match shape {
            ValueShape::Text | ValueShape::Language => Self::Text,
            ValueShape::List => Self::List,
            ValueShape::Components => Self::Components,
            ValueShape::ComponentLists => Self::ComponentLists,
            ValueShape::Uri | ValueShape::Binary | ValueShape::Picture => Self::Uri,
            ValueShape::Day | ValueShape::Timestamp => Self::Date,
            ValueShape::VendorDay | ValueShape::AsItCame => Self::AsItCame,
        }
    }

    /// Returns whether a bare `;` separates.
    pub(super) fn has_components(self) -> bool {
        matches!(self, Self::Components | Self::ComponentLists)
    }
}
