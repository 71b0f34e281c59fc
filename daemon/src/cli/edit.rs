//! `add` and `edit`: with flags, from standard input, or in `$EDITOR`.

use super::args::{Add, Edit, PropertyArgs, ShelfArg};
use super::contact_view::{ContactView, ViewProperty};
use super::labels;
use super::out::shorten;
use super::resolve::{self, Resolved};
use super::text::{count, visible};
use super::{Context, Exit, Failure, editor, lines};
use crate::client::{Answered, Client};
use contactbox_api::contact::{
    ChangeOutcome, ChangeReply, Get, GetReply, Patch, PropertyRemoval, Put,
};
use contactbox_api::{Jcard, JcardProperty, RawJson};
use contactbox_formats::jcard::{line_of, property_of};
use serde::Serialize;
use std::collections::HashMap;
use std::io::Read;

/// Longest vCard taken from standard input, in bytes: what a frame can carry.
const VCARD_BYTES_MAX: u64 = 15 * 1024 * 1024;

pub fn add(context: &mut Context, args: Add) -> Result<Exit, Failure> {
    if args.vcard {
        let vcard = read_vcard()?;
        let mut client = context.client()?;
        let answer = client.ask(&Put { vcard: Some(vcard), ..Put::default() })?;
        return told(context, &mut client, &answer);
    }
    let mut properties = args.properties;
    if !args.words.is_empty() {
        properties.name = Some(args.words.join(" "));
    }
    let mut all = vec![JcardProperty::text("version", "4.0")];
    all.extend(properties.replaced()?.into_iter().flat_map(|replaced| replaced.with));
    all.extend(properties.added()?);
    // An empty name, say of a script's variable that is not set, is none.
    if all.len() == 1 {
        let what =
            if properties.is_empty() { "" } else { "a contact with nothing in it is none; " };
        let cure = "say what there is to add, as in: contactbox add \"Ada Lovelace\" --tel \"+44 20 7946 0018\"";
        return Err(Failure::new(Exit::Usage, format!("{what}{cure}")));
    }
    let mut client = context.client()?;
    let jcard = Some(raw(&Jcard { properties: all })?);
    let answer = client.ask(&Put { jcard, ..Put::default() })?;
    told(context, &mut client, &answer)
}

pub fn edit(context: &mut Context, args: Edit) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::one(&mut client, &args.who.who, ShelfArg::All)?;
    if args.vcard {
        let vcard = read_vcard()?;
        let answer =
            client.ask(&Put { uid: Some(found.uid), vcard: Some(vcard), ..Put::default() })?;
        return told(context, &mut client, &answer);
    }
    let contact = client.call(&Get { uid: found.uid.clone(), blobs: false })?;
    if contact.trashed {
        context.out.note(&format!("{} is in the trash; a change takes it out", found.name));
    }
    if args.properties.is_empty() && args.remove.is_empty() {
        return in_editor(context, &mut client, &found, &contact);
    }
    let patched = changes(&contact.jcard, &args.properties, &args.remove)?;
    patch(context, &mut client, &contact, patched)
}

/// The properties that go, and those that come.
type ContactPatch = (Vec<PropertyRemoval>, Vec<JcardProperty>);

/// JSON that goes as it is.
fn raw(value: &impl Serialize) -> Result<RawJson, Failure> {
    RawJson::of(value).map_err(|error| Failure::other(format!("this is no JSON: {error}")))
}

/// The property at a place among those of its name.
fn removal(name: &str, index: usize) -> PropertyRemoval {
    PropertyRemoval { name: name.to_owned(), value: None, index: Some(index) }
}

