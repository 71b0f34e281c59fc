//! Finds the contact that words on the command line mean.

use super::args::ShelfArg;
use super::contact_view::bare_number;
use super::text::{count, visible};
use super::{Exit, Failure, kept};
use crate::client::{Client, ClientError};
use contactbox_api::ErrorKind;
use contactbox_api::contact::{Find, FoundContact, Get};
use contactbox_api::trash::KeptContact;
use std::borrow::Cow;
use std::collections::HashSet;

/// How many of several that fit are listed.
const LISTED_MAX: usize = 8;

/// A contact that words led to.
pub struct Resolved {
    /// Its full identity.
    pub uid: String,
    /// Its name, fit for a terminal.
    pub name: String,
}

impl Resolved {
    fn new(uid: &str, name: &str) -> Self {
        let name = visible(name).into_owned();
        Self {
            uid: uid.to_string(),
            name: if name.is_empty() { short(uid).to_string() } else { name },
        }
    }
}

/// The start of an identity, as lists show it.
pub fn short(uid: &str) -> &str {
    uid.get(..8).unwrap_or(uid)
}

/// The one contact that `words` mean.
pub fn one(client: &mut Client, words: &[String], shelf: ShelfArg) -> Result<Resolved, Failure> {
    if let [word] = words
        && is_id(word)
        && let Some(found) = by_id(client, word, shelf)?
    {
        return Ok(found);
    }
    by_words(client, &words.join(" "), shelf)
}

/// The contacts that several words mean: each word one of them, or all words together one.
/// Where both can be meant, and are not the same, it is for a person to say: what is done
/// with them may not be undone.
pub fn some(
    client: &mut Client,
    words: &[String],
    shelf: ShelfArg,
) -> Result<Vec<Resolved>, Failure> {
    if words.len() < 2 {
        return Ok(vec![one(client, words, shelf)?]);
    }
    let together = match words.iter().all(|word| is_id(word)) {
        true => None,
        false => Some(one(client, words, shelf)),
    };
    let apart = each(client, words, shelf);
    match (together, apart) {
        (None, apart) => apart.map(once),
        (Some(Ok(one)), Ok(apart)) if apart.iter().any(|found| found.uid != one.uid) => {
            let names: Vec<&str> = apart.iter().map(|found| found.name.as_str()).collect();
            let message = format!(
                "\"{}\" may mean {}, or {}: {}; put the name of each contact in quotes, or give ids. Nothing was changed",
                visible(&words.join(" ")),
                one.name,
                count(apart.len() as u64, "contact"),
                names.join(", ")
            );
            Err(Failure::new(Exit::Ambiguous, message))
        }
        (Some(Ok(one)), _) => Ok(vec![one]),
        // A part of a name may be meant for the one or for the other.
        (Some(Err(together)), Ok(apart))
            if !words.iter().zip(&apart).all(|(word, found)| is_plain(word, found)) =>
        {
            let lines: Vec<String> = apart
                .iter()
                .map(|found| format!("\n  {}  {}", short(&found.uid), found.name))
                .collect();
            let message = format!(
                "{}; if one contact for each word is meant, give its id or all of its name in quotes:{}",
                together.message,
                lines.concat()
            );
            Err(Failure::new(together.exit, message))
        }
        (Some(Err(_)), Ok(apart)) => Ok(once(apart)),
        (Some(Err(together)), Err(apart)) if is_unclear(&together) && is_unclear(&apart) => {
            let message = format!(
                "{}\nand taken one by one: {}\nNothing was changed; put the name of each contact in quotes, or give ids",
                together.message, apart.message
            );
            Err(Failure::new(together.exit, message))
        }
        (Some(Err(together)), Err(_)) => Err(together),
    }
}

/// Each word a contact.
fn each(client: &mut Client, words: &[String], shelf: ShelfArg) -> Result<Vec<Resolved>, Failure> {
    words.iter().map(|word| one(client, std::slice::from_ref(word), shelf)).collect()
}

/// None of them twice.
fn once(mut all: Vec<Resolved>) -> Vec<Resolved> {
    let mut known = HashSet::new();
    all.retain(|found| known.insert(found.uid.clone()));
    all
}

/// Returns whether a word can mean no other than the contact that it led to: it is an id, or all of
/// a name.
fn is_plain(word: &str, found: &Resolved) -> bool {
    is_id(word) || word.trim().to_lowercase() == found.name.to_lowercase()
}

/// Returns whether words do not lead to one contact, rather than something being in the way.
fn is_unclear(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::NothingFound | Exit::Ambiguous)
}

fn is_id(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_hexdigit).count();
    digits >= 4 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// None when no contact has this id: it may be a name or a number then.
