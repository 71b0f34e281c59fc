//! Tests what is found, in which order and with how many reads.

use super::people::{Random, person, record};
use super::*;
use crate::contact::{Contact, Kind};
use core::convert::Infallible;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

/// A box of records in memory that counts reads.
struct Shelf {
    records: Vec<Vec<u8>>,
    keys: Vec<u64>,
    slices: Slices,
    signatures: Vec<u32>,
    reads: usize,
}

impl Shelf {
    fn new(records: Vec<Vec<u8>>, slices: Slices, key_mask: u64) -> Self {
        let mut signatures = vec![0; slices.words(records.len() as u32)];
        let mut keys = Vec::new();
        for (slot, record) in records.iter().enumerate() {
            let contact = Contact::parse(record).expect("a record of a test");
            let key = slices.set(&mut signatures, slot as u32, &contact);
            assert!(key == SortKey::of(&contact));
            keys.push(key.upper() & key_mask);
        }
        Self { records, keys, slices, signatures, reads: 0 }
    }
}

impl ContactSource for Shelf {
    type Error = Infallible;

    fn slots(&self) -> u32 {
        self.records.len() as u32
    }

    fn is_wanted(&self, _: u32) -> bool {
        true
    }

    fn key(&self, slot: u32) -> u64 {
        self.keys[slot as usize]
    }

    fn slices(&self) -> Slices {
        self.slices
    }

    fn signatures(&self) -> &[u32] {
        &self.signatures
    }

    async fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, Infallible> {
        self.reads += 1;
        let record = &self.records[slot as usize];
        memory[..record.len()].copy_from_slice(record);
        Ok(Contact::parse(&memory[..record.len()]).ok())
    }
}

/// The same shelf as a device sees it, with half of each key.
struct Small(Shelf);

impl ContactSource for Small {
    type Error = Infallible;
    const KEY_BITS: u32 = 32;

    fn slots(&self) -> u32 {
        self.0.slots()
    }

    fn is_wanted(&self, slot: u32) -> bool {
        self.0.is_wanted(slot)
    }

    fn key(&self, slot: u32) -> u64 {
        self.0.key(slot)
    }

    fn slices(&self) -> Slices {
        self.0.slices()
    }

    fn signatures(&self) -> &[u32] {
        self.0.signatures()
    }

    async fn contact<'b>(
        &mut self,
        slot: u32,
        memory: &'b mut [u8],
    ) -> Result<Option<Contact<'b>>, Infallible> {
        self.0.contact(slot, memory).await
    }
}

/// Returns the result of a future. Nothing here waits, so one poll is enough.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a source in memory never waits"),
    }
}

fn page<S: ContactSource<Error = Infallible>>(
    source: &mut S,
    page: &PageRequest<'_>,
    rows: usize,
) -> Vec<Hit> {
    let mut hits = vec![Hit::EMPTY; rows];
    let len = ready(find(source, page, &mut hits, &mut [0; 4096])).expect("memory does not fail");
    hits.truncate(len);
    hits
}

fn people(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    (0..count).map(|at| record(&person(&mut random), at as u64)).collect()
}

fn card(properties: &[(Kind, &str)]) -> Vec<u8> {
    let owned: Vec<_> = properties.iter().map(|&(kind, value)| (kind, value.to_string())).collect();
    record(&owned, 1)
}

fn class(query: &str, record: &[u8]) -> Option<Class> {
    Query::parse(query).judge(&Contact::parse(record).expect("a record of a test"))
}

