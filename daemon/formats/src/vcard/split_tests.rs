//! Tests of the splitter: whatever the pieces it is fed, cards stay whole and nothing is lost.

use super::*;

/// A splitter with memory of its own for as long as the tests run.
fn splitter(card_bytes_max: usize) -> Splitter<'static> {
    Splitter::new(card_bytes_max, Splitter::memory(card_bytes_max).leak())
}

fn split(input: &[u8], step: usize, card_bytes_max: usize) -> (Vec<SplitEvent>, Splitter<'static>) {
    let mut splitter = splitter(card_bytes_max);
    let mut events = Vec::new();
    for part in input.chunks(step) {
        splitter.push(part);
        while let Some(event) = splitter.next_event() {
            events.push(event);
        }
        assert!(splitter.pending.len() <= card_bytes_max + step + 1024);
    }
    splitter.finish();
    while let Some(event) = splitter.next_event() {
        events.push(event);
    }
    (events, splitter)
}

fn pieces(events: &[SplitEvent]) -> Vec<&VcardChunk> {
    events
        .iter()
        .map(|event| match event {
            SplitEvent::Cards(piece) => piece,
            SplitEvent::TooLarge { .. } => panic!("too large"),
        })
        .collect()
}

fn joined(events: &[SplitEvent]) -> Vec<u8> {
    let bytes = events.iter().flat_map(|event| match event {
        SplitEvent::Cards(piece) => piece.bytes.iter(),
        SplitEvent::TooLarge { bytes, .. } => bytes.iter(),
    });
    bytes.copied().collect()
}

fn line_of(input: &[u8], at: usize) -> u64 {
    1 + Lines { bytes: &input[..at], at: 0 }.count() as u64
}

/// All is there, in order, and each piece knows its line.
fn check(input: &[u8], events: &[SplitEvent]) {
    assert_eq!(joined(events), input);
    let mut at = 0;
    let mut open = None;
    for event in events {
        let (first_line, bytes) = match event {
            SplitEvent::Cards(piece) => (piece.first_line, &piece.bytes),
            SplitEvent::TooLarge { first_line, bytes, is_end, .. } => {
                let line = open.unwrap_or(*first_line);
                assert_eq!(line, *first_line);
                let is_first = open.is_none();
                open = (!is_end).then_some(line);
                if !is_first {
                    at += bytes.len();
                    continue;
                }
                (*first_line, bytes)
            }
        };
        assert_eq!(first_line, line_of(input, at), "the piece at {at}");
        at += bytes.len();
    }
}

#[test]
fn pieces_are_whole_cards() {
    for ending in ["\n", "\r\n", "\r"] {
        let card = |n: usize| {
            ["BEGIN:VCARD", "VERSION:3.0", &format!("FN:{n}"), "END:VCARD", "", ""].join(ending)
        };
        let input: String = (0..1300).map(card).collect();
        for step in [1, 7, 64 * 1024] {
            let (events, splitter) = split(input.as_bytes(), step, 1 << 20);
            check(input.as_bytes(), &events);
            let pieces = pieces(&events);
            assert_eq!(pieces.iter().map(|piece| piece.cards).collect::<Vec<_>>(), [500, 500, 300]);
            assert!(pieces.iter().all(|piece| piece.bytes.starts_with(b"BEGIN:VCARD")));
            assert_eq!(splitter.outside_lines(), 0);
        }
    }
}

#[test]
fn a_large_card_is_a_piece_of_its_own() {
    let small = "BEGIN:VCARD\nFN:a\nEND:VCARD\n";
    let large = format!("BEGIN:VCARD\nPHOTO:{}\nEND:VCARD\n", "x".repeat(600_000));
    let input = [small, &large, small, small].concat();
    for step in [1000, 64 * 1024] {
        let (events, _) = split(input.as_bytes(), step, 1 << 20);
        check(input.as_bytes(), &events);
        let lengths: Vec<_> = pieces(&events).iter().map(|piece| piece.bytes.len()).collect();
        assert_eq!(lengths, [small.len(), large.len(), 2 * small.len()]);
    }
}

