//! `card` and `restore`: backups on cards, and what comes back from them.

use super::args::{CardCommand, CardMeeting, CardPath, Restore, ShelfArg};
use super::find::Lacks;
use super::text::{count, grouped, place, visible};
use super::{Context, Exit, Failure, change, resolve, snapshot_list};
use crate::client::ClientError;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

pub fn run(context: &mut Context, args: CardCommand) -> Result<Exit, Failure> {
    match args {
        CardCommand::Backup(CardPath { path }) => backup(context, &path),
        CardCommand::Sync(CardMeeting { card: CardPath { path }, consent }) => {
            sync(context, &path, consent.accept_removals)
        }
        CardCommand::List(CardPath { path }) => snapshot_list::run_list(context, &path),
        CardCommand::Verify(CardPath { path }) => snapshot_list::run_verify(context, &path),
    }
}

fn backup(context: &mut Context, path: &Path) -> Result<Exit, Failure> {
    let path = there(path)?;
    let mut client = context.client()?;
    context.out.note("backing up...");
    let answer = client.call("cards.backup", json!({ "path": path })).map_err(refused)?;
    if context.out.json {
        context.out.json(&answer)?;
    } else {
        context.out.say(&left(&answer))?;
        about_phones(context, &answer["phones"]);
    }
    Ok(whole(context, &answer, &answer, Exit::Ok))
}

/// How a command ends that has left the box on a card: `exit`, if all of it is there.
fn whole(context: &mut Context, answer: &Value, kept: &Value, exit: Exit) -> Exit {
    let unreadable = kept["unreadable"].as_u64().unwrap_or(0);
    let is_lossy = answer["lacks"] == true;
    // How many can not be read was said.
    match (Lacks { left_out: 0, is_lossy }.tell(context), unreadable) {
        (Exit::Ok, 0) => exit,
        _ => Exit::Partly,
    }
}

fn sync(context: &mut Context, path: &Path, accept_removals: bool) -> Result<Exit, Failure> {
    let path = there(path)?;
    let mut client = context.client()?;
    context.out.note("syncing...");
    let answer = client
        .call("cards.sync", json!({ "path": path, "accept_removals": accept_removals }))
        .map_err(refused)?;
    if context.out.json {
        context.out.json(&answer)?;
    } else {
        context.out.say(&taken(&answer))?;
        context.out.say(&left(&answer["kept"]))?;
        about_phones(context, &answer["phones"]);
    }
    let exit = remarked(context, &answer)?;
    Ok(whole(context, &answer, &answer["kept"], exit))
}

/// Contacts out of the trash, or a box out of a card: whichever the words are.
pub fn restore(context: &mut Context, args: Restore) -> Result<Exit, Failure> {
    let [word] = args.who.as_slice() else { return change::restore(context, &args.who) };
    let path = Path::new(word);
    let is_path = word.contains(std::path::is_separator);
    if !is_path && !path.exists() {
        return change::restore(context, &args.who).map_err(|mut failure| {
            if failure.exit == Exit::NothingFound {
                failure
                    .message
                    .push_str(&format!(", and there is no folder {} here", visible(word)));
            }
            failure
        });
    }
    let path = std::fs::canonicalize(path).map_err(|error| no_backup(path, &error))?;
    // That there is something to restore is known here.
    let mut client = context.connect()?;
    // A bare word can be the name of somebody in the trash as well as of a folder here.
    if !is_path && resolve::some(&mut client, &args.who, ShelfArg::Trash).is_ok() {
        return Err(Failure::new(
            Exit::Ambiguous,
            format!(
                "{word} is a contact in the trash, and here is a file or folder of that name: \
                 say ./{word} for a card, or the contact's id (`contactbox trash {word}` has it)"
            ),
        ));
    }
    context.out.note("restoring...");
    let answer = client.call("cards.restore", json!({ "path": path })).map_err(refused)?;
    if context.out.json {
        context.out.json(&answer)?;
    } else {
        context.out.say(&taken(&answer))?;
        if let Some(root) = answer["root"].as_str() {
            context.out.say(&format!("the box has root {root}"))?;
        }
    }
    let is_none = |name: &str| answer[name].as_u64().unwrap_or(0) == 0;
    let exit = remarked(context, &answer)?;
    if is_none("added") && (is_none("boxes") || exit == Exit::Ok) {
        let path = place(&path);
        let message = match is_none("boxes") {
            true => format!("there is no backup on {path}"),
            false => format!("the backup on {path} holds no contact"),
        };
        return Err(Failure::new(Exit::NothingFound, message));
    }
    Ok(exit)
}

