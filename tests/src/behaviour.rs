//! One script of requests, and whoever can be asked them: what comes back is written down without what
//! differs by nature (identities, times), so that two answers can be compared line by line.

use crate::daemon::Client;
use crate::desk_device::{blank, no_card, start};
use contactbox_core::contact::{Content, Draft, Kind, Origin, Uid};
use contactbox_core::service::cable::{AskError, Caller, Exchange};
use contactbox_core::service::protocol::Card;
use contactbox_core::service::{FRAME_BYTES_MIN, Fault, Reply, Request};
use contactbox_core::store::diary::Cause;
use contactbox_core::store::{Outcome, Shelf};
use embassy_futures::block_on;
use serde_json::{Value, json};

/// A change as it was acknowledged.
#[derive(Clone, Copy)]
pub struct Changed {
    /// Whose.
    pub uid: Uid,
    /// The version it made.
    pub version: u64,
    /// What it did.
    pub outcome: &'static str,
}

/// What was asked, or the kind of the refusal.
pub type Told<T> = Result<T, String>;

/// A box that can be asked, by whatever way.
pub trait Box {
    /// Makes a contact say these lines.
    fn put(&mut self, uid: Option<Uid>, base: Option<u64>, lines: &[Line]) -> Told<Changed>;
    /// What a contact says, and `(trash)` at the end when it is in it.
    fn get(&mut self, uid: Uid) -> Told<Vec<String>>;
    /// The names that a query finds, best first.
    fn find(&mut self, query: &str, shelf: Shelf) -> Told<Vec<String>>;
    /// Into the trash, out of it, or away for good.
    fn shelve(&mut self, to: Place, uid: Uid) -> Told<Changed>;
    /// What made the versions of a contact, newest first, and who.
    fn history(&mut self, uid: Uid) -> Told<Vec<String>>;
    /// Signs what is changed from now on.
    fn sign(&mut self, name: &str) -> Told<()>;
    /// Contacts to be seen, and in the trash.
    fn counts(&mut self) -> Told<(u64, u64)>;
    /// Whether everything reads as it was written.
    fn verify(&mut self) -> Told<bool>;
}

/// A property's name and value.
pub type Line = (&'static str, &'static str);

/// Where a contact is put.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In the trash.
    Trash,
    /// Out of it.
    Shelf,
    /// Nowhere.
    Nowhere,
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Added => "added",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    }
}

fn origin_name(origin: Option<Origin>) -> &'static str {
    match origin {
        Some(Origin::Edit) => "edit",
        Some(Origin::Import) => "import",
        Some(Origin::Merge) => "merge",
        Some(Origin::Trash) => "trash",
        Some(Origin::Restore) => "restore",
        Some(Origin::Purge) => "purge",
        None => "kept apart",
    }
}

/// Whoever answers the requests of the cable.
pub struct Asked<E>(pub E);

