//! The sample file: 200 invented people of many languages, as phones and mail programs write them.
//!
//! Nobody in it exists. Numbers are of the ranges that telephone authorities keep for fiction where
//! there are such, addresses of email are of the domains kept for examples.

/// The sample, as it would be imported.
pub const PEOPLE: &[u8] = include_bytes!("people.vcf");

/// How many cards it has.
pub const PEOPLE_CARDS: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_as_many_cards_as_it_says() {
        let text = std::str::from_utf8(PEOPLE).unwrap();
        assert_eq!(text.matches("BEGIN:VCARD\r\n").count() as u64, PEOPLE_CARDS);
        assert_eq!(text.matches("END:VCARD\r\n").count() as u64, PEOPLE_CARDS);
    }
}
