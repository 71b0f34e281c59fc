//! Every reader of the table of kinds holds to it: list, sort key, derived FN, jCard, command line.

use super::contact_view::{ContactView, ViewProperty};
use super::labels;
use contactbox_api::{Jcard, JcardProperty};
use contactbox_core::contact::{
    AuthorIndex, Change, Contact, Draft, Item, Kind, NAMES, Origin, Property, Scratch, SearchScope,
    Uid, Value, ValueShape, edit,
};
use contactbox_core::search::{Query, SORT_NAME_BYTES, sort_name};
use contactbox_core::service::display_name::{DisplayName, TEXT_CHARS_MAX};
use contactbox_core::vcard::{
    NoBlobs, Reader, Rejection, Span, Utf8Only, VcardSink, VcardVersion, write_card,
};
use contactbox_formats::jcard::{PlainContact, read_property, write_property};
use serde_json::{Value as Json, json};

/// The record of a contact with these properties.
fn record(properties: &[Property<'_>]) -> Vec<u8> {
    let mut memory = [0; 1024];
    let mut draft = Draft::new(&mut memory);
    properties.iter().for_each(|content| draft.push(content).expect("it is small"));
    let change = Change::new(1, AuthorIndex(0), Origin::Edit);
    let (mut items, mut out) = ([Item::EMPTY; 8], [0; 1024]);
    let mut scratch = Scratch::new(&mut items);
    edit(None, Uid([7; 16]), &draft.contents(), change, &mut scratch, &mut out)
        .expect("a small contact fits")
        .expect("a contact of a test says something")
        .to_vec()
}

/// Returns the name of a contact with these properties in a list, in the order of lists, in the FN
/// that a vCard gets, and on the command line. Empty where it has no name.
fn names(properties: &[Property<'_>]) -> [String; 4] {
    let record = record(properties);
    let contact = Contact::parse(&record).expect("a record of a test");
    let mut memory = [0; 1024];
    let listed = DisplayName::new(&mut memory, TEXT_CHARS_MAX).name(&contact).expect("it fits");
    let mut sorted = [0; SORT_NAME_BYTES];
    sort_name(&contact, &mut sorted);
    let sorted = String::from_utf8(sorted.to_vec()).unwrap_or_default();
    let contents = contact.properties().map(|property| property.content);
    let mut vcard = String::new();
    write_card(contents.clone(), None, VcardVersion::V4, &mut NoBlobs, &mut vcard).expect("text");
    let formatted = vcard.lines().find(|line| line.starts_with("FN")).expect("a vCard has an FN");
    let formatted = formatted.split_once(':').expect("a line has a value").1;
    let formatted = if formatted == "No name" { "" } else { formatted };
    let json = serde_json::to_value(PlainContact::new(contents, |_| None)).expect("JSON");
    let jcard: Jcard = serde_json::from_value(json).expect("a jCard");
    let told = ContactView::of(&jcard).name();
    [listed.to_owned(), sorted.trim_end_matches('\0').to_owned(), formatted.to_owned(), told]
}

fn properties_known() -> impl Iterator<Item = Kind> {
    Kind::KNOWN.iter().copied()
}

#[test]
fn list_sort_key_derived_name_and_command_line_agree_on_what_names_a_contact() {
    for kind in properties_known() {
        let [listed, sorted, formatted, told] = names(&[Property::text(kind, "770")]);
        let expected = if NAMES.contains(&kind) { "770" } else { "" };
        assert_eq!([&listed, &formatted, &told], [expected; 3], "{kind:?}");
        // It may be sorted by what is no name.
        let only_sorts = [Kind::SORT_STRING, Kind::X_PHONETIC_LAST_NAME].contains(&kind);
        assert_eq!(sorted, if only_sorts { "770" } else { expected }, "{kind:?}");
    }
}

#[test]
fn list_sort_key_derived_name_and_command_line_agree_on_which_name_is_better() {
    for (rank, &better) in NAMES.iter().enumerate() {
        for &worse in &NAMES[rank + 1..] {
            let properties = [Property::text(worse, "880"), Property::text(better, "770")];
            assert_eq!(names(&properties), ["770"; 4], "{better:?} before {worse:?}");
            let silent = [Property::text(worse, "880"), Property::text(better, "")];
            // An FN that is there is written as it is, and not made up.
            let [listed, sorted, _, told] = names(&silent);
            assert_eq!([listed, sorted, told], ["880"; 3], "{worse:?} for want of {better:?}");
        }
        let two = [Property::text(better, "770"), Property::text(better, "880")];
        if !better.is_single() {
            assert_eq!(names(&two), ["770"; 4], "the first {better:?}");
        }
    }
    assert_eq!(names(&[Property::text(Kind::NICKNAME, ",ada,addy")]), ["ada"; 4]);
    let spoken = names(&[Property::text(Kind::N, "King;Ada;Byron,Noel;Lady;")]);
    for name in [&spoken[0], &spoken[2], &spoken[3]] {
        assert_eq!(name, "Lady Ada Byron Noel King");
    }
}

/// Keeps what a vCard says of one kind.
struct One {
    kind: Kind,
    json: Option<Json>,
    text: String,
}

impl VcardSink for One {
    fn begin(&mut self, _: u32) {}
    fn content(&mut self, content: &Property<'_>) {
        if content.kind == self.kind {
            self.json = Some(write_property(content, |_| None));
            self.text = content.value.as_text().unwrap_or_default().to_owned();
        }
    }
    fn end(&mut self, _: &Span) {}
    fn rejected(&mut self, _: &Rejection) {}
}

fn read(kind: Kind, value: &str) -> One {
    let mut one = One { kind, json: None, text: String::new() };
    let mut memory = vec![0; 1 << 14];
    let mut reader = Reader::new(&mut memory, Utf8Only);
    let name = kind.name();
    let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:x\r\n{name}:{value}\r\nEND:VCARD\r\n");
    reader.push(vcard.as_bytes(), &mut one);
    reader.finish(&mut one);
    one
}

#[test]
fn vcard_and_jcard_agree_on_what_separates() {
    for kind in properties_known() {
        let One { json: Some(json), text, .. } = read(kind, "one\\,1;two,2") else {
            panic!("{kind:?} was not read");
        };
        let back = read_property(&json).unwrap_or_else(|why| panic!("{json}: {why}"));
        assert_eq!(back.content().value, Value::Text(&text), "{kind:?}");
        let (type_name, values) = (&json[2], &json.as_array().expect("a property")[3..]);
        let (expected_type, expected) = match kind.shape() {
            ValueShape::Text => ("text", json!(["one,1;two,2"])),
            ValueShape::Language => ("language-tag", json!(["one,1;two,2"])),
            ValueShape::List => ("text", json!(["one,1;two", "2"])),
            ValueShape::Components => ("text", json!([["one,1", "two,2"]])),
            ValueShape::ComponentLists => ("text", json!([["one,1", ["two", "2"]]])),
            ValueShape::Uri | ValueShape::Binary | ValueShape::Picture => {
                ("uri", json!(["one,1;two,2"]))
            }
            // It is no date, and stays the text it is.
            ValueShape::Day => ("date-and-or-time", json!([text])),
            ValueShape::Timestamp => ("timestamp", json!([text])),
            ValueShape::VendorDay | ValueShape::AsItCame => ("unknown", json!(["one\\,1;two,2"])),
        };
        assert_eq!(type_name, expected_type, "{kind:?}");
        assert_eq!(json!(values), expected, "{kind:?}");
    }
}

#[test]
fn days_are_days_wherever_they_are_read() {
    for kind in properties_known() {
        let is_day = kind.shape().is_day();
        assert_eq!(kind.search_scope() == Some(SearchScope::Date), is_day, "{kind:?}");
        let One { json: Some(json), text, .. } = read(kind, "--12-10") else {
            panic!("{kind:?} was not read");
        };
        let is_moment = is_day || kind.shape() == ValueShape::Timestamp;
        assert_eq!(text == "--1210", is_moment, "{kind:?} {text}");
        let record = record(&[Property::text(kind, "18151210")]);
        let contact = Contact::parse(&record).expect("a record of a test");
        // It is found by its digits, and shown with its hyphens.
        let is_found = Query::parse("18151210").judge(&contact).is_some();
        assert!(is_found || !is_day, "{kind:?}");
        let property: JcardProperty = serde_json::from_value(json).expect("a property");
        let shown = ViewProperty::of(&property).shown();
        assert_eq!(shown, [if is_day { "--12-10" } else { text.as_str() }], "{kind:?}");
    }
    let is_anniversary = |kind: &Kind| kind.name().to_ascii_uppercase().ends_with("ANNIVERSARY");
    let word = |kind: Kind| labels::word(kind.name()).expect("it has a word");
    for kind in properties_known().filter(is_anniversary) {
        assert_eq!(word(kind), "anniversary");
        assert!(kind.is_single() && kind.shape().is_day(), "{kind:?}");
    }
}

#[test]
fn bytes_are_bytes_wherever_they_are_read() {
    for kind in properties_known() {
        let One { json: Some(json), text, .. } = read(kind, "data:image/png;base64,iVBORw0K")
        else {
            panic!("{kind:?} was not read");
        };
        let is_binary = kind.shape().is_binary();
        assert_eq!(text.is_empty(), is_binary, "{kind:?} {text}");
        let back = read_property(&json).unwrap_or_else(|why| panic!("{json}: {why}"));
        assert_eq!(matches!(back.content().value, Value::Bytes(_)), is_binary, "{json}");
        let jcard: Jcard = serde_json::from_value(json!(["vcard", [json]])).expect("a jCard");
        let lines = super::contact_view::sheet(&ContactView::of(&jcard));
        if is_binary {
            assert_eq!(lines[0].values, ["PNG, 6 B"], "{kind:?}");
        }
    }
}
