//! Boxes that swap cards under power cuts and pulled cards, and an oracle of what must be left.
//!
//! Every line is written once in its life, so the right result is plain: all acknowledged lines,
//! except those removed by somebody who had seen them.

use crate::cards;
use crate::world::Chip;
use crate::world::memory::{HostMemory, parts};
use contactbox_core::card::SnapshotOwners;
use contactbox_core::contact::{AuthorIndex, Draft, Kind, Property, Uid};
use contactbox_core::sim::{PullFuse, RamCard, SectorTear, Tear};
use contactbox_core::store::{Book, BookConfig, GetError, PutError, Root};
use embassy_futures::block_on;
use std::collections::{BTreeMap, BTreeSet};

/// The number of boxes.
pub const BOXES: usize = 3;
/// The number of cards, fewer than boxes.
pub const CARDS: usize = 2;
/// The number of people with contacts.
pub const PEOPLE: u8 = 4;

const PAGE: usize = 512;
const PAGES: usize = 256;
const CONTACT_BYTES: usize = 16 * 1024;

type Small = Book<Chip<4, PAGE>, HostMemory>;

/// An event of a script.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Somebody adds a line to a person, and removes one that is visible there.
    Edit {
        /// The box.
        at: usize,
        /// The person.
        who: u8,
        /// The number of the line to remove, if there is one of that number.
        without: Option<usize>,
    },
    /// A person is put into the trash.
    Trash {
        /// The box.
        at: usize,
        /// The person.
        who: u8,
    },
    /// A person is purged.
    Purge {
        /// The box.
        at: usize,
        /// The person.
        who: u8,
    },
    /// A card is moved into a box, which imports it and puts its own contacts on it.
    Put {
        /// The box.
        at: usize,
        /// The card.
        card: usize,
    },
    /// A box will lose power at a later operation of its flash.
    Cut {
        /// The box.
        at: usize,
        /// The number of operations before that.
        after: u64,
        /// The state of the interrupted operation.
        tear: Tear,
    },
    /// A card will be pulled at a later sector write.
    Pull {
        /// The card.
        card: usize,
        /// The number of writes before that.
        after: u64,
        /// The state of the interrupted write.
        tear: SectorTear,
    },
}

/// The boxes, the cards, and the lines that must be left in the end.
pub struct World {
    boxes: Vec<Option<Small>>,
    cards: Vec<RamCard>,
    /// The box that each card is in.
    place: [Option<usize>; CARDS],
    lines: u32,
    time: u64,
    /// The lines of each person that must be there in the end.
    left: BTreeMap<u8, BTreeSet<String>>,
    /// The number of power cuts and pulled cards that interrupted something.
    pub cuts: u32,
}

fn config(number: usize) -> BookConfig {
    BookConfig { id: 0xB0C5_0000 + number as u64, gram_slices: 32, gram_probes: 1 }
}

