//! A client that writes without a pause, and knows the allowed states of each contact after a kill.
use contactbox_tests::daemon::Client;
use contactbox_tests::people::{Person, people};
use contactbox_tests::random::Random;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// A state of a contact: its properties, sorted, as names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The contact is not there.
    Absent,
    /// The contact is there.
    Said { properties: Vec<String>, is_trashed: bool },
}

/// One contact of a writer.
struct Contact {
    uid: String,
    person: Person,
    acknowledged: State,
    /// The requests without an answer, in order.
    pending: VecDeque<(u64, State)>,
}

impl Contact {
    /// Returns the state after all requests.
    fn latest(&self) -> &State {
        self.pending.back().map_or(&self.acknowledged, |(_, state)| state)
    }
}

/// The most contacts of a writer at once.
const CONTACTS_MAX: usize = 40;

/// The most unanswered requests of a writer at once.
const IN_FLIGHT_MAX: usize = 8;

/// The work of one thread, kept from one daemon to the next.
pub struct Writer {
    random: Random,
    people: Box<dyn Iterator<Item = Person> + Send>,
    contacts: Vec<Contact>,
    revision: u64,
    /// The number of changes that were answered.
    pub acknowledged: u64,
    /// The number of changes that were not, and of those that were on the disk all the same.
    pub unanswered: [u64; 2],
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            people: Box::new(people(usize::MAX, seed)),
            contacts: Vec::new(),
            revision: 0,
            acknowledged: 0,
            unanswered: [0; 2],
        }
    }

    /// Writes until the daemon is gone.
    pub fn write(&mut self, mut client: Client) {
        loop {
            let in_flight = 1 + self.random.below(IN_FLIGHT_MAX);
            let mut sent = 0;
            for _ in 0..in_flight {
                let (method, params, changes) = self.change();
                let Ok(id) = client.send(method, params) else { return };
                for (contact, state) in changes {
                    self.contacts[contact].pending.push_back((id, state));
                }
                sent += 1;
            }
            for _ in 0..sent {
                let Ok(reply) = client.receive() else { return };
                assert!(reply["error"].is_null(), "{reply}");
                assert_eq!(reply["result"]["rejected"], if_import(&reply), "{reply}");
                self.settle(reply["id"].as_u64().expect("the number of a request"));
            }
        }
    }

    /// Returns a request, and the states that it gives to which contacts.
    fn change(&mut self) -> (&'static str, Value, Vec<(usize, State)>) {
        if self.contacts.len() < CONTACTS_MAX && self.random.chance(1, 4) {
            return self.fresh();
        }
        let Some(place) =
            self.contacts.len().checked_sub(1).map(|last| self.random.below(last + 1))
        else {
            return self.fresh();
        };
        let uid = self.contacts[place].uid.clone();
        let State::Said { mut properties, is_trashed } = self.contacts[place].latest().clone()
        else {
            return self.fresh();
        };
        let said = |properties, is_trashed| State::Said { properties, is_trashed };
        match self.random.below(40) {
            0 => ("contact.purge", json!({ "uid": uid }), vec![(place, State::Absent)]),
            _ if is_trashed => {
                let state = said(properties, false);
                ("contact.restore", json!({ "uid": uid }), vec![(place, state)])
            }
            1..=3 => {
                let state = said(properties, true);
                ("contact.remove", json!({ "uid": uid }), vec![(place, state)])
            }
            4..=12 => {
                self.revision += 1;
                let added = json!(["tel", {}, "text", format!("+44 20 {:08}", self.revision)]);
                properties.push(line(&added));
                properties.sort();
                let params = json!({ "uid": uid, "add": [added] });
                ("contact.patch", params, vec![(place, said(properties, false))])
            }
            _ => {
                let card = self.card(place);
                let state = said(lines(&card), false);
                ("contact.put", json!({ "uid": uid, "jcard": card }), vec![(place, state)])
            }
        }
    }

    /// Makes new contacts: one that is put, or some that are imported at once.
    fn fresh(&mut self) -> (&'static str, Value, Vec<(usize, State)>) {
        if self.random.chance(1, 2) {
            let place = self.invent();
            let card = self.card(place);
            let state = State::Said { properties: lines(&card), is_trashed: false };
            return ("contact.put", json!({ "jcard": card }), vec![(place, state)]);
        }
        let mut text = String::new();
        let mut changes = Vec::new();
        for _ in 0..1 + self.random.below(8) {
            let place = self.invent();
            let Person { uid, emails, .. } = &self.contacts[place].person;
            let name = self.contacts[place].person.name();
            text.push_str(&format!(
                "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:{uid}\r\nFN:{name}\r\nEMAIL:{}\r\nEND:VCARD\r\n",
                emails[0]
            ));
            let card =
                json!(["vcard", [["fn", {}, "text", name], ["email", {}, "text", emails[0]]]]);
            changes.push((place, State::Said { properties: lines(&card), is_trashed: false }));
        }
        ("contact.import", json!({ "vcard": text }), changes)
    }

    /// Makes a contact that is new to the box.
    fn invent(&mut self) -> usize {
        let person = self.people.next().expect("there is no end of people");
        let contact = Contact {
            uid: person.uid.clone(),
            person,
            acknowledged: State::Absent,
            pending: VecDeque::new(),
        };
        self.contacts.push(contact);
        self.contacts.len() - 1
    }

    /// Returns a content that this contact has never had before.
    fn card(&mut self, place: usize) -> Value {
        self.revision += 1;
        let person = &self.contacts[place].person;
        let mut properties = vec![
            json!(["version", {}, "text", "4.0"]),
            json!(["uid", {}, "uri", format!("urn:uuid:{}", person.uid)]),
            json!(["fn", {}, "text", person.name()]),
            json!(["tel", {}, "text", person.phones[0]]),
            json!(["note", {}, "text", format!("revision {}", self.revision)]),
        ];
        if self.random.chance(1, 10) {
            let long = "all of it, or nothing; ".repeat(self.random.below(400));
            properties.push(json!(["title", {}, "text", format!("{long}{}", self.revision)]));
        }
        if self.random.chance(1, 20) {
            // A blob in chunks.
            let photo = "/9j/".repeat(1 + self.random.below(20_000));
            properties.push(json!(["photo", {}, "uri", format!("data:image/jpeg;base64,{photo}")]));
        }
        json!(["vcard", properties])
    }

    /// Takes in the answer to a request.
    fn settle(&mut self, id: u64) {
        self.acknowledged += 1;
        for contact in &mut self.contacts {
            while contact.pending.front().is_some_and(|(asked, _)| *asked <= id) {
                if let Some((_, state)) = contact.pending.pop_front() {
                    contact.acknowledged = state;
                }
            }
        }
    }

    /// Compares all contacts with the box. Each must be in the acknowledged state, or in one
    /// requested after it. Returns how many the box should have, and how many in its trash.
    pub fn compare(&mut self, client: &mut Client) -> [u64; 2] {
        let mut counts = [0; 2];
        for contact in &mut self.contacts {
            let params = json!({ "uid": contact.uid, "blobs": true });
            let found = match client.try_call("contact.get", params).expect("the daemon answers") {
                Ok(found) => State::Said {
                    properties: lines(&found["jcard"]),
                    is_trashed: found["trashed"].as_bool().expect("it is or is not"),
                },
                Err(error) if error["data"]["kind"] == "NoSuchContact" => State::Absent,
                Err(error) => panic!("{}: {error}", contact.uid),
            };
            let is_acknowledged = found == contact.acknowledged;
            let is_pending = contact.pending.iter().any(|(_, state)| *state == found);
            assert!(
                is_acknowledged || is_pending,
                "{}: the box has\n{found:?}\nacknowledged was\n{:?}\nand asked for\n{:?}",
                contact.uid,
                contact.acknowledged,
                contact.pending
            );
            self.unanswered[0] += contact.pending.len() as u64;
            self.unanswered[1] += u64::from(is_pending && !is_acknowledged);
            contact.pending.clear();
            if let State::Said { is_trashed, .. } = &found {
                counts[usize::from(*is_trashed)] += 1;
            }
            contact.acknowledged = found;
        }
        self.contacts.retain(|contact| contact.acknowledged != State::Absent);
        counts
    }
}

/// Returns the expected `rejected` member of an import's reply, and null for other replies.
fn if_import(reply: &Value) -> Value {
    if reply["result"]["added"].is_null() { Value::Null } else { json!([]) }
}

/// Returns the properties of a jCard, sorted and without its identity, which the request names.
fn lines(card: &Value) -> Vec<String> {
    let properties = card[1].as_array().expect("a jCard has properties");
    let said = properties.iter().filter(|one| one[0] != "version" && one[0] != "uid");
    let mut lines: Vec<String> = said.map(line).collect();
    lines.sort();
    lines
}

/// Returns a property as name and value.
fn line(property: &Value) -> String {
    format!("{} {}", property[0], property[3])
}
