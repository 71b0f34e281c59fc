//! Bad input: a clear rejection with line and reason, the good vCards accepted, nothing else
//! harmed.
use contactbox_core::vcard::{Reader, Reason, Rejection, Utf8Only, VcardRepair};
use contactbox_tests::random::Random;
use contactbox_tests::vcards::{self, Listener, Reading, Said};
use contactbox_tests::{corpus, report};

const GOOD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Good\r\nEND:VCARD\r\n";

fn reasons(reading: &Reading) -> Vec<(u32, u32, Reason)> {
    let of = |rejection: &Rejection| (rejection.line, rejection.at, rejection.reason);
    reading.rejections.iter().map(of).collect()
}

/// Reads a text between two good vCards, which must both be accepted.
fn between_good(text: &str) -> Reading {
    let reading = vcards::read(format!("{GOOD}{text}{GOOD}").as_bytes());
    for card in [reading.cards.first(), reading.cards.last()] {
        assert_eq!(card.map(|card| card[0].line()), Some("FN:Good".into()), "{text:.300?}");
    }
    reading
}

#[test]
fn nul_bytes_are_left_out() {
    let reading = vcards::read(b"BEGIN:VCARD\nVERSION:3.0\nFN:A\0nn\0\nNOTE:\0\nEND:VCARD\n\0\0\0");
    assert_eq!(reading.lines(), ["FN:Ann", "NOTE:"]);
    assert!(reading.warnings.iter().any(|warning| warning.repair == VcardRepair::NulBytes));
    assert_eq!(reasons(&vcards::read(&[0; 100])), [(1, 1, Reason::Empty)]);
}

#[test]
fn invalid_utf_8_is_read_as_it_was_meant() {
    let reading = vcards::read(b"BEGIN:VCARD\nVERSION:3.0\nFN:Jos\xE9 \xF0\x9F\nEND:VCARD\n");
    assert_eq!(reading.lines(), ["FN:José ðŸ"]);
}

