//! The device's program in the emulator, with a card image in its slot, asked over its cable.

use super::contacts::{self, box_of, chip_with, counts, desk_with, with_card};
use super::host::{changed, edited, middle, same};
use super::{Cost, Costs};
use crate::cable::Cable;
use crate::desk::Desk;
use crate::disk::{Disk, card};
use crate::emulator::{CardImage, Device, Power};
use crate::people::Person;
use crate::tally::{Counts, Watched};
use contactbox_core::card::OwnFiles;
use contactbox_core::contact::Uid;
use contactbox_core::service::protocol::NewContact as Put;
use contactbox_core::service::sync::sync;
use contactbox_core::service::{Reply, Request};
use contactbox_core::store::Consent;
use embassy_futures::block_on;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The wait after a change within which the device has it on the card.
const APPEND_TIME: Duration = Duration::from_millis(50);

/// The quiet on the cable after which a device has begun to update its card. It has not begun the
/// file for phones yet.
const QUIET_TIME: Duration = Duration::from_millis(1_500);

/// A running device with a card.
struct Powered {
    device: Device,
    image: CardImage,
    cable: Cable,
}

/// Measures everything, with `blank_card` as an empty card and files in `folder`.
pub fn measure(folder: &Path, blank_card: &[u8]) -> Result<Costs, String> {
    let [few, many] = counts();
    let image = |bytes: &[u8]| CardImage::of(folder.join("card.img"), bytes);
    let flash = |count| Ok::<_, String>(Device::with_flash(box_of(&chip_with(count)?.0)));
    let small = Powered::on(flash(few)?, image(blank_card))?.snapshot()?;

    let mut full = Powered::on(flash(many)?, image(blank_card))?;
    let large = full.snapshot()?;
    let written = full.image.bytes();
    let edit = full.edits(many)?;
    full.device.cut();

    let mut empty = Powered::on(Device::new(), image(&written))?;
    empty.snapshot()?;
    let (merge, after_merge) = merged(&empty.device.tally().counts())?;
    empty.device.cut();

    let [first_sync, next_sync] = Powered::on(Device::new(), image(blank_card))?.syncs(many)?;
    Ok(Costs { edit, snapshots: [small, large], merge, after_merge, first_sync, next_sync })
}

/// Returns the cost up to the first sector written, and the cost after it.
fn merged(counts: &Counts) -> Result<(Cost, Cost), String> {
    let times = [counts.card_first, counts.card_write_first, counts.card_last];
    let [Some(first), Some(write), Some(last)] = times else {
        return Err("the card was never written to".into());
    };
    let after = Cost { sectors: counts.card_writes, cable_bytes: 0, time: last - write };
    Ok((Cost { time: write - first, ..Cost::default() }, after))
}

impl Powered {
    /// Starts the device. It answers when it has imported the card and put its own box on it.
    fn on(mut device: Device, image: CardImage) -> Result<Self, String> {
        let watched = Watched::Card;
        device.start_with(Power { card: Some(&image), watched, ..Power::default() });
        let cable = Cable::plug_in(&device.cable());
        let (cable, _) = cable.map_err(|error| format!("{error}\n{}", device.log()))?;
        Ok(Self { device, image, cable })
    }

    /// Returns the cost so far, after a check that the whole box is on the card.
    fn snapshot(&mut self) -> Result<Cost, String> {
        let counts = self.device.tally().counts();
        self.check_card()?;
        let (read, written) = merged(&counts)?;
        Ok(Cost { time: read.time + written.time, ..written })
    }

    /// Checks by the device's own files on the card that it holds what the device does.
    fn check_card(&mut self) -> Result<(), String> {
        let (id, root) = self.root()?;
        let mut fat = card(Disk::new(self.image.bytes()))?;
        let own = block_on(OwnFiles::find(&mut fat, id)).map_err(|error| error.to_string())?;
        match own.root().is_some_and(|own| own.0 == root) {
            true => Ok(()),
            false => Err("the card does not hold what the device does".into()),
        }
    }

    fn root(&mut self) -> Result<(u64, [u8; 16]), String> {
        let told = |error: crate::cable::NoAnswer| error.to_string();
        let root = self.cable.ask(&Request::Root, |reply| match reply {
            Reply::Root { root, .. } => Some(*root),
            _ => None,
        });
        let id = self.cable.ask(&Request::Info, |reply| match reply {
            Reply::Info(info) => Some(info.id),
            _ => None,
        });
        id.map_err(told)?.zip(root.map_err(told)?).ok_or("it answers with something else".into())
    }

    fn edit(&mut self, person: &Person, remark: &str) -> Result<(), String> {
        let uid = Some(Uid::from_text(&person.uid));
        let put = with_card(person, remark, |draft| {
            let card = Put::Here(draft.contents());
            self.cable.change(&Request::Put { uid, base: None, card })
        });
        put.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Edits contacts one by one, each appended before the next.
    fn edits(&mut self, count: usize) -> Result<Cost, String> {
        let mut dearest = Cost::default();
        let mut times = Vec::new();
        for (number, person) in edited(count).iter().enumerate() {
            let before = self.device.tally().counts();
            let begun = Instant::now();
            self.edit(person, &format!("remark {number}"))?;
            sleep(APPEND_TIME);
            self.check_card()?;
            let after = self.device.tally().counts();
            dearest.sectors = dearest.sectors.max(after.card_writes - before.card_writes);
            times.extend(after.card_last.map(|last| last - begun));
        }
        Ok(Cost { time: middle(times), ..dearest })
    }

    /// Measures the first meeting of a full box with this device, and one after changes on both
    /// sides.
    fn syncs(&mut self, count: usize) -> Result<[Cost; 2], String> {
        let mut desk = desk_with(count)?;
        let first = self.meet(&mut desk)?;
        for (number, person) in changed(count).iter().enumerate() {
            if number % 2 == 0 {
                contacts::put(&mut desk.book, person, "changed here")?;
            } else {
                self.edit(person, "changed there")?;
                sleep(APPEND_TIME);
                self.check_card()?;
            }
        }
        Ok([first, self.meet(&mut desk)?])
    }

    fn meet(&mut self, desk: &mut Desk) -> Result<Cost, String> {
        let (before, traffic) = (self.device.tally().counts(), self.cable.traffic());
        let begun = Instant::now();
        let report = block_on(sync(&mut desk.end(), &mut self.cable, Consent::Given, |_| {}));
        let time = begun.elapsed();
        same(report)?;
        let now = self.cable.traffic();
        let cable_bytes =
            now.sent_bytes + now.received_bytes - (traffic.sent_bytes + traffic.received_bytes);
        sleep(QUIET_TIME);
        self.check_card()?;
        let sectors = self.device.tally().counts().card_writes - before.card_writes;
        Ok(Cost { sectors, cable_bytes, time })
    }
}