/// Returns the properties that a patch removes and adds.
fn changes(
    jcard: &Jcard,
    flags: &PropertyArgs,
    removed: &[String],
) -> Result<ContactPatch, Failure> {
    let card = ContactView::of(jcard);
    let mut places = Vec::new();
    for wanted in removed {
        let (name, value) = match wanted.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (wanted.as_str(), None),
        };
        let name = property_name(name);
        let mut fit = fitting(&card, &name, value);
        if let Some((_, first)) = fit.first()
            && let Some(value) = value
            && fit.iter().any(|(_, other)| digits(&other.text()) != digits(&first.text()))
        {
            let ends = format!("{} end in {}", count(fit.len() as u64, "number"), visible(value));
            let message = format!("{ends}; say more of the one that is to go:{}", listed(&fit));
            return Err(Failure::new(Exit::Ambiguous, message));
        }
        // A name is said twice in a vCard: as one speaks it, and in its parts.
        if name == "fn" {
            fit.extend(fitting(&card, "n", value));
        }
        places.extend(fit.iter().map(|(index, property)| (property.name.to_string(), *index)));
        if fit.is_empty() {
            return Err(Failure::new(
                Exit::NothingFound,
                format!("{} has no {}", visible(&card.name()), visible(wanted)),
            ));
        }
    }
    let mut add = Vec::new();
    for replaced in flags.replaced()? {
        for name in replaced.names {
            let of_name = card.properties.iter().filter(|property| property.name == *name);
            let left: Vec<(usize, &ViewProperty<'_>)> = of_name
                .enumerate()
                .filter(|(index, _)| !places.iter().any(|(of, at)| of == name && at == index))
                .collect();
            // A person has to say which of several values is to be replaced: the others would be
            // lost.
            match left.as_slice() {
                [] => {}
                [(index, _)] => places.push((name.to_string(), *index)),
                several => return Err(which(&card.name(), name, several)),
            }
        }
        add.extend(replaced.with);
    }
    add.extend(flags.added()?);
    // From the last to the first: each place is still what it was when its turn comes.
    places.sort_by(|a, b| b.cmp(a));
    places.dedup();
    let remove = places.into_iter().map(|(name, index)| removal(&name, index));
    Ok((remove.collect(), add))
}

/// Values named where a flag might mean any of them, and how much of each, in columns.
const NAMED_MAX: usize = 8;
const NAMED_WIDTH: usize = 60;

