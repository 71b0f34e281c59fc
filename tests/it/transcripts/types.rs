//! The types of the socket, held against the transcripts, and the schema that they make.

use super::{golden, is_writing};
use contactbox_api::error::ApiError;
use contactbox_api::method::rewrite_reply;
use contactbox_api::{Call, Event, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const TRANSCRIPTS: [&str; 4] = ["contacts.jsonl", "errors.jsonl", "cards.jsonl", "events.jsonl"];

/// The lines of all transcripts as JSON.
fn lines() -> Vec<Value> {
    let mut lines = Vec::new();
    for name in TRANSCRIPTS {
        let text = std::fs::read_to_string(golden(name)).expect("a golden file");
        let parse = |line| serde_json::from_str::<Value>(line).expect("a line of JSON");
        lines.extend(text.lines().map(parse));
    }
    lines
}

/// Each reply, event and error is read into its type, and is the same when it is written again.
#[test]
fn the_types_say_all_that_is_told() {
    let (mut methods, mut events, mut kinds) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut asked = Value::Null;
    for line in lines() {
        let told = line.to_string();
        if let Some(error) = line.get("error") {
            let text = error.to_string();
            let error: ApiError = serde_json::from_str(&text).expect("an error");
            assert_eq!(serde_json::to_string(&error).expect("JSON"), text);
            kinds.insert(format!("{:?}", error.kind));
        } else if let Some(result) = line.get("result") {
            let method = asked["method"].as_str().expect("a request came before");
            let params = asked["params"].to_string();
            if let Err(error) = Call::parse(method, &params) {
                panic!("{method} {params}: {error}");
            }
            let again = rewrite_reply(method, &result.to_string());
            assert_eq!(again.expect("a reply"), result.to_string(), "{told}");
            methods.insert(method.to_owned());
        } else if line.get("id").is_some() {
            asked = line;
        } else if let Some(method) = line["method"].as_str() {
            let text = line["params"].to_string();
            let event = Event::parse(method, &text).expect("an event");
            assert_eq!(serde_json::to_string(&event).expect("JSON"), text);
            events.insert(method.to_owned());
        }
    }
    let missing: Vec<&&str> = Call::NAMES.iter().filter(|name| !methods.contains(**name)).collect();
    assert!(missing.is_empty(), "no transcript has {missing:?}");
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(kinds.len() >= 16, "{kinds:?}");
}

fn schema_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/PROTOCOL.schema.json")
}

#[test]
fn the_schema_is_that_of_the_types() {
    let schema = schema::document();
    serde_json::from_str::<Value>(&schema).expect("a schema is JSON");
    if is_writing() {
        std::fs::write(schema_file(), schema).expect("the folder of the protocol is there");
        return;
    }
    let kept = std::fs::read_to_string(schema_file()).unwrap_or_default();
    assert!(
        kept == schema,
        "core/PROTOCOL.schema.json is not that of the types; this renews it: \
         CONTACTBOX_WRITE_GOLDEN=1 cargo test -p contactbox-tests --test it the_schema"
    );
}
