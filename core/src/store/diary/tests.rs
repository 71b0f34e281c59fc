//! Tests the diary under use, power cuts and random flash.

use super::*;
use crate::sim::{Nor, NorError, Tear};
use embassy_futures::block_on;
use proptest::prelude::*;

const PAGES: usize = 4;

fn region<F: NorFlash>() -> Range<u32> {
    let page = F::ERASE_SIZE as u32;
    page..page * (1 + PAGES as u32)
}

fn open<F: NorFlash>(flash: F) -> Diary<F> {
    Diary::open(flash, region::<F>()).unwrap()
}

fn left(page: u32) -> DiaryEntry<'static> {
    DiaryEntry { time: 1_700_000_000_000 + u64::from(page), event: DiaryEvent::PageLeft { page } }
}

/// Returns the numbers of the entries made by [`left`], and the number of others.
fn pages<F: NorFlash>(diary: &mut Diary<F>) -> Result<(Vec<u32>, usize, Reading), F::Error> {
    let (mut pages, mut others) = (Vec::new(), 0);
    let reading = block_on(diary.read(|entry| match entry.event {
        DiaryEvent::PageLeft { page } => pages.push(page),
        _ => others += 1,
    }))?;
    Ok((pages, others, reading))
}

#[test]
fn entries_come_back_oldest_first_and_the_oldest_go_first() {
    let mut diary = open(Nor::<1, 4, 512>::strict(PAGES + 2));
    assert_eq!(pages(&mut diary).unwrap(), (vec![], 0, Reading::default()));
    for page in 0..500 {
        block_on(diary.note(&left(page))).unwrap();
        if page % 50 == 0 {
            let (pages, others, reading) = pages(&mut diary).unwrap();
            assert_eq!(others, 0);
            assert!(!reading.is_damaged);
            // The numbers have no gap and end with the newest; a full diary has three pages of
            // them.
            let first = page + 1 - pages.len() as u32;
            assert_eq!(pages, (first..=page).collect::<Vec<_>>());
            assert!(page < 100 || pages.len() > 60, "{} entries", pages.len());
        }
    }
    let flash = diary.into_flash();
    let erases = flash.page_erases();
    assert_eq!((erases[0], erases[PAGES + 1]), (0, 0));
    let mut diary = open(flash);
    assert_eq!(pages(&mut diary).unwrap().0.last(), Some(&499));
}