impl<E: Exchange> Asked<E> {
    fn ask<T>(
        &mut self,
        request: &Request<'_>,
        take: impl FnOnce(&Reply<'_>) -> Option<T>,
    ) -> Told<T> {
        match block_on(self.0.ask(request)) {
            Ok(reply) => take(&reply).ok_or_else(|| "another reply".to_owned()),
            Err(AskError::Fault(fault)) => Err(match fault {
                Fault::NoSuchContact(_) => "NoSuchContact",
                Fault::Conflict { .. } | Fault::Exists(_) => "Conflict",
                Fault::BadCard => "BadCard",
                Fault::TooLarge { .. } | Fault::TooLong { .. } => "TooLarge",
                other => return Err(other.to_string()),
            }
            .to_owned()),
            Err(AskError::Silent) => Err("silence".to_owned()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    fn change(&mut self, request: &Request<'_>) -> Told<Changed> {
        self.ask(request, |reply| match reply {
            Reply::Done(put) => Some(Changed {
                uid: put.uid,
                version: put.version,
                outcome: outcome_name(put.outcome),
            }),
            _ => None,
        })
    }
}

impl<E: Exchange> Box for Asked<E> {
    fn put(&mut self, uid: Option<Uid>, base: Option<u64>, lines: &[Line]) -> Told<Changed> {
        let mut memory = vec![0; 64 * 1024];
        let mut draft = Draft::new(&mut memory);
        for &(name, value) in lines {
            let content = Content::text(Kind::of(name), value);
            draft.push(&content).map_err(|error| error.to_string())?;
        }
        self.change(&Request::Put { uid, base, card: Card::Here(draft.finish()) })
    }

    fn get(&mut self, uid: Uid) -> Told<Vec<String>> {
        self.ask(&Request::Get { uid }, |reply| match reply {
            Reply::Contact { contact, .. } => {
                let contents = contact.properties().map(|property| property.content);
                let mut lines: Vec<String> = contents
                    .filter(|content| !content.kind.is_internal())
                    .map(|content| {
                        let value = content.value.as_text().unwrap_or("(binary)");
                        format!("{}:{value}", content.name().to_ascii_uppercase())
                    })
                    .collect();
                lines.extend(contact.is_trashed().then(|| "(trash)".to_owned()));
                Some(lines)
            }
            _ => None,
        })
    }

    fn find(&mut self, query: &str, shelf: Shelf) -> Told<Vec<String>> {
        self.ask(&Request::Find { query, shelf, limit: 10, after: None }, |reply| match reply {
            Reply::Hits { hits, .. } => {
                Some(hits.iter().map(|hit| format!("{} class {}", hit.name, hit.class)).collect())
            }
            _ => None,
        })
    }

    fn shelve(&mut self, to: Place, uid: Uid) -> Told<Changed> {
        self.change(&match to {
            Place::Trash => Request::Remove { uid },
            Place::Shelf => Request::Restore { uid },
            Place::Nowhere => Request::Purge { uid },
        })
    }

    fn history(&mut self, uid: Uid) -> Told<Vec<String>> {
        self.ask(&Request::History { uid }, |reply| match reply {
            Reply::Versions { versions } => {
                let told = |row: contactbox_core::service::protocol::VersionRow<'_>| {
                    format!("{} by {}", origin_name(row.origin), row.author)
                };
                Some(versions.iter().map(told).collect())
            }
            _ => None,
        })
    }

    fn sign(&mut self, name: &str) -> Told<()> {
        self.ask(&Request::Author { name }, |reply| matches!(reply, Reply::Ok).then_some(()))
    }

    fn counts(&mut self) -> Told<(u64, u64)> {
        self.ask(&Request::Info, |reply| match reply {
            Reply::Info(info) => Some((info.active.into(), info.trashed.into())),
            _ => None,
        })
    }

    fn verify(&mut self) -> Told<bool> {
        self.ask(&Request::Verify, |reply| match reply {
            Reply::Verify { report, .. } => Some(report.is_sound),
            _ => None,
        })
    }
}

impl Client {
    fn told(&mut self, method: &str, params: Value) -> Told<Value> {
        match self.try_call(method, params) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(error["data"]["kind"].as_str().unwrap_or("?").to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn changed(&mut self, method: &str, params: Value) -> Told<Changed> {
        let result = self.told(method, params)?;
        let uid = result["uid"].as_str().unwrap_or_default();
        let outcome = ["added", "updated", "unchanged"];
        let outcome = outcome.into_iter().find(|name| result["outcome"] == *name);
        Ok(Changed {
            uid: Uid::from_text(uid),
            version: result["version"].as_u64().unwrap_or_default(),
            outcome: outcome.unwrap_or("?"),
        })
    }
}

impl Box for Client {
    fn put(&mut self, uid: Option<Uid>, base: Option<u64>, lines: &[Line]) -> Told<Changed> {
        let lines =
            lines.iter().map(|(name, value)| json!([name.to_lowercase(), {}, "text", value]));
        let mut params = json!({ "card": ["vcard", lines.collect::<Vec<_>>()] });
        if let Some(uid) = uid {
            params["uid"] = uid.to_string().into();
        }
        if let Some(base) = base {
            params["version"] = base.into();
        }
        self.changed("contact.put", params)
    }

    fn get(&mut self, uid: Uid) -> Told<Vec<String>> {
        let got = self.told("contact.get", json!({ "uid": uid.to_string() }))?;
        let properties = got["card"][1].as_array().cloned().unwrap_or_default();
        let mut lines: Vec<String> = properties
            .iter()
            .filter(|property| property[0] != "version")
            .map(|property| {
                let name = property[0].as_str().unwrap_or_default().to_ascii_uppercase();
                format!("{name}:{}", property[3].as_str().unwrap_or("(binary)"))
            })
            .collect();
        lines.extend((got["trashed"] == true).then(|| "(trash)".to_owned()));
        Ok(lines)
    }

    fn find(&mut self, query: &str, shelf: Shelf) -> Told<Vec<String>> {
        let shelf = match shelf {
            Shelf::Active => "active",
            Shelf::Trash => "trash",
            Shelf::All => "all",
        };
        let params = json!({ "query": query, "shelf": shelf, "limit": 10 });
        let found = self.told("contact.find", params)?;
        let hits = found["hits"].as_array().cloned().unwrap_or_default();
        let told = |hit: &Value| {
            format!("{} class {}", hit["name"].as_str().unwrap_or_default(), hit["class"])
        };
        Ok(hits.iter().map(told).collect())
    }

    fn shelve(&mut self, to: Place, uid: Uid) -> Told<Changed> {
        let method = match to {
            Place::Trash => "contact.remove",
            Place::Shelf => "contact.restore",
            Place::Nowhere => "contact.purge",
        };
        self.changed(method, json!({ "uid": uid.to_string() }))
    }

    fn history(&mut self, uid: Uid) -> Told<Vec<String>> {
        let told = self.told("contact.history", json!({ "uid": uid.to_string() }))?;
        let versions = told["versions"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |row: &Value| format!("{} by {}", text(&row["origin"]), text(&row["author"]));
        Ok(versions.iter().map(line).collect())
    }

    fn sign(&mut self, name: &str) -> Told<()> {
        self.told("box.author", json!({ "name": name })).map(|_| ())
    }

    fn counts(&mut self) -> Told<(u64, u64)> {
        let info = self.told("box.info", json!({}))?;
        let count = |name: &str| info[name].as_u64().unwrap_or(u64::MAX);
        Ok((count("contacts"), count("trashed")))
    }

    fn verify(&mut self) -> Told<bool> {
        Ok(self.told("box.verify", json!({}))?["sound"] == true)
    }
}

/// What the device's app says to the script on a host.
pub fn transcript_of_app() -> Vec<String> {
    let mut bench = start(blank(), no_card(), 1, Cause::Power);
    let mut memory = [vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]];
    let [out, into] = &mut memory;
    transcript(&mut Asked(Caller::new(&mut bench, out, into)))
}

/// Goes through the script and writes down what came back.
pub fn transcript(to: &mut impl Box) -> Vec<String> {
    let mut lines = Vec::new();
    let mut note = |what: &str, told: Told<String>| {
        lines.push(format!("{what}: {}", told.unwrap_or_else(|kind| format!("refused, {kind}"))));
    };
    let outcome = |told: &Told<Changed>| match told {
        Ok(changed) => Ok(changed.outcome.to_owned()),
        Err(kind) => Err(kind.clone()),
    };
    let joined = |told: Told<Vec<String>>| told.map(|lines| lines.join(" | "));
    let nobody = Uid([9; 16]);
    let ada: &[Line] = &[("FN", "Ada Lovelace"), ("TEL", "+44 20 7946 0018"), ("NOTE", "first")];
    let more: &[Line] =
        &[("FN", "Ada Lovelace"), ("TEL", "+44 20 7946 0018"), ("TEL", "+49 171 1")];

    note("sign", to.sign("tester").map(|()| "done".to_owned()));
    let first = to.put(None, None, ada);
    note("add Ada", outcome(&first));
    let (uid, version) = first.map_or((nobody, 0), |changed| (changed.uid, changed.version));
    let grace = to.put(None, None, &[("FN", "Grace Hopper"), ("EMAIL", "grace@example.com")]);
    note("add Grace", outcome(&grace));
    let grace = grace.map_or(nobody, |changed| changed.uid);
    let twin = to.put(None, None, ada);
    note("add another Ada", outcome(&twin));
    note("put the same", outcome(&to.put(Some(uid), None, ada)));
    note("put more", outcome(&to.put(Some(uid), Some(version), more)));
    note("put on an old version", outcome(&to.put(Some(uid), Some(version), ada)));
    note("put nothing", outcome(&to.put(Some(uid), None, &[])));
    note("get Ada", joined(to.get(uid)));
    note("get nobody", joined(to.get(nobody)));
    for query in ["", "ada", "love ada", "07946", "0171 1", "grace@", "hop", "zzz"] {
        note(&format!("find {query:?}"), joined(to.find(query, Shelf::Active)));
    }
    note("trash nobody", outcome(&to.shelve(Place::Trash, nobody)));
    note("trash Grace", outcome(&to.shelve(Place::Trash, grace)));
    note("trash her again", outcome(&to.shelve(Place::Trash, grace)));
    note("get her", joined(to.get(grace)));
    note("find her", joined(to.find("grace", Shelf::Active)));
    note("find her in the trash", joined(to.find("grace", Shelf::Trash)));
    note("count", to.counts().map(|counts| format!("{counts:?}")));
    note("restore her", outcome(&to.shelve(Place::Shelf, grace)));
    note("restore her again", outcome(&to.shelve(Place::Shelf, grace)));
    note("purge her", outcome(&to.shelve(Place::Nowhere, grace)));
    note("get her", joined(to.get(grace)));
    note("restore her", outcome(&to.shelve(Place::Shelf, grace)));
    note("history of Ada", joined(to.history(uid)));
    note("count", to.counts().map(|counts| format!("{counts:?}")));
    note("verify", to.verify().map(|sound| sound.to_string()));
    lines
}
