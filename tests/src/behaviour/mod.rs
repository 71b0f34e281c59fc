//! One script of requests, played with any box. The recorded answers leave out what differs by
//! nature, such as identities and times, so that two of them can be compared line by line.

mod meeting;

pub use meeting::meeting_transcript;

use crate::daemon::Client;
use crate::desk_device::{Bench, blank, no_card, start};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_core::contact::{BlobRef, Draft, Kind, Origin, Property, Uid, Value};
use contactbox_core::service::cable::{AskError, Caller, Exchange};
use contactbox_core::service::protocol::NewContact;
use contactbox_core::service::rows::Bytes;
use contactbox_core::service::{FRAME_BYTES_MIN, Fault, Reply, Request};
use contactbox_core::store::diary::Cause;
use contactbox_core::store::{Outcome, Shelf};
use embassy_futures::block_on;
use serde_json::{Value as Json, json};

/// An acknowledged change.
#[derive(Clone, Copy)]
pub struct Changed {
    /// The contact.
    pub uid: Uid,
    /// The version that it made.
    pub version: u64,
    /// The change, in a word.
    pub outcome: &'static str,
}

/// The answer, or the kind of the refusal.
pub type Told<T> = Result<T, String>;

/// A box that can be asked, in whatever way.
pub trait Box {
    /// Sets the lines of a contact.
    fn put(&mut self, uid: Option<Uid>, base: Option<u64>, lines: &[Line]) -> Told<Changed>;
    /// Sets the name and the photo of a contact.
    fn put_photo(&mut self, uid: Option<Uid>, name: &str, photo: &[u8]) -> Told<Changed>;
    /// Returns bytes of a blob from an offset on, and the length of the whole.
    fn blob(&mut self, hash: [u8; 16], offset: u32, bytes: u32) -> Told<(u32, Vec<u8>)>;
    /// Returns the lines of a contact, with `(trash)` at the end if it is in the trash.
    fn get(&mut self, uid: Uid) -> Told<Vec<String>>;
    /// Returns the names that a query finds, best first.
    fn find(&mut self, query: &str, shelf: Shelf) -> Told<Vec<String>>;
    /// Puts a contact into the trash, takes it out, or purges it.
    fn shelve(&mut self, to: Place, uid: Uid) -> Told<Changed>;
    /// Returns the change and the author of each version of a contact, newest first.
    fn history(&mut self, uid: Uid) -> Told<Vec<String>>;
    /// Sets the author of the changes from now on.
    fn sign(&mut self, name: &str) -> Told<()>;
    /// Returns the numbers of visible contacts and of those in the trash.
    fn counts(&mut self) -> Told<(u64, u64)>;
    /// Returns whether everything reads as it was written.
    fn verify(&mut self) -> Told<bool>;
}

/// The bytes of a value that is kept within the contact. A longer one is a blob.
const INLINE_BYTES_MAX: usize = 128;

/// The name and the value of a property.
pub type Line = (&'static str, &'static str);

/// The place where a contact is put.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In the trash.
    Trash,
    /// Out of the trash.
    Shelf,
    /// Nowhere: it is purged.
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

/// A box that answers the requests of the cable.
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
                Fault::BadCard => "BadVcard",
                Fault::NoSuchBlob => "NoSuchBlob",
                Fault::TooLarge { .. } | Fault::TooLong { .. } => "TooLarge",
                other => return Err(other.to_string()),
            }
            .to_owned()),
            Err(AskError::Silent) => Err("silence".to_owned()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// Stores a blob in pieces of the size that the box asks for.
    fn put_blob(&mut self, bytes: &[u8]) -> Told<BlobRef> {
        let blob = BlobRef::of(bytes);
        loop {
            let missing = self.ask(&Request::Missing { blob }, |reply| match reply {
                Reply::Missing { offset, piece_bytes } => Some((*offset, *piece_bytes)),
                _ => None,
            });
            let (offset, piece_bytes) = missing?;
            let Some(offset) = offset else { return Ok(blob) };
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let piece = rest.get(..piece_bytes as usize).unwrap_or(rest);
            let put = Request::PutBlob { blob, offset, bytes: Bytes(piece) };
            self.ask(&put, |reply| matches!(reply, Reply::Ok).then_some(()))?;
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
            let content = Property::text(Kind::of(name), value);
            draft.push(&content).map_err(|error| error.to_string())?;
        }
        self.change(&Request::Put { uid, base, card: NewContact::Here(draft.finish()) })
    }

    fn put_photo(&mut self, uid: Option<Uid>, name: &str, photo: &[u8]) -> Told<Changed> {
        let value = match photo.len() > INLINE_BYTES_MAX {
            true => Value::Blob(self.put_blob(photo)?),
            false => Value::Bytes(photo),
        };
        let mut memory = vec![0; 64 * 1024];
        let mut draft = Draft::new(&mut memory);
        for content in
            [Property::text(Kind::FN, name), Property { value, ..Property::text(Kind::PHOTO, "") }]
        {
            draft.push(&content).map_err(|error| error.to_string())?;
        }
        self.change(&Request::Put { uid, base: None, card: NewContact::Here(draft.finish()) })
    }

    fn blob(&mut self, hash: [u8; 16], offset: u32, bytes: u32) -> Told<(u32, Vec<u8>)> {
        self.ask(&Request::Blob { hash, offset, bytes }, |reply| match reply {
            Reply::Blob { total, bytes } => Some((*total, bytes.0.to_vec())),
            _ => None,
        })
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
            Reply::Verify { is_sound, .. } => Some(*is_sound),
            _ => None,
        })
    }
}

