//! Tests that the bytes of a page never change and are read for ever.

use crate::support::{Held, PUT};
use contactbox_core::sim::Nor;

const PAGES: &str = include_str!("../golden/journal-pages.hex");
const PAGE: usize = 512;

/// Reads the golden file: hexadecimal, `#` begins a comment, `@` names a page and its offset.
fn golden() -> Vec<u8> {
    let mut image = vec![0xFF; 8 * PAGE];
    let mut at = 0;
    for line in PAGES.lines() {
        let line = line.split('#').next().unwrap().trim();
        if let Some(offset) = line.strip_prefix('@') {
            at = offset.trim().parse().unwrap();
            continue;
        }
        for byte in line.split_whitespace() {
            image[at] = u8::from_str_radix(byte, 16).unwrap();
            at += 1;
        }
    }
    image
}

/// Makes a box in which each kind of entry but a loss has been written.
fn box_of_today() -> Held<4, PAGE> {
    let mut held = Held::format(Nor::strict(8));
    held.put(1, 1, 20).unwrap();
    held.put_group(&[(2, 2, 9), (3, 2, 10)]).unwrap();
    held.rest();
    held.put(1, 3, 250).unwrap();
    held.delete(2, 4).unwrap();
    let (mut held, _) = held.reopen();
    held.put(4, 5, 12).unwrap();
    held.rest();
    held
}

#[test]
fn pages_are_written_as_they_have_always_been() {
    let mut held = box_of_today();
    let written = held.journal.flash_mut().contents();
    if let Some(at) = (0..written.len()).find(|at| written[*at] != golden()[*at]) {
        let line = &written[at / 32 * 32..][..32];
        panic!("page {} offset {}: now {line:02x?}", at / PAGE, at % PAGE / 32 * 32);
    }
}

#[test]
fn pages_of_old_are_read() {
    let mut nor = Nor::<1, 4, PAGE>::new(8);
    nor.contents_mut().copy_from_slice(&golden());
    let (mut held, report) = Held::open(nor).unwrap();
    assert_eq!((report.entries, report.missing, report.corrected, report.torn_tails), (7, 0, 0, 0));
    assert_eq!(held.map.index.values().filter(|kept| kept.kind == PUT).count(), 3);
    assert!(held.holds(1, 3, 250) && held.holds(3, 2, 10) && held.holds(4, 5, 12));
    held.put(5, 6, 30).unwrap();
}
