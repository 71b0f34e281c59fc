//! `watch`: each change as it happens.

use super::args::WatchArgs;
use super::resolve::short;
use super::text::{clock, visible};
use super::{Context, Exit, Failure};
use crate::client::DaemonLine;
use serde_json::{Value, json};

pub fn run(context: &mut Context, args: WatchArgs) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let asked = client.send("watch.start", json!({}))?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        match client.receive("watch")? {
            DaemonLine::Reply { id, result } if id == asked => {
                result.map_err(crate::client::ClientError::Refused)?;
                context.out.note("watching; Ctrl-C ends it");
            }
            DaemonLine::Reply { .. } => {}
            DaemonLine::Notification { method, params } => {
                let is_change = method == "watch.change";
                left -= u64::from(is_change);
                if context.out.json {
                    context.out.json(&json!({ "method": method, "params": params }))?;
                } else if is_change {
                    let text =
                        |name: &str| visible(params[name].as_str().unwrap_or("?")).into_owned();
                    let line = format!(
                        "{}  {:7}  {}  {}  by {}",
                        clock(&params["version"]),
                        text("origin"),
                        short(&text("uid")),
                        text("name"),
                        text("author")
                    );
                    context.out.line(&line)?;
                } else if method == "watch.card" || method == "watch.device" {
                    context.out.note(&happening(&params));
                } else if method == "watch.lost" {
                    let missed = params["missed"].as_u64().unwrap_or(0);
                    context.out.note(&format!("{missed} changes came too fast and are not shown"));
                }
                context.out.flush()?;
            }
        }
    }
    Ok(Exit::Ok)
}

/// What happened to a card or a device.
fn happening(params: &Value) -> String {
    let text = |name: &str| params[name].as_str().map(|text| visible(text).into_owned());
    let mut line = text("card").or(text("device")).unwrap_or_default();
    line.push_str(": ");
    line.push_str(&text("state").unwrap_or_default());
    for name in ["records", "added", "updated"] {
        if let Some(number) = params[name].as_u64().filter(|&number| number > 0) {
            line.push_str(&format!(", {number} {name}"));
        }
    }
    if let Some(why) = text("why") {
        line.push_str(": ");
        line.push_str(&why);
    }
    line
}