/// Returns the identity of a person.
fn uid(who: u8) -> Uid {
    Uid::from_text(&format!("person-{who}"))
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Returns empty boxes, and empty cards in no slot.
    pub fn new() -> Self {
        let empty = |number| {
            let memory = parts(PAGES, PAGE, CONTACT_BYTES);
            let book = block_on(Book::format(Chip::strict(PAGES), config(number), memory));
            Some(book.unwrap_or_else(|error| panic!("a sound chip can be formatted: {error}")))
        };
        Self {
            boxes: (0..BOXES).map(empty).collect(),
            cards: (0..CARDS).map(|_| RamCard::new()).collect(),
            place: [None; CARDS],
            lines: 0,
            time: 1_000,
            left: BTreeMap::new(),
            cuts: 0,
        }
    }

    fn book(&mut self, at: usize) -> &mut Small {
        self.boxes[at].as_mut().unwrap_or_else(|| panic!("box {at} is open"))
    }

    /// Opens a box again if its power was cut; returns true if it was.
    fn revive(&mut self, at: usize) -> bool {
        if !self.book(at).flash().is_cut() {
            return false;
        }
        self.cuts += 1;
        let mut flash = self.boxes[at].take().map(Book::into_flash).expect("the box is there");
        flash.power_on();
        let memory = parts(PAGES, PAGE, CONTACT_BYTES);
        let (book, report) = block_on(Book::open(flash, config(9), memory))
            .unwrap_or_else(|error| panic!("box {at} is stuck: {error}"));
        assert!(report.is_sound(), "box {at} has lost something: {report:?}");
        self.boxes[at] = Some(book);
        true
    }

    /// Returns the lines that a box shows of a person.
    fn shown(&mut self, at: usize, who: u8) -> BTreeSet<String> {
        let mut memory = vec![0; CONTACT_BYTES];
        let found = block_on(self.book(at).get(uid(who), &mut memory));
        let found: Result<_, GetError<_>> = found;
        let found = found.unwrap_or_else(|error| panic!("box {at}, person {who}: {error}"));
        let Some(found) = found else { return BTreeSet::new() };
        assert!(!found.is_stale, "box {at}, person {who} is said to be stale");
        let notes = found.contact.all(Kind::NOTE);
        notes.filter_map(|note| note.content.value.as_text().map(str::to_owned)).collect()
    }

    /// Does a step. A change that was not acknowledged may have happened or not, which is then
    /// found out.
    pub fn step(&mut self, step: Step) {
        self.time += 1;
        match step {
            Step::Edit { at, who, without } => self.edit(at, who, without),
            Step::Trash { at, who } => {
                let now = self.time;
                self.change(at, |book| {
                    block_on(book.remove(uid(who), AuthorIndex(0), now)).map(|_| ())
                });
                self.revive(at);
            }
            Step::Purge { at, who } => self.purge(at, who),
            Step::Put { at, card } => self.put(at, card),
            Step::Cut { at, after, tear } => self.book(at).flash().cut_after(after, tear),
            Step::Pull { card, after, tear } => {
                self.cards[card].set_fuse(Some(PullFuse { writes: after, tear, forgets: true }));
            }
        }
    }

    /// Asks a box for a change; returns true if it was acknowledged.
    fn change<E: std::fmt::Debug>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Small) -> Result<(), PutError<E>>,
    ) -> bool {
        match change(self.book(at)) {
            Ok(()) => true,
            Err(PutError::NoSuchContact(_)) => false,
            Err(error) => {
                assert!(self.book(at).flash().is_cut(), "box {at}: {error:?}");
                false
            }
        }
    }

    fn edit(&mut self, at: usize, who: u8, without: Option<usize>) {
        let before = self.shown(at, who);
        self.lines += 1;
        let line = format!("line {}", self.lines);
        let gone = without.and_then(|number| before.iter().nth(number).cloned());
        let mut memory = vec![0; CONTACT_BYTES];
        let mut draft = Draft::new(&mut memory);
        let name = format!("Person {who}");
        let kept = before.iter().filter(|known| Some(*known) != gone.as_ref());
        let notes = kept.chain([&line]).map(|text| Property::text(Kind::NOTE, text));
        for content in [Property::text(Kind::FN, &name)].into_iter().chain(notes) {
            draft.push(&content).expect("room for short lines");
        }
        let (card, now) = (draft.finish(), self.time);
        let by = AuthorIndex(0);
        self.change(at, |book| block_on(book.put(uid(who), &card, None, by, now)).map(|_| ()));
        self.revive(at);
        let after = self.shown(at, who);
        if after.contains(&line) {
            let left = self.left.entry(who).or_default();
            left.insert(line);
            gone.iter().for_each(|gone| {
                left.remove(gone);
            });
        } else {
            assert_eq!(after, before, "box {at}, person {who}: half an edit");
        }
    }

    fn purge(&mut self, at: usize, who: u8) {
        let before = self.shown(at, who);
        let now = self.time;
        let by = AuthorIndex(0);
        self.change(at, |book| block_on(book.purge(uid(who), by, now)).map(|_| ()));
        self.revive(at);
        let after = self.shown(at, who);
        if after.is_empty() {
            let left = self.left.entry(who).or_default();
            before.iter().for_each(|line| {
                left.remove(line);
            });
        } else {
            assert_eq!(after, before, "box {at}, person {who}: half a purge");
        }
    }

    fn put(&mut self, at: usize, card: usize) {
        if let Some(from) = self.place[card] {
            self.place[card] = None;
            // A card in the slot comes out of it first, and another one may come in.
            self.revive(from);
        }
        if let Some(there) = (0..CARDS).find(|&other| self.place[other] == Some(at)) {
            self.place[there] = None;
        }
        self.place[card] = Some(at);
        if self.cards[card].is_out() {
            self.cards[card].insert();
        }
        let now = self.time;
        let book = self.boxes[at].as_mut().expect("the box is open");
        let medium = &mut self.cards[card];
        let done = cards::merge(book, medium, SnapshotOwners::Others, now)
            .and_then(|_| cards::find(book, medium))
            .and_then(|mut own| cards::keep(book, medium, &mut own));
        let was_pulled = self.cards[card].is_out();
        let was_cut = self.revive(at);
        self.cuts += u32::from(was_pulled);
        if let Err(error) = done {
            assert!(was_pulled || was_cut, "box {at}, card {card}: {error}");
        }
    }

    /// Lets every box meet every other by card, undisturbed, and compares all of them with what
    /// must be left.
    pub fn settle(&mut self) {
        self.cards.iter_mut().for_each(|card| card.set_fuse(None));
        for at in 0..BOXES {
            self.book(at).flash().cut_after(u64::MAX, Tear::None);
            self.revive(at);
        }
        for turn in 0..3 * BOXES {
            self.time += 1;
            self.put(turn % BOXES, 0);
        }
        let mut roots = BTreeSet::new();
        for at in 0..BOXES {
            for who in 0..PEOPLE {
                let left = self.left.get(&who).cloned().unwrap_or_default();
                assert_eq!(self.shown(at, who), left, "box {at}, person {who}");
            }
            let root: Root = block_on(self.book(at).root()).expect("everything can be read");
            roots.insert(root.0);
        }
        assert_eq!(roots.len(), 1, "boxes that have met hold the same");
    }
}
