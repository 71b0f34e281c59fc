//! Finds the contact that words on the command line mean.

use super::args::Shelf;
use super::card::bare_number;
use super::text::visible;
use super::{Exit, Failure};
use crate::client::Client;
use serde_json::{Value, json};

/// How many of several that fit are listed.
const LISTED_MAX: usize = 8;

/// A contact that words led to.
pub struct Found {
    /// Its full identity.
    pub uid: String,
    /// What it is called, fit for a terminal.
    pub name: String,
}

impl Found {
    fn from_hit(hit: &Value) -> Result<Self, Failure> {
        let uid = hit["uid"]
            .as_str()
            .ok_or_else(|| Failure::other("the daemon named a contact without its id"))?;
        let name = visible(hit["name"].as_str().unwrap_or("")).into_owned();
        Ok(Self {
            uid: uid.to_string(),
            name: if name.is_empty() { short(uid).to_string() } else { name },
        })
    }
}

/// The start of an identity, as lists show it.
pub fn short(uid: &str) -> &str {
    uid.get(..8).unwrap_or(uid)
}

/// The one contact that `words` mean.
pub fn one(client: &mut Client, words: &[String], shelf: Shelf) -> Result<Found, Failure> {
    if let [word] = words
        && is_id(word)
        && let Some(found) = by_id(client, word, shelf)?
    {
        return Ok(found);
    }
    by_words(client, &words.join(" "), shelf)
}

/// Each of several ids; or, where they are not all ids, the one contact that all words mean.
pub fn some(client: &mut Client, words: &[String], shelf: Shelf) -> Result<Vec<Found>, Failure> {
    if words.len() > 1 && words.iter().all(|word| is_id(word)) {
        let mut found = Vec::new();
        for word in words {
            found.push(one(client, std::slice::from_ref(word), shelf)?);
        }
        return Ok(found);
    }
    Ok(vec![one(client, words, shelf)?])
}

fn is_id(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_hexdigit).count();
    digits >= 4 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// None when no contact has this id: it may be a name or a number then.
fn by_id(client: &mut Client, id: &str, shelf: Shelf) -> Result<Option<Found>, Failure> {
    let contact = match client.call("contact.get", json!({ "uid": id })) {
        Err(error) if error.is_refusal("NoSuchContact") || error.is_refusal("InvalidParams") => {
            return Ok(None);
        }
        other => other?,
    };
    let fits = match shelf {
        Shelf::All => true,
        Shelf::Active => contact["trashed"] != true,
        Shelf::Trash => contact["trashed"] == true,
    };
    if !fits {
        return match shelf {
            Shelf::Trash => {
                Err(Failure::new(Exit::NothingFound, format!("{id} is not in the trash")))
            }
            _ => Err(Failure::new(
                Exit::NothingFound,
                format!("{id} is in the trash; `contactbox restore {id}` brings it back"),
            )),
        };
    }
    let name = super::card::Card::from_json(&contact["card"]).name();
    Ok(Some(Found::from_hit(&json!({ "uid": contact["uid"], "name": name }))?))
}

fn by_words(client: &mut Client, query: &str, shelf: Shelf) -> Result<Found, Failure> {
    if query.trim().is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "say which contact: its id, or words that only it has",
        ));
    }
    let params = json!({ "query": query, "shelf": shelf.name(), "limit": LISTED_MAX + 1 });
    let answer = client.call("contact.find", params)?;
    let hits = answer["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let exact: Vec<&Value> = hits.iter().filter(|hit| is_called(hit, query)).collect();
    match (hits, exact.as_slice()) {
        ([], _) => Err(nobody(client, query, shelf)),
        ([hit], _) => Found::from_hit(hit),
        (_, [hit]) => Found::from_hit(hit),
        _ => Err(several(query, hits)),
    }
}

fn is_called(hit: &Value, query: &str) -> bool {
    hit["name"].as_str().is_some_and(|name| name.to_lowercase() == query.trim().to_lowercase())
}

fn nobody(client: &mut Client, query: &str, shelf: Shelf) -> Failure {
    let place = if shelf == Shelf::Trash { " in the trash" } else { "" };
    let mut message = format!("nobody{place} fits \"{}\"", visible(query));
    let elsewhere = if shelf == Shelf::Active { Shelf::Trash } else { Shelf::Active };
    let params = json!({ "query": query, "shelf": elsewhere.name(), "limit": 1 });
    if shelf != Shelf::All
        && let Ok(answer) = client.call("contact.find", params)
        && let Some(Ok(found)) = answer["hits"].get(0).map(Found::from_hit)
    {
        let where_it_is =
            if elsewhere == Shelf::Trash { "is in the trash" } else { "is not in the trash" };
        message.push_str(&format!("; {} {where_it_is}", found.name));
    }
    Failure::new(Exit::NothingFound, message)
}

fn several(query: &str, hits: &[Value]) -> Failure {
    let mut message =
        format!("several contacts fit \"{}\"; say more, or give the id:", visible(query));
    for hit in hits.iter().take(LISTED_MAX) {
        let text = |name: &str| visible(hit[name].as_str().unwrap_or("")).into_owned();
        let more = [text("org"), bare_number(&text("tel")).to_string(), text("email")];
        let more = more.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        message
            .push_str(format!("\n  {}  {}  {more}", short(&text("uid")), text("name")).trim_end());
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

    const UID: &str = "0badcafe-0000-4000-8000-000000000001";

    fn fake() -> (Fake, Client) {
        let fake = Fake::start(|method, params| match method {
            "contact.get" if UID.starts_with(params["uid"].as_str().unwrap()) => Ok(
                json!({ "uid": UID, "trashed": false, "card": ["vcard", [["fn", {}, "text", "Ada"]]] }),
            ),
            "contact.get" => Err((-32000, "no such contact", json!({ "kind": "NoSuchContact" }))),
            "contact.find" => Ok(match params["query"].as_str().unwrap() {
                "ada lovelace" => {
                    json!({ "hits": [{ "uid": UID, "name": "Ada Lovelace" }, { "uid": "ff", "name": "Ada Lovelace-King" }] })
                }
                "ada" => {
                    json!({ "hits": [{ "uid": UID, "name": "Ada Lovelace" }, { "uid": "ff", "name": "Ada King" }] })
                }
                "0171" => json!({ "hits": [{ "uid": UID, "name": "Ada\u{1b}" }] }),
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
        one(&mut client, &words, Shelf::Active)
            .map(|found| found.name)
            .map_err(|failure| failure.exit)
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
