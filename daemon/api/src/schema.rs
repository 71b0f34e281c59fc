//! A JSON Schema of every method, event and error, generated from the types.

use crate::error::WireError;
use crate::{event, method};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schemas, each on a line: methods with their parameters and replies, events, the error, and
/// what these refer to.
pub fn document() -> String {
    let mut sent = generator(SchemaSettings::draft2020_12().for_deserialize(), "/$defs/sent");
    let mut told = generator(SchemaSettings::draft2020_12().for_serialize(), "/$defs/told");
    let mut methods = Map::new();
    method::schemas(|name, schemas| {
        let mut both = Map::new();
        both.insert("params".to_owned(), (schemas.params)(&mut sent).to_value());
        both.insert("reply".to_owned(), (schemas.reply)(&mut told).to_value());
        methods.insert(name.to_owned(), both.into());
    });
    let mut events = Map::new();
    event::schemas(|name, schema| {
        events.insert(name.to_owned(), schema(&mut told).to_value());
    });
    let error = told.subschema_for::<WireError<'_>>().to_value();
    let mut text = String::from("{\n");
    text += "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n";
    text += "\"title\": \"The local socket of contactbox: methods, events and errors\",\n";
    text += &format!("\"methods\": {},\n", lines(&methods));
    text += &format!("\"events\": {},\n", lines(&events));
    text += &format!("\"error\": {error},\n");
    text += "\"$defs\": {\n";
    text += &format!("\"sent\": {},\n", lines(&sent.take_definitions(true)));
    text += &format!("\"told\": {}\n}}\n}}\n", lines(&told.take_definitions(true)));
    text
}

fn generator(mut settings: SchemaSettings, definitions: &'static str) -> SchemaGenerator {
    settings.definitions_path = definitions.into();
    settings.into_generator()
}

/// An object with each member on a line.
fn lines(members: &Map<String, Value>) -> String {
    let line = |(name, value): (&String, &Value)| format!("{}: {value}", Value::from(&**name));
    let lines: Vec<String> = members.iter().map(line).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}
