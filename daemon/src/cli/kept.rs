//! What other boxes removed, as the trash shows it.

use super::contact_view::bare_number;
use super::out::Column;
use super::resolve::short;
use super::text::{date, visible};
use super::{Context, Failure};
use crate::client::Client;
use crate::jcard::digits;
use serde_json::{Value, json};

/// Most states a request may ask for.
const PAGE_MAX: u64 = 200;

const COLUMNS: [Column; 5] = [
    Column { head: "REMOVED BY ANOTHER BOX", width_min: Some(12) },
    Column { head: "PHONE", width_min: None },
    Column { head: "ON", width_min: None },
    Column { head: "KEPT UNTIL", width_min: None },
    Column { head: "ID", width_min: None },
];

/// The first `limit` that a query finds, the latest removal first; all that there
/// are without a limit.
pub fn find(client: &mut Client, query: &str, limit: u64) -> Result<Vec<Value>, Failure> {
    let mut rows = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let left = limit.saturating_sub(rows.len() as u64).clamp(1, PAGE_MAX);
        let mut params = json!({ "query": query, "limit": left });
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let mut answer = client.call("trash.kept", params)?;
        cursor = answer["cursor"].take();
        if let Value::Array(page) = answer["kept"].take() {
            rows.extend(page);
        }
        if cursor.is_null() || rows.len() as u64 >= limit {
            return Ok(rows);
        }
    }
}

/// The one whose identity begins with these digits.
pub fn by_id(client: &mut Client, id: &str) -> Result<Option<Value>, Failure> {
    let begins = digits(id);
    let rows = find(client, "", u64::MAX)?;
    let is_it =
        |row: &Value| row["uid"].as_str().is_some_and(|uid| digits(uid).starts_with(&begins));
    let mut fitting = rows.into_iter().filter(is_it);
    Ok(fitting.next().filter(|_| fitting.next().is_none()))
}

/// Prints them, below what else is in the trash.
pub fn print(context: &mut Context, rows: &[Value]) -> Result<(), Failure> {
    if !context.out.json {
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        return if rows.is_empty() { Ok(()) } else { Ok(context.out.table(&COLUMNS, rows)?) };
    }
    for row in rows {
        let mut row = row.clone();
        row["removed_by_another_box"] = json!(true);
        context.out.json(&row)?;
    }
    Ok(())
}

fn cells(row: &Value) -> Vec<String> {
    let text = |name: &str| visible(row[name].as_str().unwrap_or("")).into_owned();
    vec![
        text("name"),
        bare_number(&text("tel")).to_string(),
        date(&row["removed"]),
        date(&row["until"]),
        short(&text("uid")).to_string(),
    ]
}
