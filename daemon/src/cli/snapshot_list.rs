//! `card list` and `card verify`: what is on a card, read without a daemon.

use super::out::Column;
use super::snapshot::{FORMATS, no_backup};
use super::text::{count, grouped, place, size, time};
use super::{Context, Exit, Failure};
use crate::card::{AnyCard, OpenMode, SyncError};
use crate::keeper::{CONTACT_BYTES_MAX, ENTRY_BYTES};
use contactbox_core::card::{
    FileReport, HeaderFault, LatestContact, Listing, RootCheck, SnapshotState, StateCounts, list,
    verify,
};
use contactbox_core::limits::BOXES_MAX;
use embassy_futures::block_on;
use serde_json::{Value, json};
use std::path::Path;

/// Contacts appended to one snapshot that are told apart: 2 MiB of memory.
const LATEST: usize = 64 * 1024;

/// Memory for the largest record.
fn room() -> Vec<u8> {
    vec![0; CONTACT_BYTES_MAX + ENTRY_BYTES]
}

/// Memory for whom a file tells of.
fn boxes() -> Vec<u64> {
    vec![0; BOXES_MAX]
}

fn latest() -> Vec<LatestContact> {
    vec![LatestContact::EMPTY; LATEST]
}

fn failure(path: &Path, trouble: impl Into<SyncError>) -> Failure {
    let trouble: SyncError = trouble.into();
    Failure::other(format!("{}: {trouble}", place(path)))
}

fn listings(card: &mut AnyCard, path: &Path) -> Result<Vec<Listing>, Failure> {
    let mut found = Vec::new();
    block_on(list(card, |listing| found.push(*listing))).map_err(|error| failure(path, error))?;
    if found.is_empty() {
        let message = format!("there is no backup on {}", place(path));
        return Err(Failure::new(Exit::NothingFound, message));
    }
    Ok(found)
}

fn open(path: &Path) -> Result<AnyCard, Failure> {
    if let Err(error) = std::fs::metadata(path) {
        return Err(no_backup(path, &error));
    }
    AnyCard::open(path, OpenMode::Read).map_err(|trouble| {
        let mut failure = failure(path, trouble);
        // What it is formatted with, or that it is formatted with nothing.
        if failure.message.contains("FAT") {
            failure.message.push_str(&format!(". {FORMATS}"));
        }
        failure
    })
}

/// Prints the snapshots on a card.
pub fn run_list(context: &mut Context, path: &Path) -> Result<Exit, Failure> {
    let mut card = open(path)?;
    let found = listings(&mut card, path)?;
    let mut rows = Vec::new();
    for listing in &found {
        // The newest of a box is the one that counts.
        let is_newest = found.iter().all(|other| !is_newer(other, listing));
        let mut told = to_json(listing, is_newest);
        if told["changed_since"] == true {
            // What was appended may be new contacts, or others of those that are
            // there: only reading tells.
            let checked = block_on(verify(
                &mut card,
                &listing.file,
                &mut room(),
                &mut boxes(),
                &mut latest(),
            ));
            let tally = checked.map_err(|error| failure(path, error))?.ok().and_then(|it| it.tally);
            if let Some(StateCounts { active, trashed, tombstones }) = tally {
                told["contacts"] = json!(active);
                told["trashed"] = json!(trashed);
                told["tombstones"] = json!(tombstones);
                told["changed_since"] = json!(false);
            }
        }
        if context.out.json {
            context.out.json(&told)?;
        } else {
            rows.push(row(&told));
        }
    }
    if !context.out.json {
        let columns = ["FILE", "BOX", "UP TO", "CONTACTS", "TRASH", "PHOTOS", "SIZE", "STATE"]
            .map(|head| Column { head, width_min: None });
        context.out.table(&columns, rows)?;
    }
    Ok(Exit::Ok)
}

/// Whether `other` is a newer snapshot of the same box.
fn is_newer(other: &Listing, than: &Listing) -> bool {
    match (other.state, than.state) {
        (SnapshotState::Snapshot { header: a, .. }, SnapshotState::Snapshot { header: b, .. }) => {
            a.box_id == b.box_id && a.is_newer_than(&b)
        }
        _ => false,
    }
}

fn to_json(listing: &Listing, is_newest: bool) -> Value {
    let mut told = json!({ "file": listing.file.as_str(), "bytes": listing.bytes });
    let (header, state) = match listing.state {
        SnapshotState::Snapshot { header, time } => {
            told["time"] = json!(time);
            (Some(header), if is_newest { "newest" } else { "older" })
        }
        SnapshotState::Unfinished(header) => (Some(header), "unfinished"),
        SnapshotState::Newer { version, box_id } => {
            told["box"] = json!(format!("{box_id:016x}"));
            told["format"] = json!(version);
            (None, "of a newer contactbox")
        }
        SnapshotState::NoHeader => (None, "half written or damaged"),
    };
    told["state"] = json!(state);
    if let Some(header) = header {
        told["box"] = json!(format!("{:016x}", header.box_id));
        told["generation"] = json!(header.generation);
        told["made"] = json!(header.time);
        told["contacts"] = json!(header.active);
        told["trashed"] = json!(header.trashed);
        told["tombstones"] = json!(header.tombstones);
        told["blobs"] = json!(header.blobs);
        told["complete"] = json!(header.is_complete);
        // Whether the numbers above leave out what was appended.
        told["changed_since"] = json!(told["time"].as_u64().is_some_and(|time| time > header.time));
        told["root"] = json!(header.root.to_string());
    }
    told
}

