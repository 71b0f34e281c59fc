//! Compares phone numbers by their digits, however they are written.
//!
//! A number is international if it begins with `+` or `00`, which are left out of its digits. It is
//! national if it begins with a single `0`. Spaces and punctuation do not count, nor does the `(0)`
//! of `+49 (0)171`. The digits of an extension follow those of the number.

/// The number of digits kept of one number. No number has more, even with its extension.
pub(super) const DIGITS_MAX: usize = 32;

/// The fewest digits after a country code with which an international query finds a number stored
/// in national form, and the most digits of a country code.
const LOCAL_DIGITS_MIN: usize = 3;
const COUNTRY_DIGITS_MAX: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberForm {
    Plain,
    National,
    International,
}

/// The digits of a number. Those of a national one include its leading 0.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    digits: [u8; DIGITS_MAX],
    len: u8,
    pub(super) form: NumberForm,
}

impl Digits {
    /// Reads the digits in a text. Parameters of `tel:` other than an extension are left out.
    pub(super) fn of(text: &str) -> Self {
        let mut number = Self { digits: [0; DIGITS_MAX], len: 0, form: NumberForm::Plain };
        let text = match text.split_at_checked(4) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
            _ => text,
        };
        let main = text.split(";phone-context").next().unwrap_or(text);
        let mut rest = main;
        while let Some(c) = rest.chars().next() {
            // This holds for international numbers only: elsewhere `(0)` is how the trunk digit is
            // written.
            if number.form == NumberForm::International && rest.starts_with("(0)") {
                rest = rest.get(3..).unwrap_or("");
                continue;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or("");
            if c == '+' && number.len == 0 {
                number.form = NumberForm::International;
            } else if c.is_ascii_digit() {
                number.push(c as u8);
            } else if !c.is_ascii() {
                crate::text::fold_char(c, |c| match c {
                    '+' if number.len == 0 => number.form = NumberForm::International,
                    c if c.is_ascii_digit() => number.push(c as u8),
                    _ => {}
                });
            }
        }
        if number.form == NumberForm::Plain && number.get().starts_with(b"0") {
            number.form = NumberForm::National;
        }
        number
    }

    fn push(&mut self, digit: u8) {
        if digit == b'0' && self.form == NumberForm::Plain && self.get() == b"0" {
            self.form = NumberForm::International;
            self.len = 0;
        } else if let Some(slot) = self.digits.get_mut(usize::from(self.len)) {
            *slot = digit;
            self.len += 1;
        }
    }

    /// Returns every digit.
    pub(super) fn get(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Returns the digits without the leading 0 of a national number.
    pub(super) fn core(&self) -> &[u8] {
        match self.form {
            NumberForm::National => self.get().get(1..).unwrap_or(&[]),
            NumberForm::Plain | NumberForm::International => self.get(),
        }
    }

    /// Returns whether this query finds a stored number.
    ///
    /// Three digits or more match in any place. Fewer match only where the number begins: at its
    /// first digit, or behind the 0 of a national number. If the query begins with a 0, which may
    /// stand for a country code, they also match behind one to three digits of an international
    /// number. A whole international query also finds a number stored in national form.
    pub(super) fn finds(&self, stored: &Self) -> bool {
        let (wanted, digits) = (self.core(), stored.get());
        match wanted.len() {
            0 => !digits.is_empty(),
            1 | 2 => {
                let starts = |at: usize| digits.get(at..).is_some_and(|d| d.starts_with(wanted));
                match self.form {
                    NumberForm::National => stored.national_places().any(starts),
                    _ => starts(0) || (stored.form == NumberForm::National && starts(1)),
                }
            }
            len => {
                digits.windows(len).any(|window| window == wanted)
                    || (self.form == NumberForm::International
                        && stored.form == NumberForm::National
                        && (1..=COUNTRY_DIGITS_MAX).any(|country| {
                            wanted.get(country..).is_some_and(|local| {
                                local.len() >= LOCAL_DIGITS_MIN && stored.core().starts_with(local)
                            })
                        }))
            }
        }
    }

    /// Returns the places at which this stored number may begin for a query with a single leading
    /// 0.
    pub(super) fn national_places(&self) -> core::ops::RangeInclusive<usize> {
        match self.form {
            NumberForm::National => 0..=1,
            NumberForm::Plain | NumberForm::International => 0..=COUNTRY_DIGITS_MAX,
        }
    }

    /// Returns digits that stand in a row in every number that this query finds.
    pub(super) fn sure_run(&self) -> &[u8] {
        let wanted = self.core();
        match self.form {
            NumberForm::International if wanted.len() > COUNTRY_DIGITS_MAX => {
                wanted.get(COUNTRY_DIGITS_MAX..).unwrap_or(&[])
            }
            _ => wanted,
        }
    }
}

/// Returns whether a word of a query can be part of a phone number: only digits and phone
/// punctuation.
pub(super) fn is_number_like(token: &str) -> bool {
    token.chars().all(|c| {
        let mut fits = true;
        crate::text::fold_char(c, |c| {
            fits &= c.is_ascii_digit()
                || matches!(c, '+' | '-' | '(' | ')' | '/' | '.' | '*' | '#' | ',')
                || (!c.is_alphanumeric() && !c.is_ascii());
        });
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str, stored: &str) -> bool {
        Digits::of(query).finds(&Digits::of(stored))
    }

    #[test]
    fn a_number_is_its_digits() {
        for (text, digits, form) in [
            ("+49 (171) 555-01", "4917155501", NumberForm::International),
            ("0049 171 555 01", "4917155501", NumberForm::International),
            ("+49 (0)171 55501", "4917155501", NumberForm::International),
            ("0171/55501", "017155501", NumberForm::National),
            ("(0171) 55501", "017155501", NumberForm::National),
            ("555-0123", "5550123", NumberForm::Plain),
            ("tel:+1-555-0123;ext=42", "1555012342", NumberForm::International),
            ("tel:0123;phone-context=+49", "0123", NumberForm::National),
            ("＋４９ ١٧١", "49171", NumberForm::International),
            ("+", "", NumberForm::International),
            ("", "", NumberForm::Plain),
        ] {
            let number = Digits::of(text);
            assert_eq!(number.get(), digits.as_bytes(), "{text}");
            assert_eq!(number.form, form, "{text}");
        }
    }

    #[test]
    fn however_it_was_written() {
        let stored = "+49 (171) 555-01";
        for query in [
            "0171 555",
            "0171555",
            "+49171555",
            "0049 171",
            "171-555",
            "55501",
            "017",
            "01",
            "0",
            "49",
        ] {
            assert!(finds(query, stored), "{query}");
        }
        for query in ["0172 555", "+49172", "55502", "02", "99"] {
            assert!(!finds(query, stored), "{query}");
        }
        assert!(finds("+49171555", "0171 55501"));
        assert!(finds("0049 (0)171 555", "0171/55501"));
        assert!(!finds("+49171555", "0172 55501"));
        assert!(!finds("49171555", "0171 55501"));
        assert!(finds("01", "0171 55501"));
    }
}