#[test]
fn codes_in_flash_never_change() {
    let golden: &[(DiaryEvent<'_>, &[u8])] = &[
        (DiaryEvent::Started { cause: Cause::Power }, &[0, 0]),
        (DiaryEvent::Started { cause: Cause::BrownOut }, &[0, 1]),
        (DiaryEvent::Started { cause: Cause::Button }, &[0, 2]),
        (DiaryEvent::Started { cause: Cause::Watchdog }, &[0, 3]),
        (DiaryEvent::Started { cause: Cause::Request }, &[0, 4]),
        (DiaryEvent::Started { cause: Cause::Fault }, &[0, 5]),
        (DiaryEvent::Started { cause: Cause::Unknown }, &[0, 6]),
        (DiaryEvent::panicked("a.rs", 300), &[1, 4, b'a', b'.', b'r', b's', 0xAC, 2]),
        (DiaryEvent::DiaryRenewed, &[2]),
        (DiaryEvent::SettingsRenewed, &[3]),
        (DiaryEvent::Damaged { lost: 2, mended: 1 }, &[4, 2, 1]),
        (DiaryEvent::PageLeft { page: 128 }, &[5, 0x80, 1]),
        (DiaryEvent::CardFailed { fault: CardFault::Silent, block: None }, &[6, 0, 0]),
        (DiaryEvent::CardFailed { fault: CardFault::Read, block: Some(9) }, &[6, 1, 1, 9]),
        (DiaryEvent::CardFailed { fault: CardFault::Write, block: None }, &[6, 2, 0]),
        (DiaryEvent::CardFailed { fault: CardFault::Foreign, block: None }, &[6, 3, 0]),
        (DiaryEvent::CardFailed { fault: CardFault::Full, block: None }, &[6, 4, 0]),
        (DiaryEvent::CardFailed { fault: CardFault::Snapshot, block: None }, &[6, 5, 0]),
        (DiaryEvent::CardFailed { fault: CardFault::Pulled, block: None }, &[6, 6, 0]),
    ];
    for (event, bytes) in golden {
        let entry = DiaryEntry { time: 5, event: *event };
        let mut buffer = EntryBuffer::new();
        let encoded = encode::<()>(&entry, &mut buffer).unwrap();
        assert_eq!(encoded.split_first(), Some((&5, *bytes)), "{event:?}");
        assert_eq!(postcard::from_bytes(encoded), Ok(entry));
    }
}

#[test]
fn a_long_file_name_keeps_its_end() {
    let name = format!("{}/é{}.rs", "x".repeat(90), "y".repeat(36));
    let DiaryEvent::Panicked { file, .. } = DiaryEvent::panicked(&name, 1) else { unreachable!() };
    assert_eq!(file, &name[name.len() - 39..]);
    let mut diary = open(Nor::<1, 1, 512>::strict(PAGES + 2));
    let entry = DiaryEntry { time: u64::MAX, event: DiaryEvent::panicked(&name, u32::MAX) };
    block_on(diary.note(&entry)).unwrap();
    let mut seen = 0;
    block_on(diary.read(|read| seen += usize::from(*read == entry))).unwrap();
    assert_eq!(seen, 1);
    let event = DiaryEvent::Panicked { file: &name, line: 1 };
    let too_large = NoteError::TooLarge { bytes_max: DIARY_ENTRY_BYTES_MAX };
    assert_eq!(block_on(diary.note(&DiaryEntry { time: 0, event })), Err(too_large));
}

#[test]
fn an_entry_of_a_newer_version_is_passed_over() {
    let mut diary = open(Nor::<1, 1, 512>::strict(PAGES + 2));
    block_on(diary.queue.push(&[5, 200, 1, 2, 3], true)).unwrap();
    block_on(diary.note(&left(1))).unwrap();
    let reading = Reading { entries: 1, unknown: 1, is_damaged: false };
    assert_eq!(pages(&mut diary).unwrap(), (vec![1], 0, reading));
}

#[test]
fn an_entry_that_no_diary_wrote_makes_it_begin_anew_and_say_so() {
    let mut diary = open(Nor::<1, 1, 512>::strict(PAGES + 2));
    block_on(diary.queue.push(&[1; 200], true)).unwrap();
    let mut diary = open(diary.into_flash());
    let (_, _, reading) = pages(&mut diary).unwrap();
    assert!(reading.is_damaged);
    block_on(diary.note(&left(1))).unwrap();
    let reading = Reading { entries: 2, ..Reading::default() };
    assert_eq!(pages(&mut diary).unwrap(), (vec![1], 1, reading));
}

fn cut_everywhere<const WRITE: usize>(strict: bool) -> u32 {
    const NOTES: u32 = 120;
    let mut cases = 0;
    for tear in Tear::ALL {
        for operations in 0.. {
            let pages_all = PAGES + 2;
            let mut flash = if strict {
                Nor::<1, WRITE, 512>::strict(pages_all)
            } else {
                Nor::<1, WRITE, 512>::new(pages_all)
            };
            flash.seed(operations);
            flash.cut_after(operations, tear);
            let mut diary = open(flash);
            let failed = (0..NOTES).find(|&page| match block_on(diary.note(&left(page))) {
                Ok(()) => false,
                Err(error) => {
                    assert_eq!(error, NoteError::Flash(NorError::PowerCut));
                    true
                }
            });
            let Some(failed) = failed else { break };
            cases += 1;
            let mut flash = diary.into_flash();
            flash.power_on();
            let mut diary = open(flash);
            let (before, _, _) = pages(&mut diary).unwrap();
            assert!(before.is_sorted() && before.iter().all(|&page| page <= failed));
            for page in 1000..1000 + NOTES {
                block_on(diary.note(&left(page))).unwrap();
            }
            let mut diary = open(diary.into_flash());
            let (after, _, reading) = pages(&mut diary).unwrap();
            assert!(!reading.is_damaged);
            // The newest entries are all there.
            let newest: Vec<_> = after.iter().rev().take(20).rev().copied().collect();
            assert_eq!(newest, (1000 + NOTES - 20..1000 + NOTES).collect::<Vec<_>>());
        }
    }
    cases
}

#[test]
fn after_a_power_cut_the_diary_goes_on() {
    let cases = cut_everywhere::<1>(true) + cut_everywhere::<8>(true) + cut_everywhere::<4>(false);
    assert!(cases > 3_000, "{cases} cases");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_flash_takes_notes(
        seed in any::<u64>(),
        kind in 0..4u8,
        flips in prop::collection::vec(any::<u64>(), 0..40),
    ) {
        let mut diary = open(Nor::<1, 4, 512>::new(PAGES + 2));
        for page in 0..100 {
            block_on(diary.note(&left(page))).unwrap();
        }
        let mut flash = diary.into_flash();
        let mut random = seed | 1;
        for byte in flash.contents_mut() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            match kind {
                0 => *byte = random as u8,
                1 => *byte = 0,
                2 if random.is_multiple_of(64) => *byte &= (random >> 8) as u8,
                _ => {}
            }
        }
        for bit in flips {
            flash.flip(bit);
        }
        let mut diary = open(flash);
        pages(&mut diary).unwrap();
        block_on(diary.note(&left(1_000_000))).unwrap();
        block_on(diary.note(&left(1_000_001))).unwrap();
        let mut diary = open(diary.into_flash());
        let (pages, others, reading) = pages(&mut diary).unwrap();
        prop_assert!(!reading.is_damaged);
        // The second note may find damage that the first did not; then the diary says so.
        let is_whole = pages.ends_with(&[1_000_000, 1_000_001]);
        let is_renewed = pages == [1_000_001] && others == 1;
        prop_assert!(is_whole || is_renewed, "{pages:?}");
    }
}
