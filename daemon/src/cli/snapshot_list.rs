//! `card list` and `card verify`: what is on a card, read without a daemon.

use super::out::Column;
use super::snapshot::{FORMATS, no_backup};
use super::text::{count, grouped, place, size, time};
use super::{Context, Exit, Failure};
use contactbox_core::card::{
    FileReport, HeaderFault, LatestContact, Listing, RootCheck, SnapshotState, StateCounts, list,
    verify,
};
use contactbox_core::limits::BOXES_MAX;
use contactbox_sync::card::RECORD_BYTES_MAX;
use contactbox_sync::card::{AnyCard, OpenMode, SyncError};
use embassy_futures::block_on;
use serde::Serialize;
use std::path::Path;

/// Contacts appended to one snapshot that are told apart: 2 MiB of memory.
const LATEST: usize = 64 * 1024;

/// Memory for the largest record.
fn room() -> Vec<u8> {
    vec![0; RECORD_BYTES_MAX]
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
        // The message names the format of the card, or says that it has none.
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
        let mut told = SnapshotLine::of(listing, is_newest);
        if told.changed_since == Some(true) {
            // Appended records may be new contacts, or others of those that are there: only reading
            // tells.
            let checked = block_on(verify(
                &mut card,
                &listing.file,
                &mut room(),
                &mut boxes(),
                &mut latest(),
            ));
            let tally = checked.map_err(|error| failure(path, error))?.ok().and_then(|it| it.tally);
            if let Some(StateCounts { active, trashed, tombstones }) = tally {
                told.contacts = Some(active.into());
                told.trashed = Some(trashed.into());
                told.tombstones = Some(tombstones.into());
                told.changed_since = Some(false);
            }
        }
        if context.out.json {
            context.out.json(&told)?;
        } else {
            rows.push(told.row());
        }
    }
    if !context.out.json {
        let columns = ["FILE", "BOX", "UP TO", "CONTACTS", "TRASH", "PHOTOS", "SIZE", "STATE"]
            .map(|head| Column { head, width_min: None });
        context.out.table(&columns, rows)?;
    }
    Ok(Exit::Ok)
}

/// Returns whether `other` is a newer snapshot of the same box.
fn is_newer(other: &Listing, than: &Listing) -> bool {
    match (other.state, than.state) {
        (SnapshotState::Snapshot { header: a, .. }, SnapshotState::Snapshot { header: b, .. }) => {
            a.box_id == b.box_id && a.is_newer_than(&b)
        }
        _ => false,
    }
}

/// A snapshot as a line of JSON.
#[derive(Default, Serialize)]
struct SnapshotLine {
    file: String,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    box_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trashed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tombstones: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    /// True when the numbers leave out what was appended.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_since: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

impl SnapshotLine {
    fn of(listing: &Listing, is_newest: bool) -> Self {
        let mut told = Self {
            file: listing.file.as_str().to_owned(),
            bytes: listing.bytes.into(),
            ..Self::default()
        };
        let header = match listing.state {
            SnapshotState::Snapshot { header, time } => {
                told.time = Some(time);
                told.state = if is_newest { "newest" } else { "older" };
                header
            }
            SnapshotState::Unfinished(header) => {
                told.state = "unfinished";
                header
            }
            SnapshotState::Newer { version, box_id } => {
                told.box_id = Some(format!("{box_id:016x}"));
                told.format = Some(version.into());
                told.state = "of a newer contactbox";
                return told;
            }
            SnapshotState::NoHeader => {
                told.state = "half written or damaged";
                return told;
            }
        };
        told.box_id = Some(format!("{:016x}", header.box_id));
        told.generation = Some(header.generation.into());
        told.made = Some(header.time);
        told.contacts = Some(header.active.into());
        told.trashed = Some(header.trashed.into());
        told.tombstones = Some(header.tombstones.into());
        told.blobs = Some(header.blobs.into());
        told.complete = Some(header.is_complete);
        told.changed_since = Some(told.time.is_some_and(|time| time > header.time));
        told.root = Some(header.root.to_string());
        told
    }