fn by_id(client: &mut Client, id: &str, shelf: ShelfArg) -> Result<Option<Resolved>, Failure> {
    // A contact that another box removed is in the trash only, and is no contact until it is
    // brought back.
    if shelf == ShelfArg::Trash
        && let Some(row) = kept::by_id(client, id)?
    {
        return Ok(Some(Resolved::new(&row.uid, &row.name)));
    }
    let contact = match client.call(&Get { uid: id.to_string(), blobs: false }) {
        Err(error)
            if error.is_refusal(ErrorKind::NoSuchContact)
                || error.is_refusal(ErrorKind::InvalidParams) =>
        {
            return Ok(None);
        }
        other => other?,
    };
    let fits = match shelf {
        ShelfArg::All => true,
        ShelfArg::Active => !contact.trashed,
        ShelfArg::Trash => contact.trashed,
    };
    if !fits {
        return match shelf {
            ShelfArg::Trash => {
                Err(Failure::new(Exit::NothingFound, format!("{id} is not in the trash")))
            }
            _ => Err(Failure::new(
                Exit::NothingFound,
                format!("{id} is in the trash; `contactbox restore {id}` brings it back"),
            )),
        };
    }
    let name = super::contact_view::ContactView::of(&contact.jcard).name();
    Ok(Some(Resolved::new(&contact.uid, &name)))
}

fn by_words(client: &mut Client, query: &str, shelf: ShelfArg) -> Result<Resolved, Failure> {
    if query.trim().is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "say which contact: its id, or words that only it has",
        ));
    }
    let mut found: Vec<Candidate> = hits(client, query, shelf, LISTED_MAX as u32 + 1)?
        .into_iter()
        .map(Candidate::from)
        .collect();
    if shelf == ShelfArg::Trash {
        let gone = kept::find(client, query, LISTED_MAX as u64 + 1)?;
        found.extend(gone.into_iter().map(Candidate::from));
    }
    let hits = found.as_slice();
    let exact: Vec<&Candidate> = hits.iter().filter(|hit| is_called(hit, query)).collect();
    match (hits, exact.as_slice()) {
        ([], _) => Err(nobody(client, query, shelf)),
        ([hit], _) => Ok(Resolved::new(&hit.uid, &hit.name)),
        (_, [hit]) => Ok(Resolved::new(&hit.uid, &hit.name)),
        _ => Err(several(query, hits)),
    }
}

/// A contact that may be meant: one that is here, or one that another box removed.
struct Candidate {
    uid: String,
    name: String,
    /// Organisation, phone number and email address.
    more: [Option<String>; 3],
}

impl From<FoundContact<'static>> for Candidate {
    fn from(hit: FoundContact<'static>) -> Self {
        let FoundContact { uid, name, org, tel, email, .. } = hit;
        let more = [org, tel, email].map(|text| text.map(Cow::into_owned));
        Self { uid, name: name.into_owned(), more }
    }
}

impl From<KeptContact> for Candidate {
    fn from(kept: KeptContact) -> Self {
        let KeptContact { uid, name, org, tel, email, .. } = kept;
        Self { uid, name, more: [org, tel, email] }
    }
}

/// The best hits of a query.
fn hits(
    client: &mut Client,
    query: &str,
    shelf: ShelfArg,
    limit: u32,
) -> Result<Vec<FoundContact<'static>>, ClientError> {
    let find = Find { query: query.into(), shelf: shelf.shelf(), limit: Some(limit), cursor: None };
    client.call(&find).map(|answer| answer.hits)
}

fn is_called(hit: &Candidate, query: &str) -> bool {
    hit.name.to_lowercase() == query.trim().to_lowercase()
}

fn nobody(client: &mut Client, query: &str, shelf: ShelfArg) -> Failure {
    let place = if shelf == ShelfArg::Trash { " in the trash" } else { "" };
    let mut message = format!("nobody{place} fits \"{}\"", visible(query));
    let elsewhere = if shelf == ShelfArg::Active { ShelfArg::Trash } else { ShelfArg::Active };
    if shelf != ShelfArg::All
        && let Ok(found) = hits(client, query, elsewhere, 1)
        && let Some(hit) = found.first()
    {
        let found = Resolved::new(&hit.uid, &hit.name);
        let where_it_is =
            if elsewhere == ShelfArg::Trash { "is in the trash" } else { "is not in the trash" };
        message.push_str(&format!("; {} {where_it_is}", found.name));
    }
    Failure::new(Exit::NothingFound, message)
}

