//! Any script of operations on a box, cut and reopened where the script says so, loses no
//! acknowledged change.
use super::Input;
use crate::world::ops::Op;
use crate::world::oracle::Oracle;
use crate::world::{self, Chip};
use contactbox_core::sim::Tear;

/// The most commands of one input.
const COMMANDS_MAX: usize = 160;
/// The first bytes of commands that are not operations.
const REOPEN: u8 = 0xE8;
const CUT: u8 = 0xF0;

type Box = world::Box<4, 512>;

/// Takes the size of the chip from the first byte, then a command from each four bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pages = 12 + usize::from(input.byte() % 40);
    let mut book = world::format::<4, 512>(Chip::strict(pages));
    let mut oracle = Oracle::default();
    for _ in 0..COMMANDS_MAX {
        if input.is_empty() {
            break;
        }
        let command = [input.byte(), input.byte(), input.byte(), input.byte()];
        match command[0] {
            CUT.. => {
                let tear = Tear::ALL[usize::from(command[1]) % Tear::ALL.len()];
                book.flash().seed(u64::from(command[3]));
                book.flash().cut_after(u64::from(command[2] % 24), tear);
            }
            REOPEN.. => book = reopen(book, &mut oracle, None),
            _ => {
                let op = Op::from_bytes(command);
                let done = world::apply(&mut book, op, 0);
                book = follow(book, &mut oracle, op, done);
            }
        }
    }
    reopen(book, &mut oracle, None);
}

/// Follows an operation that was acknowledged, refused, or cut.
fn follow(mut book: Box, oracle: &mut Oracle, op: Op, done: Result<(), String>) -> Box {
    match done {
        Ok(()) => oracle.apply(op),
        Err(_) if book.flash().is_cut() => {
            book = reopen(book, oracle, Some(op));
            // An import that changes nothing visible may or may not have been noted, which cannot
            // be seen. It is repeated, as its user would do.
            if matches!(op, Op::Import { .. }) {
                let done = world::apply(&mut book, op, 0);
                if done.is_ok() {
                    oracle.apply(op);
                }
            }
        }
        Err(error) => {
            let is_full = error.contains("full") || error.contains("larger than");
            assert!(is_full, "{op:?} is refused: {error}");
        }
    }
    if let Err(error) = world::check(&mut book, oracle, None) {
        panic!("after {op:?}: {error}");
    }
    book
}

fn reopen(book: Box, oracle: &mut Oracle, in_flight: Option<Op>) -> Box {
    let mut chip = book.into_flash();
    chip.power_on();
    let operations = chip.operations();
    let (mut book, opened) = world::open(chip).expect("a box opens after whatever was done");
    assert_eq!(book.flash().operations(), operations, "opening wrote");
    assert!(opened.is_sound(), "damage where there was none: {opened:?}");
    if let Err(error) = world::check(&mut book, oracle, in_flight) {
        panic!("in flight {in_flight:?}: {error}");
    }
    book
}
