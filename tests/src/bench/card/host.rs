//! The device's app on a host, with a chip in RAM and a FAT card in RAM that counts its sector
//! writes.

use super::contacts::{self, NOW, SEED, chip_with, counts, desk_with, with_card};
use super::{CHANGED, Cost, Costs, EDITS};
use crate::cards;
use crate::desk::Desk;
use crate::desk_device::{Bench, Flash, ask, blank, no_card, start};
use crate::disk::{Disk, card};
use crate::people::{Person, people};
use contactbox_core::card::SnapshotOwners;
use contactbox_core::card::fat::FatCard;
use contactbox_core::contact::Uid;
use contactbox_core::service::cable::Caller;
use contactbox_core::service::protocol::NewContact as Put;
use contactbox_core::service::sync::{SyncError, SyncReport, sync};
use contactbox_core::service::{FRAME_BYTES_MIN, Reply, Request};
use contactbox_core::store::Consent;
use contactbox_core::store::diary::Cause;
use contactbox_firmware::app::{AppEvent, SlotState};
use embassy_futures::block_on;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// The most turns until something due is done.
const TURNS_MAX: usize = 1_000;

/// A device whose card is FAT.
pub type FatBench = Bench<FatCard<Disk>>;

/// Measures everything, with `blank_card` as an empty card.
pub fn measure(blank_card: &Disk) -> Result<Costs, String> {
    let [few, many] = counts();
    let (_, small) = snapshot(chip_with(few)?.0, blank_card)?;
    let (mut bench, large) = snapshot(chip_with(many)?.0, blank_card)?;
    let written = bench.device.outside().1.with_device(Disk::clone);
    let [merge, after_merge] = merge(&written)?;
    let edit = edits(&mut bench, many)?;
    let [first_sync, next_sync] = syncs(many, blank_card)?;
    Ok(Costs { edit, snapshots: [small, large], merge, after_merge, first_sync, next_sync })
}

/// Imports a card into an empty box, then puts that box on it.
fn merge(written: &Disk) -> Result<[Cost; 2], String> {
    let mut bench = start(blank(), no_card(), 3, Cause::Power);
    let mut fat = card(written.clone())?;
    let book = bench.device.book();
    let begun = Instant::now();
    let (merged, remarks) = cards::merge(book, &mut fat, SnapshotOwners::Others, NOW)?;
    let time = begun.elapsed();
    if merged.added == 0 || !remarks.is_empty() {
        return Err(format!("the card is not taken in: {remarks:?}"));
    }
    let sectors = fat.with_device(Disk::writes) - written.writes();
    let begun = Instant::now();
    cards::back_up(book, &mut fat)?;
    let left = fat.with_device(Disk::writes) - written.writes() - sectors;
    let left = Cost { sectors: left, time: begun.elapsed(), cable_bytes: 0 };
    Ok([Cost { sectors, time, cable_bytes: 0 }, left])
}

/// Starts a device with this card in its slot. It imports the card and puts its own box on it.
pub fn snapshot(chip: Flash, disk: &Disk) -> Result<(FatBench, Cost), String> {
    let mut bench = start(chip, card(disk.clone())?, 3, Cause::Power);
    let cost = until(&mut bench, AppEvent::SlotDue)?;
    Ok((bench, cost))
}

/// Edits contacts one by one, each appended before the next.
pub fn edits(bench: &mut FatBench, count: usize) -> Result<Cost, String> {
    let mut dearest = Cost::default();
    let mut times = Vec::new();
    for (number, person) in edited(count).into_iter().enumerate() {
        let begun = Instant::now();
        edit(bench, &person, &format!("remark {number}"))?;
        let cost = until(bench, AppEvent::CardDue)?;
        dearest.sectors = dearest.sectors.max(cost.sectors);
        times.push(begun.elapsed());
    }
    Ok(Cost { time: middle(times), ..dearest })
}

/// Returns people spread over the contacts, to be edited.
pub fn edited(count: usize) -> Vec<Person> {
    people(count, SEED).step_by(count / EDITS).take(EDITS).collect()
}

/// Returns the median.
pub fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn edit(bench: &mut FatBench, person: &Person, remark: &str) -> Result<(), String> {
    let uid = Some(Uid::from_text(&person.uid));
    with_card(person, remark, |draft| {
        let card = Put::Here(draft.contents());
        ask(bench, &Request::Put { uid, base: None, card }, |reply| match reply {
            Reply::Done(_) => Ok(()),
            _ => Err("the device answers with something else".to_owned()),
        })
    })
}

/// Measures the first meeting of a full box with an empty device, and one after changes on both
/// sides; each with the sectors that the card in the slot then takes.
pub fn syncs(count: usize, blank_card: &Disk) -> Result<[Cost; 2], String> {
    let mut desk = desk_with(count)?;
    let (mut bench, _) = snapshot(blank(), blank_card)?;
    let first = meet(&mut desk, &mut bench)?;
    for (number, person) in changed(count).iter().enumerate() {
        if number % 2 == 0 {
            contacts::put(&mut desk.book, person, "changed here")?;
        } else {
            edit(&mut bench, person, "changed there")?;
            until(&mut bench, AppEvent::CardDue)?;
        }
    }
    Ok([first, meet(&mut desk, &mut bench)?])
}

/// Returns the people that change between two meetings.
pub fn changed(count: usize) -> Vec<Person> {
    people(count, SEED).step_by(count / CHANGED).take(CHANGED).collect()
}

fn meet(desk: &mut Desk, bench: &mut FatBench) -> Result<Cost, String> {
    let mut memory = [vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]];
    let [out, into] = &mut memory;
    let mut caller = Caller::new(&mut *bench, out, into);
    let begun = Instant::now();
    let report = block_on(sync(&mut desk.end(), &mut caller, Consent::Given, |_| {}));
    let time = begun.elapsed();
    same(report)?;
    let traffic = caller.traffic();
    let sectors = until(bench, AppEvent::CardDue)?.sectors;
    Ok(Cost { sectors, cable_bytes: traffic.sent_bytes + traffic.received_bytes, time })
}

/// Fails unless both ends of a meeting hold the same.
pub fn same<H: Display, T: Display>(
    report: Result<SyncReport, SyncError<H, T>>,
) -> Result<(), String> {
    let report = report.map_err(|error| error.to_string())?;
    match report.root {
        Some(_) => Ok(()),
        None => Err(format!("a meeting leaves two boxes apart: {report:?}")),
    }
}

/// Runs the device until this event has happened, and returns its cost.
fn until(bench: &mut FatBench, wanted: AppEvent) -> Result<Cost, String> {
    for _ in 0..TURNS_MAX {
        let before = bench.device.outside().1.with_device(Disk::writes);
        let begun = Instant::now();
        if block_on(bench.device.turn()) != wanted {
            continue;
        }
        let time = begun.elapsed();
        if !matches!(bench.device.slot(), SlotState::Ready(_)) {
            return Err("the device does not take the card".into());
        }
        let sectors = bench.device.outside().1.with_device(Disk::writes) - before;
        return Ok(Cost { sectors, cable_bytes: 0, time });
    }
    Err("the device does not come to what is due".into())
}