fn row(told: &Value) -> Vec<String> {
    let text = |name: &str| told[name].as_str().unwrap_or("").to_string();
    let number = |name: &str| told[name].as_u64().map(grouped).unwrap_or_default();
    let when = if told["time"].is_null() { String::new() } else { time(&told["time"]) };
    let mut state = text("state");
    if told["complete"] == false {
        state.push_str(", incomplete");
    }
    if told["changed_since"] == true {
        state.push_str(", changed since");
    }
    vec![
        text("file"),
        text("box"),
        when,
        number("contacts"),
        number("trashed"),
        number("blobs"),
        size(told["bytes"].as_u64().unwrap_or(0)),
        state,
    ]
}

/// Reads everything on a card and checks it.
pub fn run_verify(context: &mut Context, path: &Path) -> Result<Exit, Failure> {
    let mut card = open(path)?;
    let found = listings(&mut card, path)?;
    let (mut room, mut boxes, mut latest) = (room(), boxes(), latest());
    // Boxes with a sound snapshot, and without one so far.
    let (mut sound, mut struck): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let (mut is_sound, mut is_complete) = (true, true);
    for listing in &found {
        let checked =
            block_on(verify(&mut card, &listing.file, &mut room, &mut boxes, &mut latest))
                .map_err(|error| failure(path, error))?;
        let told = match &checked {
            Ok(report) => {
                let boxes = if report.is_sound() { &mut sound } else { &mut struck };
                is_complete &= report.header.is_complete;
                boxes.push(report.header.box_id);
                checked_json(listing, report)
            }
            Err(HeaderFault::Newer { version, .. }) => json!({
                "file": listing.file.as_str(),
                "verdict": format!("format {version}, of a newer contactbox: not checked"),
            }),
            Err(HeaderFault::None) => {
                is_sound = false;
                json!({ "file": listing.file.as_str(), "verdict": "half written or damaged" })
            }
        };
        is_sound &= checked.as_ref().map_or(true, FileReport::is_sound);
        if context.out.json {
            context.out.json(&told)?;
        } else {
            let contacts = match told["contacts"].as_u64() {
                Some(contacts) => count(contacts, "contact"),
                None => count(told["records"].as_u64().unwrap_or(0), "record"),
            };
            let line = format!(
                "{}  {}  {contacts}",
                told["file"].as_str().unwrap_or("?"),
                told["verdict"].as_str().unwrap_or("?")
            );
            context.out.line(&line)?;
        }
    }
    struck.retain(|id| !sound.contains(id));
    struck.dedup();
    let verdict = match (is_sound, struck.len()) {
        (true, _) => "everything reads back as it was written",
        (false, 0) if !sound.is_empty() => {
            "one file is damaged or was being written; each box has another that is whole"
        }
        _ => "there is damage: what is left is taken in by `contactbox card sync` or `restore`",
    };
    context.out.say(verdict)?;
    Ok(match (is_sound, is_complete) {
        (true, true) => Exit::Ok,
        (true, false) => Exit::Partly,
        (false, _) => Exit::Failure,
    })
}

fn checked_json(listing: &Listing, report: &FileReport) -> Value {
    let body = &report.body;
    let root = |check: RootCheck| match check {
        RootCheck::Right => "right",
        RootCheck::Wrong => "wrong",
        RootCheck::Unknown => "not told",
    };
    json!({
        "file": listing.file.as_str(),
        "box": format!("{:016x}", report.header.box_id),
        "generation": report.header.generation,
        "time": report.time,
        "sound": report.is_sound(),
        "verdict": match (report.is_sound(), report.header.is_complete) {
            (true, true) => "sound",
            (true, false) => "sound, and incomplete: some of it could not be read, or was lost, when it was written",
            (false, _) => "damaged",
        },
        "records": body.records,
        "contacts": report.tally.map(|tally| tally.active),
        "trashed": report.tally.map(|tally| tally.trashed),
        "blobs": body.blobs,
        "appended": report.appended,
        "damaged": body.damaged,
        "missing": body.missing,
        "too_large": body.too_large,
        "root": report.header.root.to_string(),
        "root_check": root(report.root),
        "appended_root_check": root(report.root_appended),
    })
}
