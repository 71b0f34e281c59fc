//! None of them exists. Telephone numbers come from ranges that the authorities keep for fiction,
//! where there are such ranges; email addresses come from domains kept for examples.

/// The sample, as bytes to import.
pub const PEOPLE: &[u8] = include_bytes!("people.vcf");

/// The number of vCards in the sample.
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