#[test]
fn a_person_is_found_by_any_of_it() {
    let ada = card(&[
        (Kind::FN, "Ada Lovelace"),
        (Kind::N, "Lovelace;Ada;Augusta;;"),
        (Kind::NICKNAME, "Enchantress"),
        (Kind::ORG, "Analytical Engines\\, Ltd;Programming"),
        (Kind::TITLE, "Countess"),
        (Kind::ADR, ";;12 St James's Square;London;;SW1Y;England"),
        (Kind::EMAIL, "ada@lovelace.example.com"),
        (Kind::NOTE, "Likes numbers\\nand flying machines"),
        (Kind::TEL, "+49 (171) 555-01"),
        (Kind::BDAY, "1815-12-10"),
        (Kind::CATEGORIES, "friends,science"),
        (Kind::X_ANDROID_CUSTOM, "vnd.android.cursor.item/relation;Annabella;1"),
    ]);
    for (query, expected) in [
        ("", Some(Class::Begins)),
        ("ada", Some(Class::Begins)),
        ("ADA lov", Some(Class::Begins)),
        ("\"ada lov", Some(Class::Begins)),
        ("ada  l", Some(Class::Begins)),
        ("lovelace", Some(Class::Named)),
        ("lov ada", Some(Class::Named)),
        ("\u{e4}da", Some(Class::Begins)),
        ("aug", Some(Class::Named)),
        ("ench", Some(Class::Named)),
        ("engines ltd", Some(Class::Named)),
        ("en", Some(Class::Named)),
        ("velac", Some(Class::Elsewhere)),
        ("ve", None),
        ("ace", Some(Class::Elsewhere)),
        ("count", Some(Class::Elsewhere)),
        ("james london", Some(Class::Elsewhere)),
        ("jamess", Some(Class::Elsewhere)),
        ("12", Some(Class::Elsewhere)),
        ("sw1y", Some(Class::Elsewhere)),
        ("ada@love", Some(Class::Begins)),
        ("lace.example", Some(Class::Elsewhere)),
        ("ada.example", None),
        ("machine", Some(Class::Elsewhere)),
        ("numbers and", Some(Class::Elsewhere)),
        ("nand", None),
        ("0171 555", Some(Class::Elsewhere)),
        ("+49171555", Some(Class::Elsewhere)),
        ("0049 (0)171 / 555", Some(Class::Elsewhere)),
        ("ada 55501", Some(Class::Elsewhere)),
        ("0171 556", None),
        ("1815", Some(Class::Elsewhere)),
        ("1210", Some(Class::Elsewhere)),
        ("science", Some(Class::Elsewhere)),
        ("annab", Some(Class::Elsewhere)),
        ("android", None),
        ("ada zzz", None),
        // This has nothing to look for: it finds nobody, and not everybody.
        ("!!!", None),
        ("😀", None),
        ("  ", Some(Class::Begins)),
        ("a\\da", None),
    ] {
        assert_eq!(class(query, &ada), expected, "{query}");
    }
}

#[test]
fn umlauts_are_found_in_either_spelling() {
    let müller = card(&[
        (Kind::FN, "Jürgen Müller"),
        (Kind::ADR, ";;Hauptstraße 1;Köln;;;"),
        (Kind::NOTE, "Smørrebrød\\nin Århus"),
    ]);
    for (query, expected) in [
        ("jurgen mu", Some(Class::Begins)),
        ("jürgen mü", Some(Class::Begins)),
        ("juergen", Some(Class::Named)),
        ("muel", Some(Class::Named)),
        ("Mueller", Some(Class::Named)),
        ("juergen müller", Some(Class::Named)),
        ("\"juergen mueller\"", Some(Class::Named)),
        ("uelle", Some(Class::Elsewhere)),
        ("koeln", Some(Class::Elsewhere)),
        ("köln hauptstrasse", Some(Class::Elsewhere)),
        ("smoerrebroed aarhus", Some(Class::Elsewhere)),
        ("muler", None),
        // One spelling does not follow the other.
        ("\"muller juergen\"", None),
        ("\"juergen muller\"", None),
    ] {
        assert_eq!(class(query, &müller), expected, "{query}");
    }
    let mueller = card(&[(Kind::FN, "Michael Mueller")]);
    for (query, expected) in [("mueller", Some(Class::Named)), ("michal", None), ("muller", None)] {
        assert_eq!(class(query, &mueller), expected, "{query}");
    }
}

