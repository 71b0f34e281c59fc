//! The vCard reader and writer over any bytes: no panic, the same result in any pieces, nothing
//! lost.
use crate::vcards::{self, Reading, Said, Stored};
use contactbox_core::vcard::VcardVersion;

/// Reads `bytes`. The first byte decides how they are cut and how much memory there is.
pub fn run(bytes: &[u8]) {
    let Some((&how, input)) = bytes.split_first() else {
        return;
    };
    let how = usize::from(how);
    // With little memory the pieces make no difference either, and the order is kept.
    let little = 16 << (how % 8);
    let whole = vcards::listen(input, &[input.len().max(1)], little);
    let pieces = [how % 5 + 1, how % 17 + 1, how + 1];
    assert_eq!(vcards::listen(input, &pieces, little), whole, "in pieces of {pieces:?}");
    Reading::of(whole);

    // With enough memory everything read comes back from both versions.
    let said = vcards::listen(input, &pieces, enough(input.len()));
    said.iter().for_each(check_form);
    let reading = Reading::of(said);
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let text = vcards::write(&reading.cards, version);
        let again = vcards::listen(text.as_bytes(), &[4096], enough(text.len()));
        let again = Reading::of(again).cards;
        for (before, after) in reading.cards.iter().zip(&again) {
            for (before, after) in before.iter().zip(after) {
                assert_eq!(before, after, "{version:?}");
            }
        }
        assert!(reading.cards == again, "{version:?}: another number of properties");
    }
}

/// Returns the memory for one line of the whole input, decoded and escaped.
fn enough(bytes: usize) -> usize {
    bytes * 16 + 1024
}

/// Checks the form of a property, whatever it was read from.
fn check_form(said: &Said) {
    let Said::Content(property) = said else {
        return;
    };
    let is_line = |text: &str| !text.contains(['\r', '\n', '\0']);
    assert!(!property.name.is_empty());
    assert!(is_line(&property.name) && is_line(&property.group) && is_line(&property.params));
    assert!(property.params.matches('"').count() % 2 == 0, "{}", property.params);
    if let Stored::Text(text) = &property.value {
        assert!(is_line(text), "{text:?}");
    }
}
