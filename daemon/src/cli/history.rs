//! `history`: how a contact came to be what it is, newest version first.

use super::args::{HistoryArgs, ShelfArg};
use super::contact_view::brief;
use super::text::{time, visible};
use super::{Context, Exit, Failure, resolve};
use serde_json::{Value, json};

pub fn run(context: &mut Context, args: HistoryArgs) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let found = resolve::one(&mut client, &args.who.who, ShelfArg::All)?;
    let limit = args.limit.clamp(1, 200);
    let answer = client.call("contact.history", json!({ "uid": found.uid, "limit": limit }))?;
    let versions = answer["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if context.out.json {
        for version in versions {
            context.out.json(version)?;
        }
        return Ok(Exit::Ok);
    }
    let title = context.out.bold(&found.name);
    context.out.line(&title)?;
    for (index, version) in versions.iter().enumerate() {
        print(context, version, index + 1 == versions.len())?;
    }
    Ok(Exit::Ok)
}

fn print(context: &mut Context, version: &Value, is_oldest: bool) -> Result<(), Failure> {
    let text = |name: &str| visible(version[name].as_str().unwrap_or("?")).into_owned();
    let done = match version["origin"].as_str() {
        Some("edit") => "edited by",
        Some("import") => "imported by",
        Some("merge") => "merged from",
        Some("trash") => "moved to the trash by",
        Some("restore") => "restored by",
        Some("purge") => "deleted for good by",
        _ => "changed by",
    };
    context.out.line(&format!("{}  {done} {}", time(&version["time"]), text("author")))?;
    let list = |name: &str| version[name].as_array().map(Vec::as_slice).unwrap_or_default();
    for property in list("removed") {
        context.out.line(&format!("  - {}", brief(property)))?;
    }
    // The oldest version held is not always the first there was: what it says is its state.
    let sign = if is_oldest { ' ' } else { '+' };
    for property in list("added") {
        context.out.line(&format!("  {sign} {}", brief(property)))?;
    }
    Ok(())
}