#[test]
fn other_scripts_are_found_too() {
    let tanaka = card(&[
        (Kind::FN, "田中 太郎"),
        (Kind::X_PHONETIC_LAST_NAME, "タナカ"),
        (Kind::NOTE, "東京都千代田区"),
    ]);
    for (query, expected) in [
        ("田", Some(Class::Named)),
        ("田中太", Some(Class::Named)),
        ("太郎", Some(Class::Named)),
        ("千代", Some(Class::Elsewhere)),
        ("たなか", Some(Class::Begins)),
        ("ﾀﾅ", Some(Class::Begins)),
        ("中東", None),
    ] {
        assert_eq!(class(query, &tanaka), expected, "{query}");
    }
    let anna = card(&[(Kind::FN, "Анна Ёлкина")]);
    assert_eq!(class("анн", &anna), Some(Class::Begins));
    assert_eq!(class("елк", &anna), Some(Class::Named));
    assert_eq!(class("лки", &anna), Some(Class::Elsewhere));
    let kim = card(&[(Kind::FN, "김철수")]);
    assert_eq!(class("김", &kim), Some(Class::Begins));
    assert_eq!(class("ㄱ", &kim), Some(Class::Begins));
    assert_eq!(class("철", &kim), Some(Class::Named));
    assert_eq!(class("처", &kim), Some(Class::Named));
}

#[test]
fn sorting_follows_what_is_shown() {
    let name = |properties: &[(Kind, &str)]| {
        let record = card(properties);
        let mut name = [0; SORT_NAME_BYTES];
        sort_name(&Contact::parse(&record).expect("a record of a test"), &mut name);
        String::from_utf8_lossy(&name).trim_end_matches('\0').to_string()
    };
    assert_eq!(name(&[(Kind::N, "King;Ada"), (Kind::FN, "Ada King")]), "ada king");
    assert_eq!(name(&[(Kind::N, "King;Ada"), (Kind::FN, "!")]), "king ada");
    let wished = "SORT-AS=\"Harten,Rene\"\u{1F}van der Harten;Rene";
    assert_eq!(name(&[(Kind::FN, "Rene van der Harten"), (Kind::N, wished)]), "harten rene");
    assert_eq!(name(&[(Kind::FN, "x"), (Kind::SORT_STRING, "y")]), "y");
    assert_eq!(name(&[(Kind::TEL, "+1 555"), (Kind::ORG, "Acme;Sales")]), "acme sales");
    assert_eq!(name(&[(Kind::TEL, "+1 555")]), "1555");
    let key = |properties: &[(Kind, &str)]| {
        SortKey::of(&Contact::parse(&card(properties)).expect("a record of a test"))
    };
    assert!(key(&[(Kind::NOTE, "x")]) > key(&[(Kind::FN, "\u{2FA1D}")]));
}

#[test]
fn long_texts_are_searched_to_the_end() {
    for padding in 0..600 {
        let note = format!("{} needle in it", "x".repeat(padding));
        let record = card(&[(Kind::FN, "N"), (Kind::NOTE, &note)]);
        assert_eq!(class("needle", &record), Some(Class::Elsewhere), "{padding}");
        assert_eq!(class("\"eedle in\"", &record), Some(Class::Elsewhere), "{padding}");
        assert_eq!(class("in", &record), Some(Class::Elsewhere), "{padding}");
    }
}

/// Returns a query as people type it: the beginning of a text of the contact, or something else.
fn typed(random: &mut Random, properties: &[(Kind, String)]) -> String {
    let (_, value) = &properties[random.below(properties.len())];
    let chars: Vec<char> = value.chars().collect();
    let start = random.below(chars.len());
    let mut text: String = chars.iter().skip(start).take(1 + random.below(9)).collect();
    if random.below(4) == 0 {
        text.push(' ');
        text.extend(properties[0].1.chars().take(1 + random.below(4)));
    }
    if random.below(8) == 0 {
        text.insert_str(0, ["0", "00", "+", "\"", "-"][random.below(5)]);
    }
    text
}

#[test]
fn signatures_never_hide_a_match() {
    let mut random = Random(7);
    let mut matched = 0;
    for round in 0..60_000 {
        let other = person(&mut random);
        let properties = if random.below(4) == 0 { strange(&mut random) } else { other };
        let query = typed(&mut random, &properties);
        let record = record(&properties, round);
        let contact = Contact::parse(&record).expect("a record of a test");
        let query = Query::parse(&query);
        let Some(class) = query.judge(&contact) else { continue };
        matched += 1;
        let mut known = Vec::new();
        grams(&contact, &mut |gram| known.push(gram));
        let shown = format!("{:?} in {properties:?}", query.words());
        assert!(query.grams().iter().all(|gram| known.contains(gram)), "{shown}");
        if let Some(ways) = query.either_grams() {
            let has = |way: &QueryGrams| way.iter().all(|gram| known.contains(gram));
            assert!(ways.iter().any(has), "{shown}");
        }
        if class == Class::Named {
            assert!(query.name_grams().iter().all(|gram| known.contains(gram)), "{shown}");
        }
    }
    assert!(matched > 30_000, "most queries match, but only {matched} did");
}

