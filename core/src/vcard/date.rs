//! Dates and points of time: the basic form of vCard 4.0 and the extended one that 3.0 writes.

use super::arena::Arena;
use crate::text::SliceFull;
use core::fmt::{self, Display, Write};

/// The form in which dates and points of time are kept, of one in that form or in the extended one:
/// `19960415` for `1996-04-15`. `None` for what is no whole date, which is kept as it is.
pub fn basic_date(text: &str) -> Option<impl Display + '_> {
    struct Basic<'a>(Moment<'a>);

    impl Display for Basic<'_> {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.write(out, "", "")
        }
    }

    Moment::parse(text).map(Basic)
}

/// A whole date, perhaps without its year, perhaps with a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment<'a> {
    /// Four digits.
    pub year: Option<&'a str>,
    month: &'a str,
    day: &'a str,
    time: Option<Time<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time<'a> {
    hour: &'a str,
    minute: &'a str,
    second: Option<&'a str>,
    /// `Z`, or sign and hours, or nothing.
    zone: &'a str,
    zone_minutes: &'a str,
}

impl<'a> Moment<'a> {
    /// Reads the basic (`19960415T231000Z`) or extended (`1996-04-15T23:10:00Z`) form of a
    /// whole date or date and time, with `--` for an unknown year. Everything else is
    /// `None`, to be kept as it is.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(Time::parse(time)?)),
            None => (text, None),
        };
        let (year, rest) = match date.strip_prefix("--") {
            Some(rest) => (None, rest),
            None => {
                let (year, rest) = digits(date, 4)?;
                (Some(year), rest)
            }
        };
        let hyphen = if year.is_some() { rest.strip_prefix('-') } else { None };
        let (month, rest) = digits(hyphen.unwrap_or(rest), 2)?;
        let is_extended = rest.starts_with('-');
        if year.is_some() && is_extended != hyphen.is_some() {
            return None;
        }
        let (day, rest) = digits(rest.strip_prefix('-').unwrap_or(rest), 2)?;
        rest.is_empty().then_some(Self { year, month, day, time })
    }

    /// The day alone, without its year.
    pub(super) fn is_day(&self) -> bool {
        self.time.is_none()
    }

    /// The same day in no particular year.
    pub(super) fn without_year(self) -> Self {
        Self { year: None, ..self }
    }

    /// As 4.0 writes it.
    pub(super) fn basic<'r>(&self, room: &mut Arena<'r>) -> Result<&'r str, SliceFull> {
        room.text(|out| self.write(out, "", "").map_err(|_| SliceFull))
    }

    /// As 3.0 writes it. A date without a year has no such form of its own.
    pub(super) fn write_extended(&self, out: &mut impl Write) -> fmt::Result {
        match self.year {
            Some(_) => self.write(out, "-", ":"),
            None => self.write(out, "", ""),
        }
    }

    /// As Apple writes a day whose year is not known: in that year.
    pub(super) fn write_in_year(&self, year: &str, out: &mut impl Write) -> fmt::Result {
        write!(out, "{year}-{}-{}", self.month, self.day)
    }

    fn write(&self, out: &mut impl Write, hyphen: &str, colon: &str) -> fmt::Result {
        match self.year {
            Some(year) => write!(out, "{year}{hyphen}{}{hyphen}{}", self.month, self.day)?,
            None => write!(out, "--{}{}", self.month, self.day)?,
        }
        let Some(Time { hour, minute, second, zone, zone_minutes }) = self.time else {
            return Ok(());
        };
        write!(out, "T{hour}{colon}{minute}")?;
        if let Some(second) = second {
            write!(out, "{colon}{second}")?;
        }
        out.write_str(zone)?;
        if !zone_minutes.is_empty() {
            write!(out, "{colon}{zone_minutes}")?;
        }
        Ok(())
    }
}

impl<'a> Time<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let colon = |text: &'a str| text.strip_prefix(':').unwrap_or(text);
        let (hour, rest) = digits(text, 2)?;
        let (minute, rest) = digits(colon(rest), 2)?;
        let (second, rest) = match digits(colon(rest), 2) {
            Some((second, rest)) => (Some(second), rest),
            None => (None, rest),
        };
        let (zone, zone_minutes) = match rest.as_bytes() {
            [] | [b'Z'] => (rest, ""),
            [b'+' | b'-', ..] => {
                let (_, minutes) = digits(rest.get(1..)?, 2)?;
                (rest.get(..3)?, if minutes.is_empty() { "" } else { whole(colon(minutes))? })
            }
            _ => return None,
        };
        Some(Self { hour, minute, second, zone, zone_minutes })
    }
}

/// `count` digits and what follows them.
fn digits(text: &str, count: usize) -> Option<(&str, &str)> {
    let (head, rest) = text.split_at_checked(count)?;
    head.bytes().all(|byte| byte.is_ascii_digit()).then_some((head, rest))
}

/// Two digits and nothing else.
fn whole(text: &str) -> Option<&str> {
    digits(text, 2).filter(|(_, rest)| rest.is_empty()).map(|(minutes, _)| minutes)
}
