//! Shows contacts that other boxes removed, as part of the trash.

use super::contact_view::bare_number;
use super::out::Column;
use super::resolve::short;
use super::text::{date, visible};
use super::{Context, Failure};
use crate::client::Client;
use contactbox_api::trash::{KeptContact, KeptList};
use contactbox_formats::jcard::digits;
use serde::Serialize;

/// Most states a request may ask for.
const PAGE_MAX: u32 = 200;

const COLUMNS: [Column; 5] = [
    Column { head: "REMOVED BY ANOTHER BOX", width_min: Some(12) },
    Column { head: "PHONE", width_min: None },
    Column { head: "ON", width_min: None },
    Column { head: "KEPT UNTIL", width_min: None },
    Column { head: "ID", width_min: None },
];

/// The first `limit` that a query finds, the latest removal first; all that there
/// are without a limit.
pub fn find(client: &mut Client, query: &str, limit: u64) -> Result<Vec<KeptContact>, Failure> {
    let mut rows = Vec::new();
    let mut cursor = None;
    loop {
        let left = limit.saturating_sub(rows.len() as u64);
        let left = u32::try_from(left).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let answer = client.call(&KeptList { query: query.into(), limit: Some(left), cursor })?;
        cursor = answer.cursor;
        rows.extend(answer.kept);
        if cursor.is_none() || rows.len() as u64 >= limit {
            return Ok(rows);
        }
    }
}

/// The one whose identity begins with these digits.
pub fn by_id(client: &mut Client, id: &str) -> Result<Option<KeptContact>, Failure> {
    let begins = digits(id);
    let rows = find(client, "", u64::MAX)?;
    let is_it = |row: &KeptContact| digits(&row.uid).starts_with(&begins);
    let mut fitting = rows.into_iter().filter(is_it);
    Ok(fitting.next().filter(|_| fitting.next().is_none()))
}

/// Prints them, below what else is in the trash.
pub fn print(context: &mut Context, rows: &[KeptContact]) -> Result<(), Failure> {
    if !context.out.json {
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        return if rows.is_empty() { Ok(()) } else { Ok(context.out.table(&COLUMNS, rows)?) };
    }
    for row in rows {
        context.out.json(&KeptLine { row, removed_by_another_box: true })?;
    }
    Ok(())
}

/// A kept state as a line of JSON, told apart from a contact.
#[derive(Serialize)]
struct KeptLine<'k> {
    #[serde(flatten)]
    row: &'k KeptContact,
    removed_by_another_box: bool,
}

fn cells(row: &KeptContact) -> Vec<String> {
    vec![
        visible(&row.name).into_owned(),
        bare_number(&visible(row.tel.as_deref().unwrap_or(""))).to_string(),
        date(row.removed),
        date(row.until),
        short(&visible(&row.uid)).to_string(),
    ]
}