/// Returns a contact of letters that fold, split and join in unusual ways.
fn strange(random: &mut Random) -> Vec<(Kind, String)> {
    const PIECES: [&str; 36] = [
        "a", "B", "é", "ß", "'", "\\n", "\\,", "\\\\", " ", "-", ";", "0", "00", "171", "+49",
        "(0)", "田", "タ", "김", "x\u{301}", "ﬃ", "Ж", "٣", "😀", "中", "一", "ー", "ㅏ", "가",
        "Ё", "я", "Ω", "ש", "ي", "ไ", "ก",
    ];
    let kinds = [Kind::FN, Kind::N, Kind::TEL, Kind::NOTE, Kind::BDAY, Kind::TEL];
    kinds
        .into_iter()
        .map(|kind| {
            let value: String =
                (0..1 + random.below(12)).map(|_| PIECES[random.below(PIECES.len())]).collect();
            (kind, value)
        })
        .collect()
}

#[test]
fn every_box_gives_the_same_answers_page_after_page() {
    let mut random = Random(11);
    let mut people: Vec<_> = (0..2000).map(|_| person(&mut random)).collect();
    people.extend((0..1000).map(|_| strange(&mut random)));
    let records: Vec<_> = (0..).zip(&people).map(|(at, person)| record(person, at)).collect();
    let mut large = Shelf::new(records.clone(), Slices::new(1280, 5), u64::MAX);
    let mut small =
        Small(Shelf::new(records.clone(), Slices::new(32, 1), u64::from(u32::MAX) << 32));
    for _ in 0..300 {
        let text = match random.below(10) {
            0 => String::new(),
            _ => {
                let number = random.below(people.len());
                typed(&mut random, &people[number])
            }
        };
        let query = Query::parse(&text);
        let mut expected: Vec<(Rank, u32)> = Vec::new();
        for (slot, record) in records.iter().enumerate() {
            let contact = Contact::parse(record).expect("a record of a test");
            expected.extend(query.rank(&contact).map(|rank| (rank, slot as u32)));
        }
        expected.sort_unstable();
        let rows = 1 + random.below(40);
        let mut ask = PageRequest::first(&query);
        for known in expected.chunks(rows).chain([&[][..]]).take(12) {
            let slots: Vec<u32> = known.iter().map(|(_, slot)| *slot).collect();
            for hits in [page(&mut large, &ask, rows), page(&mut small, &ask, rows)] {
                let found: Vec<u32> = hits.iter().map(|hit| hit.slot).collect();
                assert_eq!(found, slots, "{text:?} {rows}");
            }
            ask.after = known.last().map(|(rank, _)| *rank).or(ask.after);
        }
        let named = PageRequest { deepest: Class::Named, ..PageRequest::first(&query) };
        let known = expected.iter().filter(|(rank, _)| rank.class <= Class::Named);
        let known: Vec<u32> = known.take(rows).map(|(_, slot)| *slot).collect();
        let found: Vec<u32> = page(&mut small, &named, rows).iter().map(|hit| hit.slot).collect();
        assert_eq!(found, known, "{text:?} {rows}");
    }
}

#[test]
fn a_page_costs_about_its_rows_in_reads() {
    let mut shelf = Shelf::new(people(5000, 3), Slices::new(1024, 4), u64::MAX);
    for (query, reads_max) in [("", 20), ("a", 20), ("an", 20), ("anna", 20), ("müll", 20)] {
        shelf.reads = 0;
        let query = Query::parse(query);
        assert_eq!(page(&mut shelf, &PageRequest::first(&query), 20).len(), 20);
        assert!(shelf.reads <= reads_max, "{} reads for {}", shelf.reads, query.words());
    }
}