/// The whole path of a card: the daemon runs in another folder.
fn there(path: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(path).map_err(|error| no_card(path, &error))
}

/// What is said of a card that is to be read and is not there.
pub fn no_backup(path: &Path, error: &io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => "; put the card in and name the folder it is mounted at",
        io::ErrorKind::PermissionDenied => "; mount it so that you may read it",
        _ => "",
    };
    Failure::other(format!("{} is no card: {error}{cure}", place(path)))
}

/// What is said of a card that is to be written to and is not there.
pub fn no_card(path: &Path, error: &io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => {
            "; put the card in and name the folder it is mounted at, or make the folder first (mkdir)"
        }
        io::ErrorKind::PermissionDenied => "; mount it so that you may read and write it",
        _ => "",
    };
    Failure::other(format!("{} is no card: {error}{cure}", place(path)))
}

/// What is said of a card that was not understood, for which `mkfs` is the cure.
pub const FORMATS: &str = "FAT16 and FAT32 work; FAT12, exFAT and others do not. To format anew, which erases all \
     that is on it: mkfs.vfat -F 32 CARD (with less than 64 MB: -F 16)";

/// A refusal about a card as a person reads it.
fn refused(error: ClientError) -> Failure {
    let is_format = match &error {
        ClientError::Refused(refusal) => {
            matches!(refusal.data["reason"].as_str(), Some("no-file-system" | "exfat"))
        }
        _ => false,
    };
    let mut failure = Failure::from(error);
    if is_format {
        failure.message.push_str(&format!(". {FORMATS}"));
    }
    failure
}

fn about_phones(context: &mut Context, phones: &Value) {
    if phones["is_foreign"] == true {
        context.out.note(
            "CONTACTS.VCF there is not contactbox's, and was left as it is: give it another name to have one for phones",
        );
    }
}

/// What was left on a card, for people.
fn left(kept: &Value) -> String {
    let number = |name: &str| kept[name].as_u64().unwrap_or(0);
    let records = count(number("records"), "contact");
    match kept["kind"].as_str() {
        Some("snapshot") => {
            let file = visible(kept["file"].as_str().unwrap_or("?")).into_owned();
            let mut line = format!(
                "{records} written to {file} and read back ({} sectors)",
                grouped(number("sector_writes"))
            );
            if number("unreadable") > 0 {
                let unreadable = grouped(number("unreadable"));
                line.push_str(&format!(
                    "; {unreadable} could not be read from the box: `contactbox verify` tells more"
                ));
            }
            line
        }
        Some("appended") => format!("{records} appended"),
        _ => "everything was on the card already".to_string(),
    }
}

/// What was taken in, for people.
fn taken(answer: &Value) -> String {
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let aside = match number("aside") {
        0 => String::new(),
        aside => format!("; {} kept aside", grouped(aside)),
    };
    let photos = match number("blobs") {
        0 => String::new(),
        photos => format!("; {} made whole again", count(photos, "photo or document")),
    };
    format!(
        "{} new and {} changed, from {} on the card{aside}{photos}",
        count(number("added"), "contact"),
        grouped(number("updated")),
        match number("boxes") + number("known") {
            1 => "1 box".to_string(),
            boxes => format!("{} boxes", grouped(boxes)),
        }
    )
}

/// What was not taken in.
fn remarked(context: &mut Context, answer: &Value) -> Result<Exit, Failure> {
    let remarks = answer["remarks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for remark in remarks {
        context.out.note(&visible(remark.as_str().unwrap_or("?")));
    }
    Ok(if remarks.is_empty() { Exit::Ok } else { Exit::Partly })
}
