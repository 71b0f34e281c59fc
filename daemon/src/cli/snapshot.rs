//! `card` and `restore`: backups on cards, and what comes back from them.

use super::args::{CardCommand, CardMeeting, CardPath, Restore, ShelfArg};
use super::find::Lacks;
use super::text::{count, grouped, place, visible};
use super::{Context, Exit, Failure, change, resolve, snapshot_list};
use crate::client::ClientError;
use contactbox_api::card::{
    CardsBackup, CardsRestore, CardsSync, PhoneFileReport, TakenFromCard, WriteKind, WrittenToCard,
};
use contactbox_api::error::CardReason;
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
    let answer = client.ask(&CardsBackup { path, accept_removals: false }).map_err(refused)?;
    let reply = &answer.reply;
    if context.out.json {
        context.out.json(&answer.raw)?;
    } else {
        context.out.say(&left(&reply.written))?;
        about_phones(context, Some(&reply.phones));
    }
    Ok(whole(context, reply.lacks, &reply.written, Exit::Ok))
}

/// How a command ends that has left the box on a card: `exit`, if all of it is there.
fn whole(context: &mut Context, is_lossy: bool, written: &WrittenToCard, exit: Exit) -> Exit {
    let unreadable = written.unreadable.unwrap_or(0);
    // How many cannot be read was said.
    match (Lacks { left_out: 0, is_lossy }.tell(context), unreadable) {
        (Exit::Ok, 0) => exit,
        _ => Exit::Partly,
    }
}

fn sync(context: &mut Context, path: &Path, accept_removals: bool) -> Result<Exit, Failure> {
    let path = there(path)?;
    let mut client = context.client()?;
    context.out.note("syncing...");
    let answer = client.ask(&CardsSync { path, accept_removals }).map_err(refused)?;
    let reply = &answer.reply;
    if context.out.json {
        context.out.json(&answer.raw)?;
    } else {
        context.out.say(&taken(&reply.taken))?;
        context.out.say(&left(&reply.kept))?;
        about_phones(context, reply.phones.as_ref());
    }
    let exit = remarked(context, &reply.taken);
    Ok(whole(context, reply.lacks, &reply.kept, exit))
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
    let restore = CardsRestore { path: path.clone(), accept_removals: false };
    let answer = client.ask(&restore).map_err(refused)?;
    let reply = &answer.reply;
    if context.out.json {
        context.out.json(&answer.raw)?;
    } else {
        context.out.say(&taken(&reply.taken))?;
        if let Some(root) = &reply.root {
            context.out.say(&format!("the box has root {root}"))?;
        }
    }
    let exit = remarked(context, &reply.taken);
    let TakenFromCard { added, boxes, .. } = reply.taken;
    if added == 0 && (boxes == 0 || exit == Exit::Ok) {
        let path = place(&path);
        let message = match boxes == 0 {
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

/// Returns the message for a card that is to be read and is not there.
pub fn no_backup(path: &Path, error: &io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => "; put the card in and name the folder it is mounted at",
        io::ErrorKind::PermissionDenied => "; mount it so that you may read it",
        _ => "",
    };
    Failure::other(format!("{} is no card: {error}{cure}", place(path)))
}

/// Returns the message for a card that is to be written to and is not there.
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

/// The advice for a card that was not understood, for which `mkfs` is the cure.
pub const FORMATS: &str = "FAT16 and FAT32 work; FAT12, exFAT and others do not. To format anew, which erases all \
     that is on it: mkfs.vfat -F 32 CARD (with less than 64 MB: -F 16)";

/// A refusal about a card as a person reads it.
fn refused(error: ClientError) -> Failure {
    let is_format = match &error {
        ClientError::Refused(refusal) => {
            matches!(refusal.data.reason, Some(CardReason::NoFileSystem | CardReason::ExFat))
        }
        _ => false,
    };
    let mut failure = Failure::from(error);
    if is_format {
        failure.message.push_str(&format!(". {FORMATS}"));
    }
    failure
}

fn about_phones(context: &mut Context, phones: Option<&PhoneFileReport>) {
    if phones.is_some_and(|phones| phones.is_foreign) {
        context.out.note(
            "CONTACTS.VCF there is not contactbox's, and was left as it is: give it another name to have one for phones",
        );
    }
}

/// Describes for people the state that was left on a card.
fn left(written: &WrittenToCard) -> String {
    let records = count(written.records.unwrap_or(0), "contact");
    match written.kind {
        WriteKind::Snapshot => {
            let file = visible(written.file.as_deref().unwrap_or("?")).into_owned();
            let mut line = format!(
                "{records} written to {file} and read back ({} sectors)",
                grouped(written.sector_writes)
            );
            if let Some(unreadable) = written.unreadable.filter(|&unreadable| unreadable > 0) {
                let unreadable = grouped(unreadable);
                line.push_str(&format!(
                    "; {unreadable} could not be read from the box: `contactbox verify` tells more"
                ));
            }
            line
        }
        WriteKind::Appended => format!("{records} appended"),
        WriteKind::Nothing => "everything was on the card already".to_string(),
    }
}

/// Describes for people the states that were taken in.
fn taken(taken: &TakenFromCard) -> String {
    let aside = match taken.aside {
        0 => String::new(),
        aside => format!("; {} kept aside", grouped(aside)),
    };
    let photos = match taken.blobs {
        0 => String::new(),
        photos => format!("; {} made whole again", count(photos, "photo or document")),
    };
    format!(
        "{} new and {} changed, from {} on the card{aside}{photos}",
        count(taken.added, "contact"),
        grouped(taken.updated),
        match taken.boxes + taken.known {
            1 => "1 box".to_string(),
            boxes => format!("{} boxes", grouped(boxes)),
        }
    )
}

/// Prints the states that were not taken in.
fn remarked(context: &mut Context, taken: &TakenFromCard) -> Exit {
    for remark in &taken.remarks {
        context.out.note(&visible(remark));
    }
    if taken.remarks.is_empty() { Exit::Ok } else { Exit::Partly }
}
