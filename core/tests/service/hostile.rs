//! Tests another side that answers anything: the meeting ends, and the box is sound.

use crate::support::{Device, card, contents, format};
use contactbox_core::contact::{BlobRef, Kind, Uid};
use contactbox_core::service::cable::{AskError, Exchange};
use contactbox_core::service::protocol::{Offer, PROTOCOL, TableRow, Welcome};
use contactbox_core::service::rows::{Bytes, Packer, Rows};
use contactbox_core::service::sync::sync;
use contactbox_core::service::{Fault, Reply, Request};
use contactbox_core::store::Consent;
use embassy_futures::block_on;

/// Answers at random, mostly in the form that is expected.
struct Liar {
    state: u64,
    memory: Vec<u8>,
    patience: u32,
}

#[derive(Debug)]
struct Tired;

impl std::fmt::Display for Tired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("tired")
    }
}

impl Liar {
    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    fn number(&mut self) -> u32 {
        match self.random(6) {
            0 => 0,
            1 => u32::MAX,
            2 => self.random(16) as u32,
            3 => self.random(5_000) as u32,
            _ => self.random(u32::MAX.into()) as u32,
        }
    }

    fn uid(&mut self) -> Uid {
        Uid([self.random(4) as u8; 16])
    }

    fn option(&mut self) -> Option<u32> {
        (self.random(2) == 0).then(|| self.number())
    }

    fn fault(&mut self) -> Fault {
        match self.random(6) {
            0 => Fault::NoSuchBlob,
            1 => Fault::Full { live_bytes: 1, capacity_bytes: 2 },
            2 => Fault::NotMet,
            3 => Fault::TooLarge { bytes_max: self.number() },
            4 => Fault::Conflict { version: u64::from(self.number()) },
            _ => Fault::Damaged,
        }
    }
}

impl Exchange for Liar {
    type Error = Tired;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, AskError<Tired>> {
        self.patience = self.patience.checked_sub(1).ok_or(AskError::Link(Tired))?;
        match self.random(40) {
            0 => return Err(AskError::Fault(self.fault())),
            1 => return Ok(Reply::Ok),
            2 => return Err(AskError::Silent),
            _ => {}
        }
        let mut memory = std::mem::take(&mut self.memory);
        memory.resize(4000, 0);
        for byte in &mut memory {
            *byte = self.random(256) as u8;
        }
        let len = self.random(40) as usize;
        let count = self.random(5);
        let (a, b) = (self.number(), self.number());
        let (option, fault) = (self.option(), self.fault());
        let time = u64::from(a) << self.random(33);
        let uids: Vec<_> = (0..count).map(|_| self.uid()).collect();
        let cards: Vec<Vec<u8>> = uids
            .iter()
            .map(|uid| {
                // These are the first bytes of a possible record.
                let mut record = vec![self.random(4) as u8];
                record.extend(uid.0);
                record.extend(memory[..self.random(30) as usize].iter());
                record
            })
            .collect();
        self.memory = memory;
        let memory = &mut self.memory;
        Ok(match request {
            Request::Hello { .. } => Reply::Hello(Welcome {
                protocol: PROTOCOL,
                id: 99,
                frame_bytes: a.max(4096),
                contact_bytes: b,
                blob_bytes: 5,
                contacts: 7,
                slots: a,
            }),
            Request::Root => Reply::Root { root: [a as u8; 16], time },
            Request::Meet { .. } => Reply::Met { time },
            Request::Tables { .. } => {
                let mut rows = Packer::new(memory, 3000);
                for _ in 0..count {
                    // A peer that names this box may speak of what it wrote, and so remove it.
                    let (index, id, key) = (a as u16, u64::from(b % 3) + 10, Bytes(&[]));
                    rows.push(&TableRow::Box { index, id, key });
                    rows.push(&TableRow::Author { index: b as u16, name: "liar" });
                }
                Reply::Tables { rows: rows.finish(), next: option.map(|next| next % 600) }
            }
            Request::Offers { .. } => {
                let mut offers = Packer::new(memory, 3000);
                for uid in uids {
                    offers.push(&Offer { uid, digest: [a as u8; 8] });
                }
                Reply::Offers { offers: offers.finish(), next: option }
            }
            Request::Want { .. } => Reply::Wanted { bits: Bytes(&memory[..len]) },
            Request::Records { .. } => {
                let mut records = Packer::new(memory, 3000);
                for card in &cards {
                    records.push(&Bytes(card));
                }
                Reply::Records { records: records.finish(), long: option }
            }
            Request::Piece { .. } => {
                Reply::Piece { version: time, total: b % 5_000, bytes: Bytes(&memory[..len]) }
            }
            Request::Take { .. } | Request::TakeStaged => {
                let mut missing = Packer::new(memory, 3000);
                missing.push(&BlobRef { hash: [1; 16], len: a });
                let stop = (b % 2 == 0).then_some(fault);
                let (aside, missing) = (Rows::EMPTY, missing.finish());
                Reply::Taken { taken: count as u32, aside, stop, missing }
            }
            Request::Missing { .. } => Reply::Missing { offset: option, piece_bytes: b },
            Request::Blob { .. } => Reply::Blob { total: a, bytes: Bytes(&memory[..len]) },
            _ => Reply::Ok,
        })
    }
}

