//! Stable names for what differs from run to run: identities, times, paths, counts of bytes.

use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// Identities that the tests give contacts begin so; they are kept.
pub const OWN_UIDS: &str = "0badcafe-";

/// The first of the times that stand for those of a run, in milliseconds since 1970.
const FIRST_TIME: u64 = 1_700_000_000_000;

/// Numbers from here on are times.
const TIME_MIN: u64 = 1_500_000_000_000;

/// Numbers in texts are times up to here.
const TIME_MAX: u64 = 2_500_000_000_000;

/// Members whose numbers depend on the run; 1 stands for each.
const COUNTS: [&str; 22] = [
    "pid",
    "open_microseconds",
    "image_bytes",
    "live_bytes",
    "capacity_bytes",
    "programs",
    "programmed_bytes",
    "erases",
    "erases_min",
    "erases_max",
    "erases_total",
    "pages",
    "pages_free",
    "entries",
    "syncs",
    "sector_writes",
    "due_seconds",
    "sent_bytes",
    "received_bytes",
    "requests",
    "repeats",
    "looked_at",
];

/// Names in the order in which what they stand for appears.
pub struct Names {
    folder: String,
    user: Option<String>,
    known: HashMap<(&'static str, String), usize>,
}

impl Names {
    /// For a daemon in this folder.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_str().expect("a path of letters").to_owned();
        Self { folder, user: None, known: HashMap::new() }
    }

    /// The user the daemon runs as.
    pub fn set_user(&mut self, user: &str) {
        self.user = Some(user.to_owned());
    }

    fn number(&mut self, kind: &'static str, text: &str) -> usize {
        let next = self.known.keys().filter(|(known, _)| *known == kind).count() + 1;
        *self.known.entry((kind, text.to_owned())).or_insert(next)
    }

    /// Puts stable names in the place of what differs.
    pub fn settle(&mut self, value: &mut Value) {
        self.settle_member("", value);
    }

    fn settle_member(&mut self, member: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                let mut old = std::mem::take(members);
                if member == "places" {
                    // They come in the order in which their threads began.
                    old.sort_keys();
                }
                for (name, mut value) in old {
                    self.settle_member(&name, &mut value);
                    members.insert(self.text("", &name), value);
                }
            }
            Value::Array(values) => {
                values.iter_mut().for_each(|value| self.settle_member(member, value));
            }
            Value::Number(number) => {
                let Some(count) = number.as_u64() else { return };
                if matches!(member, "checked" | "since") {
                    // Two of them may be the same moment, or not.
                    *value = FIRST_TIME.into();
                } else if count >= TIME_MIN {
                    *value = self.time(&count.to_string()).into();
                } else if COUNTS.contains(&member) {
                    *value = 1.into();
                }
            }
            Value::String(text) => *text = self.text(member, text),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn time(&mut self, time: &str) -> u64 {
        FIRST_TIME + self.number("time", time) as u64
    }

    /// A text with the times in it settled.
    fn with_times(&mut self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let is_other = |c: char| !c.is_ascii_digit();
        for part in text.split_inclusive(is_other) {
            let digits = part.trim_end_matches(is_other);
            let is_time = |time: &u64| (TIME_MIN..TIME_MAX).contains(time);
            match digits.parse().ok().filter(is_time) {
                Some(_) => told.push_str(&self.time(digits).to_string()),
                None => told.push_str(digits),
            }
            told.push_str(&part[digits.len()..]);
        }
        told
    }

    fn text(&mut self, member: &str, text: &str) -> String {
        match member {
            "box" => return format!("{:016x}", self.number("box", text)),
            "root" => return format!("{:032x}", self.number("root", text)),
            "cursor" => return format!("cursor-{}", self.number("cursor", text)),
            "file" => return format!("file-{}", self.number("file", text)),
            "version" if text.split('.').count() == 3 => return "0.0.0".to_owned(),
            "author" | "user" if self.user.as_deref() == Some(text) => {
                return "the-user".to_owned();
            }
            _ => {}
        }
        let mut told = self.with_times(&text.replace(&self.folder, "/place"));
        for start in 0..told.len() {
            let Some(uid) = told.get(start..start + 36).filter(|text| is_uid(text)) else {
                continue;
            };
            if !uid.starts_with(OWN_UIDS) {
                let uid = uid.to_owned();
                let name = format!("00000000-0000-4000-8000-{:012x}", self.number("uid", &uid));
                told = told.replace(&uid, &name);
            }
        }
        told
    }
}

fn is_uid(text: &str) -> bool {
    let is_dash = |place| matches!(place, 8 | 13 | 18 | 23);
    text.bytes().enumerate().all(|(place, byte)| match byte {
        b'-' => is_dash(place),
        byte => !is_dash(place) && byte.is_ascii_hexdigit(),
    })
}
