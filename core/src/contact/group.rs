//! The groups that Apple's address books number: one byte each in a record.

/// The code of the first of them; lengths of other groups are below.
const FIRST: u8 = 1 << 7;

/// All of them, by code.
static NUMBERED: [&str; 64] = [
    "item1", "item2", "item3", "item4", "item5", "item6", "item7", "item8", "item9", "item10",
    "item11", "item12", "item13", "item14", "item15", "item16", "item17", "item18", "item19",
    "item20", "item21", "item22", "item23", "item24", "item25", "item26", "item27", "item28",
    "item29", "item30", "item31", "item32", "item33", "item34", "item35", "item36", "item37",
    "item38", "item39", "item40", "item41", "item42", "item43", "item44", "item45", "item46",
    "item47", "item48", "item49", "item50", "item51", "item52", "item53", "item54", "item55",
    "item56", "item57", "item58", "item59", "item60", "item61", "item62", "item63", "item64",
];

/// The code of a group that has one.
pub(super) fn code(group: &str) -> Option<u8> {
    let number: u8 = group.strip_prefix("item")?.parse().ok()?;
    let at = number.checked_sub(1)?;
    // A number may be written in other ways (`item01`): those are other groups.
    (NUMBERED.get(usize::from(at)) == Some(&group)).then(|| FIRST + at)
}

/// The group of a code; `None` when the byte is a length.
pub(super) fn of_code(code: u8) -> Option<&'static str> {
    NUMBERED.get(usize::from(code.checked_sub(FIRST)?)).copied()
}
