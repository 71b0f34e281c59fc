//! What a contact is called: which of its properties name it, in which order, and by which part.

use super::Kind;
use super::kind::NameRole;
use super::shape::ValueShape;
use crate::text::{is_said, split_bare};

/// The kinds that name a contact, the best first. A kind of which a contact has one names it by
/// what was said last, any other by the first that says something.
pub const NAMES: [Kind; 6] = {
    let mut names = [Kind::OTHER; 6];
    let mut at = 0;
    while at < Kind::KNOWN.len() {
        if let Some(NameRole::Named(rank)) = Kind::KNOWN[at].name_role() {
            names[rank] = Kind::KNOWN[at];
        }
        at += 1;
    }
    names
};

/// The components of N in the order people say them: prefixes, given, further, family, suffixes.
pub const SPOKEN: [usize; 5] = [3, 1, 2, 0, 4];

/// The texts, one behind the other, by which a value of this kind names a contact: the parts of N
/// in the order people say them, the first nickname of a list, and all of anything else.
pub fn name_parts(kind: Kind, text: &str) -> impl Iterator<Item = &str> {
    let is_spoken = kind.shape() == ValueShape::ComponentLists;
    let spoken = SPOKEN.iter().filter(move |_| is_spoken);
    let spoken = spoken.filter_map(|&place| split_bare(text, ';').nth(place));
    let whole = Some(own_name(kind, text)).filter(|_| !is_spoken);
    spoken.flat_map(|component| split_bare(component, ',')).chain(whole)
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
        let parts = |kind, text| name_parts(kind, text).collect::<Vec<_>>();
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
