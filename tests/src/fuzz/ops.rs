//! Any script of operations on a box, with the power cut and the box opened again wherever the
//! script says so: what was acknowledged is there.
use super::Input;
use crate::world::ops::Op;
use crate::world::oracle::Oracle;
use crate::world::{self, Chip};
use contactbox_core::sim::Tear;

/// Commands of one input that are followed.
const COMMANDS_MAX: usize = 160;
/// First bytes of a command from here on are not operations.
const REOPEN: u8 = 0xE8;
const CUT: u8 = 0xF0;

type Box = world::Box<4, 512>;

/// The first byte chooses the size of the chip, then each four bytes are a command.
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

/// After an operation: acknowledged, refused, or cut.
fn follow(mut book: Box, oracle: &mut Oracle, op: Op, done: Result<(), String>) -> Box {
    match done {
        Ok(()) => oracle.apply(op),
        Err(_) if book.flash().is_cut() => {
            book = reopen(book, oracle, Some(op));
            // Whether an import that changes nothing visible was noted cannot be seen: it is
            // repeated, as its user would.
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
