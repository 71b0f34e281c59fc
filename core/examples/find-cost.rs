//! Measures the cost of a search: reads and time for each number of keys typed, on made-up people.
//!
//!     cargo run --release -p contactbox-core --example find-cost [CONTACTS [SLICES PROBES [BITS]]]

use contactbox_core::{contact, search, text};

#[path = "../src/search/people.rs"]
mod people;

use contact::{Contact, Kind};
use core::convert::Infallible;
use people::{Random, person, record};
use search::{Class, ContactSource, Hit, PageRequest, Query, Slices, SortKey, find};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const ROWS: usize = 20;
const QUERIES: usize = 200;
/// Contacts timed together.
const PART: usize = 250;

struct Shelf {
    records: Vec<Vec<u8>>,
    keys: Vec<u64>,
    slices: Slices,
    signatures: Vec<u32>,
    reads: usize,
}

/// A shelf as a box of one size sees it.
struct Sized<'s, const KEY_BITS: u32>(&'s mut Shelf);

impl<const KEY_BITS: u32> ContactSource for Sized<'_, KEY_BITS> {
    type Error = Infallible;
    const KEY_BITS: u32 = KEY_BITS;

    fn slots(&self) -> u32 {
        self.0.records.len() as u32
    }

    fn is_wanted(&self, _: u32) -> bool {
        true
    }

    fn key(&self, slot: u32) -> u64 {
        self.0.keys[slot as usize]
    }

    fn slices(&self) -> Slices {
        self.0.slices
    }

    fn signatures(&self) -> &[u32] {
        &self.0.signatures
    }

    async fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, Infallible> {
        self.0.reads += 1;
        let record = &self.0.records[slot as usize];
        memory[..record.len()].copy_from_slice(record);
        Ok(Contact::parse(&memory[..record.len()]).ok())
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a source in memory never waits"),
    }
}

/// Returns the first keys that a person types who looks for this contact.
fn typed(random: &mut Random, way: usize, keys: usize) -> String {
    let properties = person(random);
    let of = |kind: Kind| properties.iter().find(|property| property.0 == kind).map(|at| &*at.1);
    let text = match way {
        0 => of(Kind::FN).unwrap_or("").to_lowercase(),
        1 => of(Kind::N).unwrap_or("").replace(';', " ").to_lowercase(),
        2 => of(Kind::TEL).unwrap_or("").replace("+49 ", "0"),
        _ => of(Kind::ADR).unwrap_or("").rsplit(';').nth(3).unwrap_or("").to_lowercase(),
    };
    text.chars().take(keys).collect()
}

fn run<const KEY_BITS: u32>(shelf: &mut Shelf, deepest: Class) {
    let mut all: Vec<Duration> = Vec::new();
    let mut memory = [0; 4096];
    for (way, name) in ["given name first", "family name first", "phone", "city"].iter().enumerate()
    {
        for keys in 1..=8 {
            let mut random = Random(1_000_000);
            let (mut reads, mut times, mut found) = (Vec::new(), Vec::new(), 0);
            for _ in 0..QUERIES {
                let text = typed(&mut random, way, keys);
                let mut best = Duration::MAX;
                // The best of five: what the machine does beside is not what is measured.
                for _ in 0..5 {
                    let mut hits = [Hit::EMPTY; ROWS];
                    shelf.reads = 0;
                    let started = Instant::now();
                    let query = Query::parse(&text);
                    let page = PageRequest { deepest, ..PageRequest::first(&query) };
                    let mut source = Sized::<KEY_BITS>(shelf);
                    let Ok(len) = ready(find(&mut source, &page, &mut hits, &mut memory));
                    best = best.min(started.elapsed());
                    found += len;
                }
                times.push(best);
                reads.push(shelf.reads);
            }
            all.extend(&times);
            reads.sort_unstable();
            times.sort_unstable();
            println!(
                "{name:18} {keys} keys: {:5.1} rows; reads p50 {:5} p99 {:6}; time p50 {:8.1?} p99 {:8.1?}",
                found as f64 / (5 * QUERIES) as f64,
                pick(&reads, 50),
                pick(&reads, 99),
                pick(&times, 50),
                pick(&times, 99),
            );
        }
    }
    all.sort_unstable();
    println!(
        "all: time p50 {:.1?} p99 {:.1?} max {:.1?}",
        pick(&all, 50),
        pick(&all, 99),
        pick(&all, 100)
    );
}

fn pick<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<u32>().ok());
    let contacts = arguments.next().unwrap_or(100_000);
    let slices_count = arguments.next().unwrap_or(1024);
    let slices = Slices::new(slices_count, arguments.next().unwrap_or(4));
    let is_small = arguments.next() == Some(32);
    let mut random = Random(42);
    let records: Vec<_> =
        (0..contacts).map(|number| record(&person(&mut random), number.into())).collect();
    let bytes: usize = records.iter().map(Vec::len).sum();
    let mut shelf = Shelf {
        signatures: vec![0; slices.words(contacts)],
        records,
        keys: Vec::new(),
        slices,
        reads: 0,
    };
    let mask = if is_small { u64::from(u32::MAX) << 32 } else { u64::MAX };
    let each = shelf.records.iter().map(|record| Contact::parse(record).expect("a made record"));
    let contacts_read: Vec<_> = each.collect();
    let query = Query::parse("nothing such");
    let mut timings = [Duration::MAX; 3];
    let mut found = 0;
    // The best of many parts, for the same reason.
    for (part, chunk) in contacts_read.chunks(PART).enumerate() {
        let mut started = Instant::now();
        let mut lap = |best: &mut Duration| {
            *best = (*best).min(started.elapsed());
            started = Instant::now();
        };
        shelf.keys.extend(chunk.iter().map(|contact| SortKey::of(contact).upper() & mask));
        lap(&mut timings[0]);
        for (at, contact) in chunk.iter().enumerate() {
            slices.set(&mut shelf.signatures, (part * PART + at) as u32, contact);
        }
        lap(&mut timings[1]);
        found += chunk.iter().filter(|contact| query.judge(contact).is_some()).count();
        lap(&mut timings[2]);
    }
    drop(contacts_read);
    let bits: u64 = shelf.signatures.iter().map(|word| u64::from(word.count_ones())).sum();
    let density = bits as f64 / f64::from(contacts) / f64::from(slices_count);
    println!(
        "{contacts} contacts of {} bytes; a contact costs: key {:?}, signature {:?}, judging {:?} ({found} found)",
        bytes / contacts as usize,
        timings[0] / PART as u32,
        timings[1] / PART as u32,
        timings[2] / PART as u32
    );
    println!(
        "{} bytes of signatures, {:.0} % of bits set",
        shelf.signatures.len() * 4,
        density * 100.0
    );
    if is_small {
        println!("names only:");
        run::<32>(&mut shelf, Class::Named);
        println!("all classes:");
        run::<32>(&mut shelf, Class::Elsewhere);
    } else {
        run::<64>(&mut shelf, Class::Elsewhere);
    }
}
