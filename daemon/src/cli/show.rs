//! `show`: all of one contact.

use super::args::{ShelfArg, Show};
use super::contact_view::{ContactView, label, sheet};
use super::text::{time, visible};
use super::{Context, Exit, Failure, edit, resolve};
use serde_json::{Value, json};

pub fn run(context: &mut Context, args: Show) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::one(&mut client, &args.who.who, ShelfArg::All)?;
    let contact = client.call("contact.get", json!({ "uid": found.uid, "blobs": args.vcard }))?;
    if args.vcard {
        context.out.raw(&edit::vcard_of(&contact)?)?;
    } else if context.out.json {
        context.out.json(&contact)?;
    } else {
        print(context, &contact)?;
    }
    Ok(Exit::Ok)
}

fn print(context: &mut Context, contact: &Value) -> Result<(), Failure> {
    let card = ContactView::from_json(&contact["card"]);
    let name = card.name();
    let title = if name.is_empty() { "(no name)".into() } else { visible(&name) };
    let title = context.out.bold(&title);
    context.out.line(&title)?;
    let lines = sheet(&card);
    let head = |line: &super::contact_view::ViewLine| {
        let label = format!("{}{}", line.label, line.raw_label);
        if line.types.is_empty() { label } else { format!("{label} ({})", line.types) }
    };
    let widest =
        lines.iter().map(|line| head(line).chars().count()).max().unwrap_or(0).clamp(8, 32);
    for line in &lines {
        let mut label = head(line);
        for value in &line.values {
            let padded = context.out.dim(&format!("{label:widest$}"));
            context.out.line(format!("  {padded}  {value}").trim_end())?;
            label.clear();
        }
    }
    let mut fact = |label: &str, value: String| {
        let label = context.out.dim(&format!("{label:widest$}"));
        context.out.line(&format!("  {label}  {value}"))
    };
    fact("id", visible(contact["uid"].as_str().unwrap_or("?")).into_owned())?;
    let changed = &contact["changed"];
    let by = match changed["author"].as_str() {
        Some(author) if !author.is_empty() => format!(" by {}", visible(author)),
        _ => String::new(),
    };
    let how = match changed["origin"].as_str() {
        Some(origin) if !origin.is_empty() => format!(" ({})", visible(origin)),
        _ => String::new(),
    };
    fact("changed", format!("{}{by}{how}", time(&changed["time"])))?;
    if contact["trashed"] == true {
        fact(
            "trash",
            format!(
                "yes; `contactbox restore {}` brings it back",
                resolve::short(contact["uid"].as_str().unwrap_or(""))
            ),
        )?;
    }
    if contact["stale"] == true {
        fact("damaged", "a newer version was lost to damage; this is an older one".to_string())?;
    }
    let conflicts = contact["conflicts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = spoken(conflicts.iter().filter_map(Value::as_str));
    if !names.is_empty() {
        fact(
            "conflict",
            format!("{names}: changed in two places, both kept; `contactbox edit` settles it"),
        )?;
    }
    Ok(())
}

/// Names of properties as a person says them, each once: FN and N are the name.
fn spoken<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut words: Vec<&str> = Vec::new();
    for name in names {
        let word = if name == "n" { "name" } else { label(name) };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    visible(&words.join(", ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_conflict_is_said_once() {
        assert_eq!(spoken(["fn", "n", "bday", "fn", "x-odd"].into_iter()), "name, birthday, x-odd");
    }
}