#[test]
fn a_page_of_any_script_or_number_costs_about_its_rows_in_reads() {
    const NAMES: [(&[&str], &[&str]); 8] = [
        (&["Елена", "Дмитрий", "Ольга"], &["Иванова", "Кузнецов", "Смирнова"]),
        (&["Ελένη", "Γιώργος", "Νίκος"], &["Παπαδόπουλος", "Οικονόμου"]),
        (&["太郎", "花子", "健一"], &["佐藤", "鈴木", "高橋"]),
        (&["지훈", "서연", "민준"], &["김", "이", "박"]),
        (&["דוד", "רחל"], &["כהן", "לוי"]),
        (&["فاطمة", "محمد"], &["الزهراء", "يوسف"]),
        (&["สมชาย", "มาลี"], &["ใจดี", "สุขใจ"]),
        (&["Elena", "Tom"], &["Hansen", "Lang"]),
    ];
    let mut random = Random(17);
    let records: Vec<_> = (0..8000)
        .map(|number| {
            let (given, family) = NAMES[random.below(NAMES.len())];
            let (given, family) =
                (given[random.below(given.len())], family[random.below(family.len())]);
            let mut phone = || format!("0{}{}", 30 + random.below(170), random.below(10_000_000));
            let properties = [
                (Kind::FN, format!("{given} {family}")),
                (Kind::N, format!("{family};{given};;;")),
                (Kind::EMAIL, format!("{number}@the.example.com")),
                (Kind::TEL, phone()),
                (Kind::TEL, phone().replacen('0', "+49 ", 1)),
            ];
            record(&properties, number)
        })
        .collect();
    let mut shelf = Shelf::new(records, Slices::new(1280, 5), u64::MAX);
    for query in [
        "",
        "е",
        "ел",
        "елена",
        "елена и",
        "иванова",
        "ε",
        "νικος",
        "παπα",
        "太",
        "太郎",
        "佐",
        "佐藤",
        "佐藤太郎",
        "ㄱ",
        "김",
        "지훈",
        "ד",
        "כהן",
        "محمد",
        "يوسف",
        "ส",
        "มาลี",
        "ใจดี",
        "e",
        "tom",
        "lang",
        "exam",
        "the",
        "0",
        "01",
        "017",
        "9",
        "49",
        "+49",
    ] {
        let parsed = Query::parse(query);
        let mut ask = PageRequest::first(&parsed);
        for number in 1..=3 {
            shelf.reads = 0;
            let hits = page(&mut shelf, &ask, 20);
            assert_eq!(hits.len(), 20, "{query}");
            assert!(shelf.reads <= 32, "{} reads for page {number} of {query}", shelf.reads);
            ask.after = hits.last().map(|hit| hit.rank);
        }
    }
}

#[test]
fn an_emptied_signature_is_no_candidate() {
    let mut shelf = Shelf::new(people(40, 3), Slices::new(1024, 4), u64::MAX);
    let slices = shelf.slices;
    (0..40).for_each(|slot| slices.clear(&mut shelf.signatures, slot));
    assert!(shelf.signatures.iter().all(|&word| word == 0));
    assert_eq!(page(&mut shelf, &PageRequest::first(&Query::parse("a")), 5).len(), 0);
}

#[test]
fn whatever_is_typed_has_a_meaning() {
    const PIECES: [&str; 20] = [
        "a", "É", "0", "00", "+", "(0)", " ", "\"", "\u{201C}", "\\", "田", "김", "ﷺ", "\u{301}",
        "😀", "\0", "\n", "ß", "-", ";",
    ];
    let mut random = Random(13);
    let record = record(&strange(&mut random), 1);
    let contact = Contact::parse(&record).expect("a record of a test");
    for _ in 0..20_000 {
        let text: String =
            (0..random.below(300)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let query = Query::parse(&text);
        query.judge(&contact);
        assert!(query.grams().len() <= QUERY_GRAMS_MAX, "{text:?}");
        let has_words = !query.words().is_empty();
        assert_eq!(query.is_empty() || query.fits_nobody(), !has_words, "{text:?}");
        assert_eq!(query.is_empty(), text.trim().is_empty(), "{text:?}");
    }
}