    fn row(&self) -> Vec<String> {
        let number = |number: Option<u64>| number.map(grouped).unwrap_or_default();
        let mut state = self.state.to_owned();
        if self.complete == Some(false) {
            state.push_str(", incomplete");
        }
        if self.changed_since == Some(true) {
            state.push_str(", changed since");
        }
        vec![
            self.file.clone(),
            self.box_id.clone().unwrap_or_default(),
            self.time.map(time).unwrap_or_default(),
            number(self.contacts),
            number(self.trashed),
            number(self.blobs),
            size(self.bytes),
            state,
        ]
    }
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
                CheckLine::of(listing, report)
            }
            Err(HeaderFault::Newer { version, .. }) => CheckLine::unread(
                listing,
                format!("format {version}, of a newer contactbox: not checked"),
            ),
            Err(HeaderFault::None) => {
                is_sound = false;
                CheckLine::unread(listing, "half written or damaged".to_owned())
            }
        };
        is_sound &= checked.as_ref().map_or(true, FileReport::is_sound);
        if context.out.json {
            context.out.json(&told)?;
        } else {
            context.out.line(&told.for_people())?;
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

/// A snapshot that was checked, as a line of JSON.
#[derive(Serialize)]
struct CheckLine {
    file: String,
    #[serde(flatten)]
    header: Option<CheckedHeader>,
    verdict: String,
    #[serde(flatten)]
    body: Option<CheckedBody>,
}

#[derive(Serialize)]
struct CheckedHeader {
    #[serde(rename = "box")]
    box_id: String,
    generation: u64,
    time: u64,
    sound: bool,
}

#[derive(Serialize)]
struct CheckedBody {
    records: u64,
    contacts: Option<u64>,
    trashed: Option<u64>,
    blobs: u64,
    appended: u64,
    damaged: u64,
    missing: u64,
    too_large: u64,
    root: String,
    root_check: &'static str,
    appended_root_check: &'static str,
}

impl CheckLine {
    fn of(listing: &Listing, report: &FileReport) -> Self {
        let body = &report.body;
        let root = |check: RootCheck| match check {
            RootCheck::Right => "right",
            RootCheck::Wrong => "wrong",
            RootCheck::Unknown => "not told",
        };
        let verdict = match (report.is_sound(), report.header.is_complete) {
            (true, true) => "sound",
            (true, false) => {
                "sound, and incomplete: some of it could not be read, or was lost, when it was written"
            }
            (false, _) => "damaged",
        };
        Self {
            file: listing.file.as_str().to_owned(),
            header: Some(CheckedHeader {
                box_id: format!("{:016x}", report.header.box_id),
                generation: report.header.generation.into(),
                time: report.time,
                sound: report.is_sound(),
            }),
            verdict: verdict.to_owned(),
            body: Some(CheckedBody {
                records: body.records.into(),
                contacts: report.tally.map(|tally| tally.active.into()),
                trashed: report.tally.map(|tally| tally.trashed.into()),
                blobs: body.blobs.into(),
                appended: report.appended.into(),
                damaged: body.damaged.into(),
                missing: body.missing.into(),
                too_large: body.too_large.into(),
                root: report.header.root.to_string(),
                root_check: root(report.root),
                appended_root_check: root(report.root_appended),
            }),
        }
    }

    fn unread(listing: &Listing, verdict: String) -> Self {
        Self { file: listing.file.as_str().to_owned(), header: None, verdict, body: None }
    }

    fn for_people(&self) -> String {
        let body = self.body.as_ref();
        let contacts = match body.and_then(|body| body.contacts) {
            Some(contacts) => count(contacts, "contact"),
            None => count(body.map_or(0, |body| body.records), "record"),
        };
        format!("{}  {}  {contacts}", self.file, self.verdict)
    }
}