fn several(query: &str, hits: &[Candidate]) -> Failure {
    let mut message =
        format!("several contacts fit \"{}\"; say more, or give the id:", visible(query));
    for hit in hits.iter().take(LISTED_MAX) {
        let [org, tel, email] = &hit.more;
        let text = |text: &Option<String>| visible(text.as_deref().unwrap_or("")).into_owned();
        let more = [text(org), bare_number(&text(tel)).to_string(), text(email)];
        let more = more.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        message.push_str(
            format!("\n  {}  {}  {more}", short(&visible(&hit.uid)), visible(&hit.name)).trim_end(),
        );
    }
    if hits.len() > LISTED_MAX {
        message.push_str("\n  ...");
    }
    Failure::new(Exit::Ambiguous, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::Fake;
    use serde_json::{Value, json};

    const UID: &str = "0badcafe-0000-4000-8000-000000000001";

    fn hit(uid: &str, name: &str) -> Value {
        json!({ "uid": uid, "version": 1, "name": name, "class": 0, "trashed": false })
    }

    fn fake() -> (Fake, Client) {
        let fake = Fake::start(|method, params| match method {
            "contact.get" if UID.starts_with(params["uid"].as_str().unwrap()) => Ok(json!({
                "uid": UID, "version": 1, "changed": { "time": 1, "author": "", "origin": "edit" },
                "trashed": false, "stale": false, "conflicts": [],
                "jcard": ["vcard", [["fn", {}, "text", "Ada"]]],
            })),
            "contact.get" => Err((-32000, "no such contact", json!({ "kind": "NoSuchContact" }))),
            "contact.find" => Ok(match params["query"].as_str().unwrap() {
                "ada lovelace" => {
                    json!({ "hits": [hit(UID, "Ada Lovelace"), hit("ff", "Ada Lovelace-King")] })
                }
                "ada" => {
                    json!({ "hits": [hit(UID, "Ada Lovelace"), hit("ff", "Ada King")] })
                }
                "bob" => json!({ "hits": [hit("b0b0", "Bob")] }),
                "mary hopper" => json!({ "hits": [] }),
                "mary" => json!({ "hits": [hit("9ace", "Mary Kelly")] }),
                "hopper" => json!({ "hits": [hit("40ee", "Dennis Hopper")] }),
                "eve" => {
                    json!({ "hits": [hit("e0e0", "Eve"), hit("eb0b", "Eve Bob")] })
                }
                "eve bob" => json!({ "hits": [hit("eb0b", "Eve Bob")] }),
                "0171" => json!({ "hits": [hit(UID, "Ada\u{1b}")] }),
                _ => json!({ "hits": [] }),
            }),
            _ => Ok(json!({})),
        });
        let client = Client::connect(fake.socket()).unwrap();
        (fake, client)
    }

    fn who(words: &[&str]) -> Result<String, Exit> {
        let (_fake, mut client) = fake();
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        one(&mut client, &words, ShelfArg::Active)
            .map(|found| found.name)
            .map_err(|failure| failure.exit)
    }

    fn several(words: &[&str]) -> Result<Vec<String>, (Exit, String)> {
        let (_fake, mut client) = fake();
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        some(&mut client, &words, ShelfArg::Active)
            .map(|found| found.into_iter().map(|found| found.name).collect())
            .map_err(|failure| (failure.exit, failure.message))
    }

    #[test]
    fn several_words_are_several_contacts_or_one_and_never_a_guess() {
        let names = |words: &[&str]| several(words).expect("it is plain who is meant");
        assert_eq!(names(&["ada", "lovelace"]), ["Ada Lovelace"]);
        assert_eq!(names(&["ada lovelace", "bob", "0bad"]), ["Ada Lovelace", "Bob"]);
        assert_eq!(names(&["0badcafe", "0bad"]), ["Ada"]);
        // Parts of the names of two, or a name that nobody has.
        let (exit, message) = several(&["mary", "hopper"]).unwrap_err();
        assert_eq!(exit, Exit::NothingFound);
        assert!(message.contains("9ace  Mary Kelly\n  40ee  Dennis Hopper"), "{message}");
        // One contact of this name, and two of those.
        let (exit, message) = several(&["eve", "bob"]).unwrap_err();
        assert_eq!(exit, Exit::Ambiguous);
        assert!(message.contains("may mean Eve Bob, or 2 contacts: Eve, Bob"), "{message}");
        let (exit, message) = several(&["ada", "bob"]).unwrap_err();
        assert_eq!(exit, Exit::NothingFound);
        assert!(
            message.contains("nobody") && message.contains("several contacts fit"),
            "{message}"
        );
        assert_eq!(several(&["bob", "nobody"]).unwrap_err().0, Exit::NothingFound);
    }

    #[test]
    fn ids_names_and_numbers_lead_to_one() {
        assert_eq!(who(&["0bad"]).as_deref(), Ok("Ada"));
        assert_eq!(who(&["0171"]).as_deref(), Ok("Ada\u{fffd}"));
        assert_eq!(who(&["ada", "lovelace"]).as_deref(), Ok("Ada Lovelace"));
        assert_eq!(who(&["ada"]), Err(Exit::Ambiguous));
        assert_eq!(who(&["grace"]), Err(Exit::NothingFound));
    }
}