#[test]
fn a_card_that_is_too_large_is_let_through() {
    let small = "BEGIN:VCARD\nFN:a\nEND:VCARD\n";
    for line in ["x".repeat(900_000), "x\n".repeat(300_000)] {
        let large = format!("BEGIN:VCARD\nPHOTO:{line}\nEND:VCARD\n");
        for input in [
            [small, &large, small].concat(),
            [&large, small, ""].concat(),
            [small, small, &large].concat(),
        ] {
            let (events, _) = split(input.as_bytes(), 64 * 1024, 400_000);
            check(input.as_bytes(), &events);
            let ends = events
                .iter()
                .filter(|event| matches!(event, SplitEvent::TooLarge { is_end: true, .. }))
                .count();
            assert_eq!(ends, 1);
            let smalls =
                events.iter().filter(|event| matches!(event, SplitEvent::Cards(_))).count();
            assert!(smalls >= 1);
        }
    }
}

#[test]
fn nested_cards_stay_inside() {
    let card = "BEGIN:VCARD\nFN:a\nAGENT:\nBEGIN:VCARD\nFN:b\nEND:VCARD\nTEL:1\nAGENT:\nBEGIN:VCARD\nFN:c\nEND:VCARD\nEND:VCARD\n";
    let input = card.repeat(1200);
    let (events, _) = split(input.as_bytes(), 4096, 1 << 20);
    check(input.as_bytes(), &events);
    for piece in pieces(&events) {
        assert_eq!(piece.bytes.len() % card.len(), 0);
    }
}

#[test]
fn cards_without_an_end_are_split_too() {
    let input = "BEGIN:VCARD\nFN:a\n".repeat(600_000);
    let (events, _) = split(input.as_bytes(), 64 * 1024, 8 << 20);
    check(input.as_bytes(), &events);
    assert!(pieces(&events).len() > 1);
}

#[test]
fn what_is_no_vcard_is_passed_over() {
    let (events, splitter) = split(b"name,phone\nAda,1\n\n", 3, 1 << 20);
    assert!(events.is_empty() && !splitter.has_cards());
    assert_eq!(splitter.outside_lines(), 2);
    let (events, splitter) = split(&vec![0; 3_000_000], 64 * 1024, 1 << 20);
    assert!(events.is_empty() && splitter.outside_lines() == 1);
    let (events, splitter) = split(b"hello\n begin : vcard \nFN:a\n", 1, 1 << 20);
    assert_eq!(pieces(&events)[0].first_line, 2);
    assert_eq!((splitter.outside_lines(), splitter.has_cards()), (1, true));
}

#[test]
fn a_card_without_its_start_is_kept() {
    let input = "\nTEL:1\nNOTE:half\nEND:VCARD\nBEGIN:VCARD\nFN:a\nEND:VCARD\n";
    for step in [1, 5, 1024] {
        let (events, splitter) = split(input.as_bytes(), step, 1 << 20);
        check(input.as_bytes(), &events);
        assert!(splitter.has_cards());
        assert_eq!((splitter.outside_lines(), splitter.outside_at()), (0, None));
    }
    let (events, _) = split(b"TEL:1\nEND:VCARD", 3, 1 << 20);
    assert_eq!(joined(&events), b"TEL:1\nEND:VCARD");
    // A vCard that cannot be sent is let through in parts, and all of it; so is text that is no
    // vCard.
    let card = "BEGIN:VCARD\nFN:a\nEND:VCARD\n";
    for end in ["END:VCARD\n", ""] {
        let long = format!("{}{end}{card}", "TEL:1\n".repeat(1000));
        let (events, splitter) = split(long.as_bytes(), 100, 2000);
        check(long.as_bytes(), &events);
        assert!(splitter.has_cards() && splitter.outside_at().is_none());
        let ends = |event: &&SplitEvent| {
            matches!(event, SplitEvent::TooLarge { is_end: true, is_head: true, .. })
        };
        assert_eq!(events.iter().filter(ends).count(), 1);
        assert_eq!(
            events.last(),
            Some(&SplitEvent::Cards(VcardChunk {
                bytes: card.into(),
                first_line: 1001 + u64::from(!end.is_empty()),
                cards: 1
            }))
        );
    }
    // Without any card there is nothing to be rejected.
    let (events, splitter) = split("x\n".repeat(5000).as_bytes(), 100, 2000);
    assert!(!splitter.has_cards());
    assert!(events.iter().all(|event| matches!(event, SplitEvent::TooLarge { is_end: false, .. })));
}