#[test]
fn what_is_not_vcard_is_said_to_be_something_else() {
    for input in [&b"hello\nworld\n"[..], b"{\"name\": 1}", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"]
    {
        assert_eq!(reasons(&vcards::read(input)), [(1, 1, Reason::NotVcard)]);
    }
    let picture = Random::new(1).bytes(100_000);
    assert_eq!(reasons(&vcards::read(&picture))[0].2, Reason::NotVcard);
    assert_eq!(
        Reason::NotVcard.to_string(),
        "this is not a vCard file: it has no line BEGIN:VCARD"
    );
}

#[test]
fn an_empty_input_is_said_to_be_empty() {
    for input in [&b""[..], b"\r\n \r\n\r\n", b"\xEF\xBB\xBF", b"\xFF\xFE"] {
        assert_eq!(reasons(&vcards::read(input)), [(1, 1, Reason::Empty)], "{input:?}");
    }
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_cards() {
    let file =
        [corpus::sample("plain"), corpus::sample("quoted-printable"), corpus::sample("photo")];
    let file = file.concat();
    let whole = vcards::read(&file);
    for end in 1..file.len() {
        if file[..end].trim_ascii_end().ends_with(b"=\r\nEND:VCARD") {
            // These words are part of a note, which nobody can know when all else is gone.
            continue;
        }
        let reading = vcards::read(&file[..end]);
        let complete = whole.spans.iter().filter(|span| span.bytes.end <= end as u64).count();
        assert!(reading.cards.len() >= complete, "cut at {end}");
        assert_eq!(reading.cards[..complete], whole.cards[..complete], "cut at {end}");
        // A value that was cut in the middle does not pass for the value.
        for (cut, card) in reading.cards[complete..].iter().zip(&whole.cards[complete..]) {
            assert!(cut.iter().all(|property| card.contains(property)), "cut at {end}: {cut:?}");
        }
        let begun = file[..end].windows(11).filter(|part| part == b"BEGIN:VCARD").count();
        assert_eq!(reading.cards.len() + reading.rejections.len(), begun.max(1), "cut at {end}");
    }
    let half = vcards::read(&file[..file.len() / 2]);
    assert_eq!(half.rejections.len(), 1);
    assert_eq!(half.rejections[0].reason, Reason::CutOff);
}

#[test]
fn a_name_of_ten_thousand_characters_is_a_name() {
    let name = "Ñandú ".repeat(1_667);
    let reading = between_good(&format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n"));
    assert_eq!(reading.cards[1][0].text(), name);
}

#[test]
fn five_thousand_numbers_on_one_card_are_five_thousand_numbers() {
    let numbers: String = (0..5_000).map(|n| format!("TEL;TYPE=CELL:+1 555 {n:07}\r\n")).collect();
    let reading = between_good(&format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{numbers}END:VCARD\r\n"));
    assert_eq!(reading.cards[1].len(), 5_000);
    assert_eq!(reading.cards[1][4_999].line(), "TEL;TYPE=cell:+1 555 0004999");
}

#[test]
fn a_value_larger_than_the_memory_costs_its_card() {
    let photo = "/9j/".repeat(1_000);
    let folded = photo.as_bytes().chunks(76).map(|line| format!("\r\n {}", line.escape_ascii()));
    let folded: String = folded.collect();
    for photo in [photo.clone(), folded] {
        let text = format!(
            "{GOOD}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Large\r\nPHOTO;ENCODING=b:{photo}\r\n\
             TEL:1\r\nEND:VCARD\r\n{GOOD}"
        );
        let reading = Reading::of(vcards::listen(text.as_bytes(), &[100], 1_000));
        assert_eq!(reading.cards.len(), 2);
        assert_eq!(reasons(&reading), [(5, 8, Reason::TooLarge { bytes_max: 1_000 })]);
        assert_eq!(
            reading.rejections[0].to_string(),
            "card at line 5, line 8: a value is larger than 1000 bytes; shorten it"
        );
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_takes_no_more_memory_than_given() {
    let mut memory = vec![0; 4096];
    let mut reader = Reader::new(&mut memory, Utf8Only);
    let mut listener = Listener::default();
    reader.push(format!("{GOOD}BEGIN:VCARD\nNOTE:").as_bytes(), &mut listener);
    let piece = [b'x'; 1 << 20];
    for _ in 0..100 {
        reader.push(&piece, &mut listener);
    }
    reader.push(format!("\nEND:VCARD\n{GOOD}").as_bytes(), &mut listener);
    reader.finish(&mut listener);
    let reading = Reading::of(listener.0);
    assert_eq!(reading.cards.len(), 2);
    assert_eq!(reasons(&reading), [(5, 6, Reason::TooLarge { bytes_max: 4096 })]);
}

#[test]
fn parameters_beyond_their_bound_cost_their_card() {
    let param = "x".repeat(9_000);
    let card = format!("BEGIN:VCARD\nVERSION:3.0\nTEL;X-A={param}:1\nEND:VCARD\n");
    let reading = between_good(&card);
    let reason = Reason::ParametersTooLong { bytes: 9_004, bytes_max: 8_192 };
    assert_eq!(reasons(&reading), [(5, 7, reason)]);
}

#[test]
fn a_card_without_anything_is_said_to_be_empty() {
    let reading = between_good("BEGIN:VCARD\r\nVERSION:4.0\r\nEND:VCARD\r\n");
    assert_eq!(reasons(&reading), [(5, 5, Reason::NoProperties)]);
}

#[test]
fn an_end_without_a_beginning_is_told_where_it_lacks() {
    let reading = between_good("--BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n");
    assert_eq!(reasons(&reading), [(5, 8, Reason::NoBegin)]);
    assert_eq!(reading.rejections[0].bytes, 46..91);
}

#[test]
fn names_and_groups_beyond_their_bound_are_kept_as_lines() {
    let name = "X".repeat(300);
    let reading = between_good(&format!("BEGIN:VCARD\n{name}:1\n{name}.TEL:2\nEND:VCARD\n"));
    assert_eq!(reading.cards[1][0].line(), format!("X-UNREADABLE-LINE:{name}:1"));
    assert_eq!(reading.cards[1][1].line(), format!("X-UNREADABLE-LINE:{name}.TEL:2"));
}

#[test]
fn nests_without_end_take_no_more_memory_than_given() {
    let text = "BEGIN:VCARD\nAGENT:\n".repeat(5_000) + GOOD;
    let reading = Reading::of(vcards::listen(text.as_bytes(), &[1_000], 4_096));
    assert!(reading.rejections.len() + reading.cards.len() >= 1);
    let text = "BEGIN:VCARD\nFN:A\n".repeat(5_000);
    let reading = Reading::of(vcards::listen(text.as_bytes(), &[1_000], 4_096));
    assert_eq!(reading.cards.len(), 5_000);
}

#[test]
fn whatever_the_pieces_the_same_is_said() {
    let mut inputs = 0;
    for path in corpus::files() {
        let bytes = std::fs::read(&path).expect("a file of the corpus can be read");
        let whole = vcards::listen(&bytes, &[bytes.len().max(1)], 1 << 20);
        for pieces in [&[1][..], &[2, 3, 5, 7], &[64], &[1, 1000]] {
            let said = vcards::listen(&bytes, pieces, 1 << 20);
            assert!(said == whole, "{} in pieces of {pieces:?}", path.display());
        }
        inputs += 1;
    }
    report::line("vcard_bad", &format!("{inputs} files in pieces of 1 to 1,000 bytes"));
}

#[test]
fn a_reader_is_as_new_after_an_input() {
    let mut memory = vec![0; 1 << 16];
    let mut reader = Reader::new(&mut memory, Utf8Only);
    let mut read = |input: &[u8]| {
        let mut listener = Listener::default();
        reader.push(input, &mut listener);
        reader.finish(&mut listener);
        listener.0
    };
    let fresh = read(GOOD.as_bytes());
    for odd in [&b"BEGIN:VCARD\nBEGIN:VCARD\nFN:"[..], b"\xFF\xFEB", b"AGENT:\r", b"B", b"\r"] {
        read(odd);
        assert_eq!(read(GOOD.as_bytes()), fresh, "after {odd:?}");
    }
    assert!(matches!(fresh[..], [Said::Begin(1), Said::Content(_), Said::End(_)]));
}
