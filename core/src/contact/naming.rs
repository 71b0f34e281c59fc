//! Names a contact: by which of its properties, in which order, and by which part.

use super::Kind;
use super::kind::NameRole;
use super::shape::ValueShape;
use crate::text::{cut_bare, is_said, split_bare};

/// The kinds that name a contact, the best first. A kind of which a contact has one names it by
/// what was said last, any other by the first that says something.
pub const NAMES: [Kind; 6] = {
    let mut names = [Kind::OTHER; 6];
    let mut at = 0;
    while at < Kind::KNOWN.len() {
        if let Some(NameRole::Named(rank)) = Kind::KNOWN[at].name_role() {
            names[rank as usize] = Kind::KNOWN[at];
        }
        at += 1;
    }
    names
};

/// The components of N in the order people say them: prefixes, given, further, family, suffixes.
pub const SPOKEN: [usize; 5] = [3, 1, 2, 0, 4];

/// The texts, one behind the other, by which a value names a contact.
pub struct NameParts<'t> {
    text: &'t str,
    /// The components of the text that are still to come.
    components: core::slice::Iter<'static, usize>,
    /// The rest of the present property.
    rest: Option<&'t str>,
    /// A `,` separates.
    is_list: bool,
}

impl<'t> NameParts<'t> {
    /// The parts of a value of this kind: those of N in the order people say them, the first
    /// nickname of a list, all of anything else.
    pub fn of(kind: Kind, text: &'t str) -> Self {
        if kind.shape() == ValueShape::ComponentLists {
            Self { text, components: SPOKEN.iter(), rest: None, is_list: true }
        } else {
            Self::whole(own_name(kind, text))
        }
    }

    /// All of a text as one part.
    pub fn whole(text: &'t str) -> Self {
        Self { text, components: [].iter(), rest: Some(text), is_list: false }
    }
}

impl<'t> Iterator for NameParts<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        while self.rest.is_none() {
            let place = *self.components.next()?;
            self.rest = split_bare(self.text, ';').nth(place);
        }
        let rest = self.rest.take()?;
        if !self.is_list {
            return Some(rest);
        }
        let (part, after) = cut_bare(rest, ',');
        self.rest = after;
        Some(part)
    }
}

/// The first that says something of texts in a list, or all of a text that is none.
pub fn own_name(kind: Kind, text: &str) -> &str {
    match kind.shape() {
        ValueShape::List => split_bare(text, ',').find(|one| is_said(one)).unwrap_or(""),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_place_among_the_names_is_taken_once() {
        let ranks = |is_wanted: fn(&NameRole) -> bool| {
            Kind::KNOWN.iter().filter_map(|kind| kind.name_role()).filter(is_wanted).count()
        };
        assert!(!NAMES.contains(&Kind::OTHER));
        assert_eq!(ranks(|role| matches!(role, NameRole::Named(_))), NAMES.len());
    }

    #[test]
    fn names_are_said_as_people_say_them() {
        let parts = |kind, text| NameParts::of(kind, text).collect::<Vec<_>>();
        assert_eq!(
            parts(Kind::N, "Lovelace;Ada;King,Noel;Lady;"),
            ["Lady", "Ada", "King", "Noel", "Lovelace", ""]
        );
        assert_eq!(parts(Kind::N, "A\\;B;C"), ["C", "A\\;B"]);
        assert_eq!(parts(Kind::NICKNAME, ",Addy\\,x,Ada"), ["Addy\\,x"]);
        assert_eq!(parts(Kind::ORG, "Engines\\, Ltd.;Analysis"), ["Engines\\, Ltd.;Analysis"]);
        assert_eq!(parts(Kind::TEL, "1,2"), ["1,2"]);
    }
}