/// Returns the message for a flag that replaces one value and meets several.
fn which(who: &str, name: &str, several: &[(usize, &ViewProperty<'_>)]) -> Failure {
    let (one, flag) = match name {
        "fn" | "n" => ("name", "--name"),
        "org" => ("organisation", "--org"),
        "bday" => ("birthday", "--birthday"),
        "title" => ("title", "--title"),
        "photo" => ("photo", "--photo"),
        _ => ("note", "--note"),
    };
    let message = format!(
        "{} has {}, and {flag} replaces one:{}\nadd `--remove {one}` to replace them all, or `--remove \"{one}=VALUE\"` \
         for each that may go; to keep them and add one, use `contactbox edit` without flags, which opens the contact in your editor",
        visible(who),
        count(several.len() as u64, one),
        listed(several)
    );
    Failure::new(Exit::Ambiguous, message)
}

/// The vCard name of what a person says.
fn property_name(word: &str) -> String {
    match word.trim().to_lowercase().as_str() {
        "category" => "categories".into(),
        "organization" => "org".into(),
        other => labels::name_of(other).unwrap_or_else(|| other.into()),
    }
}

/// The properties of a name and, where one is said, a value, with their places among those of the
/// name. The end of a number does where none is written like that.
fn fitting<'c, 'v>(
    card: &'c ContactView<'v>,
    name: &str,
    value: Option<&str>,
) -> Vec<(usize, &'c ViewProperty<'v>)> {
    let of_name = card.properties.iter().filter(|property| property.name == name);
    let all: Vec<(usize, &ViewProperty<'_>)> = of_name.enumerate().collect();
    let Some(value) = value else { return all };
    let wanted = value.trim().to_lowercase();
    let is = |text: String| text.to_lowercase() == wanted;
    let is_value = |property: &ViewProperty<'_>| {
        is(property.text()) || (name == "n" && is(property.shown().concat()))
    };
    let exact: Vec<_> = all.iter().filter(|(_, property)| is_value(property)).copied().collect();
    let end = digits(value);
    if !exact.is_empty() || name != "tel" || end.is_empty() {
        return exact;
    }
    all.into_iter().filter(|(_, property)| digits(&property.text()).ends_with(&end)).collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Values under each other, those beyond the first few left out.
fn listed(properties: &[(usize, &ViewProperty<'_>)]) -> String {
    let mut lines = String::new();
    for (_, property) in properties.iter().take(NAMED_MAX) {
        let mut line = property.shown().join(" / ");
        shorten(&mut line, NAMED_WIDTH);
        lines.push_str(&format!("\n  {line}"));
    }
    if properties.len() > NAMED_MAX {
        lines.push_str("\n  ...");
    }
    lines
}

fn patch(
    context: &mut Context,
    client: &mut Client,
    contact: &GetReply<'_>,
    (remove, add): ContactPatch,
) -> Result<Exit, Failure> {
    let answer = client.ask(&Patch {
        uid: contact.uid.clone(),
        version: Some(contact.version),
        add: Some(raw(&add)?),
        remove: Some(raw(&remove)?),
    })?;
    told(context, client, &answer)
}

/// Says what became of a contact that was sent.
fn told(
    context: &mut Context,
    client: &mut Client,
    answer: &Answered<ChangeReply>,
) -> Result<Exit, Failure> {
    if context.out.json {
        context.out.json(&answer.raw)?;
        return Ok(Exit::Ok);
    }
    let uid = &answer.reply.uid;
    let done = match answer.reply.outcome {
        ChangeOutcome::Added => "added",
        ChangeOutcome::Unchanged => "is unchanged",
        ChangeOutcome::Updated => "changed",
    };
    let contact = client.call(&Get { uid: uid.clone(), blobs: false })?;
    let name = ContactView::of(&contact.jcard).name();
    context.out.say(&format!(
        "{} {done}  {}",
        visible(&name),
        context.out.dim(resolve::short(uid))
    ))?;
    Ok(Exit::Ok)
}

fn read_vcard() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(VCARD_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::other(format!("standard input cannot be read: {error}")))?;
    if bytes.len() as u64 > VCARD_BYTES_MAX {
        return Err(Failure::other(
            "one card cannot have that many bytes; `contactbox import -` takes a file of many",
        ));
    }
    String::from_utf8(bytes).map_err(|_| Failure::other("standard input is not UTF-8; `contactbox import --charset NAME -` takes other charsets"))
}

/// The contact as a vCard 4.0; large values as far as they were asked for.
pub fn vcard_of(contact: &GetReply<'_>) -> Result<String, Failure> {
    let mut text = "BEGIN:VCARD\r\nVERSION:4.0\r\n".to_string();
    for line in property_lines(contact)? {
        lines::fold(&line, &mut text);
    }
    text.push_str("END:VCARD\r\n");
    Ok(text)
}

/// One line each, VERSION left out: the frame around them says it.
fn property_lines(contact: &GetReply<'_>) -> Result<Vec<String>, Failure> {
    let properties = contact.jcard.properties.iter();
    let lines = properties.filter(|property| property.name != "version").map(line_of);
    lines.collect::<Result<_, _>>().map_err(|why| {
        Failure::other(format!("the daemon sent a contact this program cannot read: {why}"))
    })
}

fn in_editor(
    context: &mut Context,
    client: &mut Client,
    found: &Resolved,
    contact: &GetReply<'_>,
) -> Result<Exit, Failure> {
    let mut start = "BEGIN:VCARD\nVERSION:4.0\n".to_string();
    for line in property_lines(contact)? {
        start.push_str(&line);
        start.push('\n');
    }
    start.push_str("END:VCARD\n");
    let mut session = editor::EditFile::begin(&start)?;
    loop {
        let text = session.edit()?;
        if text.trim().is_empty() || text == start {
            session.end();
            context.out.say(&format!("{} is unchanged", found.name))?;
            return Ok(Exit::Ok);
        }
        let sent = match difference(&contact.jcard, &text) {
            Ok(patched) => {
                let done = patch(context, client, contact, patched);
                done.map_err(|failure| (failure.exit, failure.message))
            }
            Err(message) => Err((Exit::Failure, message)),
        };
        match sent {
            Ok(exit) => {
                session.end();
                return Ok(exit);
            }
            // Editing again would not help: what it was based on is gone.
            Err((exit @ Exit::Conflict, message)) => {
                return Err(Failure::new(exit, format!("{message}; {}", session.keep())));
            }
            Err((exit, message)) => {
                if context.confirm(&format!("{message}\nEdit again?")).is_err() {
                    return Err(Failure::new(exit, format!("{message}; {}", session.keep())));
                }
            }
        }
    }
}

/// Returns the patch that leads from the contact to the text: the lines that are not there any
/// more, and the new ones.
fn difference(jcard: &Jcard, text: &str) -> Result<ContactPatch, String> {
    let lines = lines::unfold(text);
    let is = |line: &String, wanted: &str| line.trim().eq_ignore_ascii_case(wanted);
    let [first, lines @ .., last] = lines.as_slice() else {
        return Err("a contact stands between BEGIN:VCARD and END:VCARD".to_string());
    };
    if !is(first, "BEGIN:VCARD")
        || !is(last, "END:VCARD")
        || lines.iter().any(|line| is(line, "BEGIN:VCARD"))
    {
        return Err("one contact stands between one BEGIN:VCARD and one END:VCARD".to_string());
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for line in lines.iter().filter(|line| !line.to_ascii_uppercase().starts_with("VERSION:")) {
        *left.entry(line.as_str()).or_default() += 1;
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut remove = Vec::new();
    for property in &jcard.properties {
        let Ok(line) = line_of(property) else { continue };
        let name = property.name.as_str();
        if name == "version" {
            continue;
        }
        let place = places.entry(name).or_default();
        match left.get_mut(line.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => remove.push(removal(name, *place)),
        }
        *place += 1;
    }
    // Later places first, so that each is still what it was when its turn comes.
    remove.reverse();
    let mut add = Vec::new();
    for line in lines {
        if let Some(count) = left.get_mut(line.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            let start: String = line.chars().take(60).collect();
            add.push(property_of(line).map_err(|why| format!("\"{}\": {why}", visible(&start)))?);
        }
    }
    Ok((remove, add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn jcard(card: Value) -> Jcard {
        serde_json::from_value(card).unwrap()
    }

    fn property(property: Value) -> JcardProperty {
        JcardProperty::from_value(property).unwrap()
    }

    fn card() -> Jcard {
        jcard(json!(["vcard", [
            ["version", {}, "text", "4.0"],
            ["fn", {}, "text", "Ada"],
            ["tel", {}, "text", "+44 20 7946 0018"],
            ["tel", { "type": "work" }, "text", "0171 5550018"],
            ["tel", {}, "text", "1"],
            ["photo", { "blob": "00112233445566778899aabbccddeeff", "bytes": 9 }, "uri", ""]
        ]]))
    }

    #[test]
    fn only_touched_lines_are_sent() {
        let text = "BEGIN:VCARD\nVERSION:4.0\nPHOTO;BLOB=00112233445566778899aabbccddeeff;BYTES=9:\nFN:Ada\nTEL;TYPE=work:0171 5550018\nNOTE:new\nEND:VCARD\n";
        let (remove, add) = difference(&card(), text).unwrap();
        assert_eq!(remove, [removal("tel", 2), removal("tel", 0)]);
        assert_eq!(add, [property(json!(["note", {}, "text", "new"]))]);
        assert!(difference(&card(), "FN:Ada\n").is_err());
        assert!(difference(&card(), "BEGIN:VCARD\nnonsense\nEND:VCARD").is_err());
    }

    #[test]
    fn flags_become_a_patch() {
        let flags = PropertyArgs {
            name: Some("Ada King".into()),
            note: Some(String::new()),
            tel: vec!["work:2".into()],
            ..PropertyArgs::default()
        };
        let (remove, add) =
            changes(&card(), &flags, &["tel=7946 0018".into(), "phone=1".into()]).unwrap();
        assert_eq!(remove, [removal("tel", 2), removal("tel", 0), removal("fn", 0)]);
        assert_eq!(add.len(), 3);
        assert_eq!(add[2], property(json!(["tel", { "type": "work" }, "text", "2"])));
        assert_eq!(
            changes(&card(), &flags, &["tel=99".into()]).unwrap_err().exit,
            Exit::NothingFound
        );
        let failure = changes(&card(), &flags, &["tel=018".into()]).unwrap_err();
        assert_eq!(failure.exit, Exit::Ambiguous);
        assert!(failure.message.contains("2 numbers end in 018"), "{}", failure.message);
    }

    #[test]
    fn one_value_does_not_replace_several_without_a_word() {
        let note = |text| json!(["note", {}, "text", text]);
        let card = jcard(json!([
            "vcard",
            [["fn", {}, "text", "Ada"], note("one\u{1b}"), note("two"), note("three")]
        ]));
        let flags =
            |text: &str| PropertyArgs { note: Some(text.into()), ..PropertyArgs::default() };
        let place = |index: usize| removal("note", index);
        for text in ["new", ""] {
            let failure = changes(&card, &flags(text), &[]).unwrap_err();
            assert_eq!(failure.exit, Exit::Ambiguous);
            for part in ["Ada has 3 notes", "  one\u{fffd}\n  two\n", "--remove note`"] {
                assert!(failure.message.contains(part), "{part} in {}", failure.message);
            }
        }
        let gone = |removed: &[&str]| {
            let removed: Vec<String> = removed.iter().map(|word| word.to_string()).collect();
            changes(&card, &flags("new"), &removed).map(|(remove, _)| remove).ok()
        };
        assert_eq!(gone(&["note"]), Some(vec![place(2), place(1), place(0)]));
        assert_eq!(gone(&["note=two", "note=three"]), Some(vec![place(2), place(1), place(0)]));
        assert_eq!(gone(&["note=two"]), None);
    }
}