impl Client {
    fn told(&mut self, method: &str, params: Json) -> Told<Json> {
        match self.try_call(method, params) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(error["data"]["kind"].as_str().unwrap_or("?").to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn changed(&mut self, method: &str, params: Json) -> Told<Changed> {
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
        let mut params = json!({ "jcard": ["vcard", lines.collect::<Vec<_>>()] });
        if let Some(uid) = uid {
            params["uid"] = uid.to_string().into();
        }
        if let Some(base) = base {
            params["version"] = base.into();
        }
        self.changed("contact.put", params)
    }

    fn put_photo(&mut self, uid: Option<Uid>, name: &str, photo: &[u8]) -> Told<Changed> {
        let uri = format!("data:image/jpeg;base64,{}", BASE64.encode(photo));
        let lines = json!([["fn", {}, "text", name], ["photo", {}, "uri", uri]]);
        let mut params = json!({ "jcard": ["vcard", lines] });
        if let Some(uid) = uid {
            params["uid"] = uid.to_string().into();
        }
        self.changed("contact.put", params)
    }

    fn blob(&mut self, hash: [u8; 16], offset: u32, bytes: u32) -> Told<(u32, Vec<u8>)> {
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let params = json!({ "hash": hash, "offset": offset, "bytes": bytes });
        let got = self.told("blob.get", params)?;
        let bytes = BASE64.decode(got["base64"].as_str().unwrap_or("?"));
        let total = got["total"].as_u64().unwrap_or_default() as u32;
        Ok((total, bytes.map_err(|error| error.to_string())?))
    }

    fn get(&mut self, uid: Uid) -> Told<Vec<String>> {
        let got = self.told("contact.get", json!({ "uid": uid.to_string() }))?;
        let properties = got["jcard"][1].as_array().cloned().unwrap_or_default();
        let mut lines: Vec<String> = properties
            .iter()
            .filter(|property| property[0] != "version")
            .map(|property| {
                let name = property[0].as_str().unwrap_or_default().to_ascii_uppercase();
                let text = property[3].as_str().filter(|text| !text.starts_with("data:"));
                let text = text.filter(|_| property[1]["blob"].is_null());
                format!("{name}:{}", text.unwrap_or("(binary)"))
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
        let told = |hit: &Json| {
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
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let line = |row: &Json| format!("{} by {}", text(&row["origin"]), text(&row["author"]));
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

/// Returns the answers of the device's app on a host, to this script and to that of a meeting.
pub fn transcripts_of_app() -> [Vec<String>; 2] {
    let asked = |play: &dyn Fn(Caller<'_, &mut Bench>) -> Vec<String>| {
        let mut bench = start(blank(), no_card(), 1, Cause::Power);
        let mut memory = [vec![0; FRAME_BYTES_MIN as usize], vec![0; FRAME_BYTES_MIN as usize]];
        let [out, into] = &mut memory;
        play(Caller::new(&mut bench, out, into))
    };
    [
        asked(&|caller| transcript(&mut Asked(caller))),
        asked(&|mut caller| meeting_transcript(&mut caller)),
    ]
}

/// Plays the script and returns the answers, one a line.
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
    photos(to, &mut note);
    note("count", to.counts().map(|counts| format!("{counts:?}")));
    note("verify", to.verify().map(|sound| sound.to_string()));
    lines
}

/// Plays the part with photos: short ones within the contact, long ones beside it.
fn photos(to: &mut impl Box, note: &mut impl FnMut(&str, Told<String>)) {
    let photo = |len: u32| -> Vec<u8> {
        (0..len).map(|byte| (byte.wrapping_mul(byte) >> 5) as u8).collect()
    };
    let mut uids = Vec::new();
    for len in [0, 1, 128, 129, 3_000, 20_000, 50_000] {
        let put = to.put_photo(None, &format!("With {len} bytes"), &photo(len));
        uids.extend(put.as_ref().ok().map(|changed| changed.uid));
        note(&format!("a photo of {len} bytes"), put.map(|changed| changed.outcome.to_owned()));
        if let Some(&uid) = uids.last() {
            note("get it", to.get(uid).map(|lines| lines.join(" | ")));
        }
    }
    let told = |(total, bytes): (u32, Vec<u8>)| format!("{total} {bytes:02x?}");
    for (len, offset) in [(129, 0), (129, 100), (20_000, 4_090), (50_000, 49_999), (50_000, 50_000)]
    {
        let hash = BlobRef::of(&photo(len)).hash;
        let read = to.blob(hash, offset, 40);
        note(&format!("photo of {len} bytes from {offset}"), read.map(told));
    }
    note("a photo that nobody has", to.blob([9; 16], 0, 40).map(told));
    // One photo in two contacts stays with the second. When the last one goes, it is collected in
    // idle time.
    let twin = to.put_photo(None, "Twin", &photo(3_000));
    note("another with it", twin.map(|changed| changed.outcome.to_owned()));
    if let Some(&uid) = uids.get(4) {
        let purged = to.shelve(Place::Nowhere, uid);
        note("purge one", purged.map(|changed| changed.outcome.to_owned()));
        let read = to.blob(BlobRef::of(&photo(3_000)).hash, 0, 40);
        note("the photo of both", read.map(told));
    }
    if let Some(&uid) = uids.last() {
        let put = to.put_photo(Some(uid), "Another photo", &photo(700));
        note("another photo", put.map(|changed| changed.outcome.to_owned()));
        note("get it", to.get(uid).map(|lines| lines.join(" | ")));
        note("history of it", to.history(uid).map(|lines| lines.join(" | ")));
    }
}