#[test]
fn lines_are_counted_as_the_reader_counts_them() {
    let large = "x".repeat(PIECE_BYTES);
    for (ending, lines) in [("\r\r\n", 1), ("\r\r\r\n", 1), ("\r\r", 2), ("\n\r\n", 2)] {
        let input = format!("BEGIN:VCARD{ending}NOTE:{large}{ending}END:VCARD{ending}BEGIN:VCARD");
        for step in [7, 1024] {
            let (events, _) = split(input.as_bytes(), step, 1 << 20);
            assert_eq!(joined(&events), input.as_bytes());
            let starts: Vec<_> = pieces(&events).iter().map(|piece| piece.first_line).collect();
            assert_eq!(starts, [1, 1 + 3 * lines], "{ending:?}");
        }
    }
}

/// The lines of a text with the place each begins at.
struct Lines<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (usize, &'t [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let end =
            rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rest.len());
        let is_pair = rest.get(end) == Some(&b'\r') && rest.get(end + 1) == Some(&b'\n');
        self.at = start + end + 1 + usize::from(is_pair);
        Some((start, rest.get(..end).unwrap_or_default()))
    }
}

#[test]
fn cards_that_each_begin_with_a_byte_order_mark_are_cut_apart() {
    let card = "\u{feff}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:a\r\nEND:VCARD\r\n";
    for (count, step) in [(10, 1), (10, 4096), (20 * 1024 * 1024 / card.len(), 64 * 1024)] {
        let input = card.repeat(count);
        let (events, splitter) = split(input.as_bytes(), step, 1 << 20);
        assert_eq!(joined(&events), input.as_bytes());
        let pieces = pieces(&events);
        assert_eq!(pieces.iter().map(|piece| piece.cards).sum::<u64>(), count as u64);
        assert_eq!(pieces.len(), count.div_ceil(PIECE_CARDS as usize));
        assert!(pieces.iter().all(|piece| piece.bytes.len() % card.len() == 0));
        assert_eq!((splitter.outside_lines(), splitter.outside_at()), (0, None));
    }
}

#[test]
fn a_long_value_behind_a_begin_leaves_the_cards_before_it_alone() {
    let small = "BEGIN:VCARD\nFN:a\nEND:VCARD\n";
    let large = format!("BEGIN:VCARD\nPHOTO:{}\nEND:VCARD\n", "x".repeat(3_000_000));
    let input = [small, &large, small, &large].concat();
    let (events, _) = split(input.as_bytes(), 64 * 1024, 400_000);
    check(input.as_bytes(), &events);
    let cards: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            SplitEvent::Cards(piece) => Some(piece.bytes.as_slice()),
            SplitEvent::TooLarge { .. } => None,
        })
        .collect();
    assert_eq!(cards, [small.as_bytes(), small.as_bytes()]);
}

#[test]
fn cards_within_a_card_are_never_cut_from_it() {
    let inner = "BEGIN:VCARD\nFN:b\nEND:VCARD\n";
    let card = format!("BEGIN:VCARD\nFN:a\n{inner}{inner}TEL:1\nEND:VCARD\n");
    let input = card.repeat(1 << 15);
    let (events, _) = split(input.as_bytes(), 4096, 1 << 20);
    check(input.as_bytes(), &events);
    assert!(pieces(&events).len() > 1);
    assert!(pieces(&events).iter().all(|piece| piece.bytes.len() % card.len() == 0));
}

#[test]
fn large_cards_without_an_end_are_not_too_large_together() {
    let card = format!("BEGIN:VCARD\nNOTE:{}\n", "x".repeat(150_000));
    let input = card.repeat(7);
    let (events, _) = split(input.as_bytes(), 64 * 1024, 400_000);
    check(input.as_bytes(), &events);
    assert!(pieces(&events).iter().all(|piece| piece.bytes.len() % card.len() == 0));
}
