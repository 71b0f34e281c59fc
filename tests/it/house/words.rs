//! Names and comments: one name for one thing, and plain English.

use super::{Source, has_word, lines_where, none, sources};
use contactbox_tests::report;
use std::collections::{BTreeMap, BTreeSet};

/// The percentage of type names that may stand for several things.
const SHARED_NAMES_MAX_PERCENT: usize = 4;

/// The characters of a line of a comment or a paper.
const COLUMNS_MAX: usize = 100;

/// Returns whether a line is read by a person and could be broken: not one of a table, a heading, a
/// program or one long word.
fn can_be_broken(text: &str) -> bool {
    let text = text.trim_start_matches(['/', '!']).trim_start();
    !text.starts_with(['|', '#', '`'])
}

#[test]
fn what_is_read_keeps_to_100_columns() {
    let is_wide =
        |line: &str| line.chars().count() > COLUMNS_MAX && can_be_broken(line.trim_start());
    let mut breaches = Vec::new();
    for source in sources() {
        let is_paper = source.path.ends_with(".md");
        let mut is_program = false;
        for (number, line) in source.text.lines().enumerate() {
            is_program ^= is_paper && line.starts_with("```");
            let is_read = match is_paper {
                true => !is_program && !line.starts_with("    "),
                false => source.is_rust() && line.trim_start().starts_with("//"),
            };
            if is_read && is_wide(line) {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    none("comments and papers keep to 100 columns", breaches);
}

#[test]
fn every_module_begins_with_its_duty() {
    let mute = sources().into_iter().filter(|source| source.is_rust());
    let mute = mute.filter(|source| !source.text.lines().next().unwrap_or("").starts_with("//! "));
    none(
        "the first line of a Rust file is its duty, as //!",
        mute.map(|source| source.path).collect(),
    );
}

/// Returns the type that a line of code defines, unless a trait asks for it.
fn defined_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest
            .strip_prefix('(')
            .map_or(rest, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest)),
        None => code,
    };
    let (keyword, rest) = code.trim_start().split_once(' ')?;
    let defines = ["struct", "enum", "trait", "union"].contains(&keyword)
        || keyword == "type" && !line.starts_with(' ');
    let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
    (defines && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[test]
fn the_name_of_a_type_stands_for_one_thing() {
    assert_eq!(defined_type("pub(crate) struct Walk {"), Some("Walk"));
    assert_eq!(defined_type("    type Error = Infallible;"), None);
    assert_eq!(defined_type("pub trait Memory: Sized {"), Some("Memory"));
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let ships = ["core/src/", "daemon/", "firmware/src/"];
        let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
        if !source.is_rust()
            || is_test
            || !ships.iter().any(|folder| source.path.starts_with(folder))
        {
            continue;
        }
        // The boards have the same parts, each in its own way.
        let place = match source.path.strip_prefix("firmware/src/board/") {
            Some(_) => "firmware/src/board",
            None => &source.path,
        };
        for name in source.code_without_tests().lines().filter_map(defined_type) {
            places.entry(name.to_owned()).or_default().insert(place.to_owned());
        }
    }
    let shared: Vec<String> = places
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| {
            format!("{name}: {}", files.iter().cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    report::line(
        "names of types",
        &format!("{} of {} stand for several things", shared.len(), places.len()),
    );
    assert!(places.len() > 400, "the house has more types than {}", places.len());
    assert!(shared.len() * 100 < places.len() * SHARED_NAMES_MAX_PERCENT, "{}", shared.join("\n"));
}

/// Returns the first word of a comment that begins in this line, `before` being the line above.
fn first_word_of_comment<'l>(before: &str, line: &'l str) -> Option<&'l str> {
    let text = |line: &'l str| line.trim_start().strip_prefix("//");
    let is_first = !before.trim_start().starts_with("//");
    let after_blank = before.trim_start().trim_start_matches(['/', '!']).trim().is_empty();
    let words = text(line).filter(|_| is_first || after_blank)?.trim_start_matches(['/', '!']);
    words.trim_start().split(|c: char| !c.is_alphanumeric()).next()
}

/// The first line says what a thing is or does, in one plain sentence.
#[test]
fn comments_are_in_plain_english() {
    assert_eq!(first_word_of_comment("fn a() {}", "    /// Whether it is."), Some("Whether"));
    assert_eq!(first_word_of_comment("/// A thing.", "/// Of which there are two."), None);
    let riddles =
        ["What", "Whether", "Where", "Wherever", "Of", "Who", "Whoever", "Whose", "Which", "Lest"];
    let mut breaches = Vec::new();
    for source in sources().into_iter().filter(Source::is_rust) {
        let lines = std::iter::once("").chain(source.text.lines());
        for (index, (before, line)) in lines.zip(source.text.lines()).enumerate() {
            let word = first_word_of_comment(before, line);
            if word.is_some_and(|word| riddles.contains(&word)) {
                breaches.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    none("a comment begins with a noun or with what is done", breaches);
    let apart = concat!("can", " not");
    none("it is one word: cannot", lines_where(|_, line| has_word(line, apart)));
}