/// A peer that has nothing to offer, and never ends its list.
struct Endless {
    asked: u32,
}

impl Exchange for Endless {
    type Error = Tired;

    async fn ask<'s>(&'s mut self, request: &Request<'_>) -> Result<Reply<'s>, AskError<Tired>> {
        self.asked += 1;
        Ok(match request {
            Request::Hello { .. } => Reply::Hello(Welcome {
                protocol: PROTOCOL,
                id: 99,
                frame_bytes: 4096,
                contact_bytes: 4096,
                blob_bytes: 4096,
                contacts: 7,
                slots: u32::MAX,
            }),
            Request::Root => Reply::Root { root: [1; 16], time: 5 },
            Request::Meet { .. } => Reply::Met { time: 0 },
            Request::Tables { .. } => Reply::Tables { rows: Rows::EMPTY, next: None },
            Request::Offers { from, .. } => {
                Reply::Offers { offers: Rows::EMPTY, next: Some(from + 1) }
            }
            _ => Reply::Ok,
        })
    }
}

#[test]
fn nothing_to_offer_comes_to_an_end() {
    let mut here = Device::new(format(1, 24));
    let mut endless = Endless { asked: 0 };
    assert!(block_on(sync(&mut here.local(), &mut endless, Consent::Given, |_| {})).is_err());
    assert!(endless.asked < 20, "asked {} times", endless.asked);
}

#[test]
fn a_liar_gets_nowhere() {
    let (mut ended, mut tired) = (0, 0);
    for seed in 1..2_000u64 {
        let mut here = Device::new(format(1, 24));
        for number in 0..5u8 {
            let card = card(&[(Kind::FN, "Ada"), (Kind::TEL, "1")]);
            let uid = Uid([number; 16]);
            block_on(here.book.put(uid, &contents(&card), None, Default::default(), 5))
                .expect("put");
        }
        let state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut liar = Liar { state, memory: Vec::new(), patience: 3_000 };
        match block_on(sync(&mut here.local(), &mut liar, Consent::Given, |_| {})) {
            Err(contactbox_core::service::sync::SyncError::There(AskError::Link(Tired))) => {
                tired += 1
            }
            _ => ended += 1,
        }
        let mut buf = vec![0; 8_000];
        for number in 0..5u8 {
            let found = block_on(here.book.get(Uid([number; 16]), &mut buf)).expect("readable");
            assert!(found.is_some_and(|found| found.contact.latest(Kind::TEL).is_some()), "{seed}");
        }
        assert!(block_on(here.book.verify(|_| {})).expect("readable").is_sound());
    }
    println!("{ended} meetings ended, {tired} were still lied to");
    assert!(ended > 1_900);
    assert!(Rows::<Uid>::EMPTY.is_empty());
}
