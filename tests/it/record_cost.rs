//! The cost of a contact: its record, stamps included, compared with the vCard that it came as.
use contactbox_core::contact::{Change, Draft, Item, Origin, Scratch, import_into};
use contactbox_tests::vcards::{self, OwnedProperty, Stored};
use contactbox_tests::{corpus, report};

/// The upper bound of the mean over the vCards of a given corpus.
const CORPUS_RATIO_MAX: f64 = 0.60;
/// The same bound for the project's samples. They are short, so that identity, time and other
/// single items weigh more, and some are broken on purpose.
const SAMPLES_RATIO_MAX: f64 = 0.72;

fn record_bytes(card: &[OwnedProperty]) -> usize {
    let mut memory = vec![0; 1 << 20];
    let mut draft = Draft::new(&mut memory);
    for property in card {
        draft.push(&property.content()).expect("a card of the corpus fits");
    }
    let contents = draft.finish();
    let mut items = vec![Item::EMPTY; 1 << 10];
    let mut record = vec![0; 1 << 20];
    // 2026-11-22, as a box would write it.
    let change = Change::new(1_795_305_600_000, Default::default(), Origin::Import);
    import_into(None, contents.uid(), &contents, change, &mut Scratch::new(&mut items), &mut record)
        .expect("a card of the corpus fits")
        .expect("a new contact is news")
        .len()
}

/// Returns whether a property is binary, or was meant to be.
fn has_picture(property: &OwnedProperty) -> bool {
    matches!(property.value, Stored::Bytes(_))
        || property.content().param("ENCODING").is_some_and(|it| it.eq_ignore_ascii_case("BASE64"))
}

#[test]
fn a_contact_costs_less_than_its_vcard() {
    let (mut count, mut ratios, mut records, mut texts) = (0, 0.0, 0, 0);
    let mut dearest = (0.0, String::new());
    for path in corpus::files() {
        let bytes = std::fs::read(&path).expect("a file of the corpus can be read");
        let reading = vcards::read(&bytes);
        for (card, span) in reading.cards.iter().zip(&reading.spans) {
            if card.iter().any(has_picture) {
                continue;
            }
            let record = record_bytes(card);
            let text = (span.bytes.end - span.bytes.start) as usize;
            let ratio = record as f64 / text as f64;
            if ratio > dearest.0 {
                dearest = (ratio, format!("{record} of {text} bytes, {}", path.display()));
            }
            count += 1;
            ratios += ratio;
            records += record;
            texts += text;
        }
    }
    let mean = ratios / f64::from(count);
    let all = records as f64 / texts as f64;
    report::line("record_cost", &corpus::describe());
    report::line(
        "record_cost",
        &format!(
            "{count} cards without binary values: {:.1} % of their vCard bytes in the mean, {:.1} % \
             all together ({records} of {texts}); dearest {:.1} % ({})",
            mean * 100.0,
            all * 100.0,
            dearest.0 * 100.0,
            dearest.1
        ),
    );
    let most = if corpus::is_given() { CORPUS_RATIO_MAX } else { SAMPLES_RATIO_MAX };
    assert!(mean < most, "{mean} of the vCard bytes in the mean");
}
