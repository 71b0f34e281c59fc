//! `show`: all of one contact.

use super::args::{ShelfArg, Show};
use super::contact_view::{ContactView, label, sheet};
use super::text::{time, visible};
use super::{Context, Exit, Failure, edit, resolve};
use contactbox_api::contact::{Get, GetReply};

pub fn run(context: &mut Context, args: Show) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::one(&mut client, &args.who.who, ShelfArg::All)?;
    let contact = client.ask(&Get { uid: found.uid, blobs: args.vcard })?;
    if args.vcard {
        context.out.raw(&edit::vcard_of(&contact.reply)?)?;
    } else if context.out.json {
        context.out.json(&contact.raw)?;
    } else {
        print(context, &contact.reply)?;
    }
    Ok(Exit::Ok)
}

fn print(context: &mut Context, contact: &GetReply<'_>) -> Result<(), Failure> {
    let card = ContactView::of(&contact.jcard);
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
    fact("id", visible(&contact.uid).into_owned())?;
    let changed = &contact.changed;
    let by = match &*changed.author {
        "" => String::new(),
        author => format!(" by {}", visible(author)),
    };
    fact("changed", format!("{}{by} ({})", time(changed.time), changed.origin))?;
    if contact.trashed {
        fact(
            "trash",
            format!("yes; `contactbox restore {}` brings it back", resolve::short(&contact.uid)),
        )?;
    }
    if contact.stale {
        fact("damaged", "a newer version was lost to damage; this is an older one".to_string())?;
    }
    let names = spoken(contact.conflicts.iter().map(|name| &**name));
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
