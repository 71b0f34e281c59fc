//! `device`: ports, what a device holds, and bringing it in step.

use super::args::{DeviceCommand, DeviceMeeting, DevicePort};
use super::out::Column;
use super::report::report;
use super::text::{count, grouped, place, size, visible};
use super::{Context, Exit, Failure};
use crate::client::{Client, ClientError, DaemonLine};
use crate::device::ports;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub fn run(context: &mut Context, args: DeviceCommand) -> Result<Exit, Failure> {
    match args {
        DeviceCommand::List => list(context),
        DeviceCommand::Info(DevicePort { port }) => {
            let path = there(&port)?;
            let answer = context.client()?.call("devices.info", json!({ "path": path }));
            let answer = answer.map_err(|error| unreached(&path, error))?;
            report(context, &answer)
        }
        DeviceCommand::Sync(DeviceMeeting { device: DevicePort { port }, consent }) => {
            sync(context, &port, consent.accept_removals)
        }
    }
}

fn there(port: &Path) -> Result<PathBuf, Failure> {
    // Ports of Windows have names, not paths.
    if cfg!(windows) {
        return Ok(port.to_path_buf());
    }
    let there = std::fs::canonicalize(port).map_err(|error| no_port(port, &error.to_string()))?;
    let data = std::fs::metadata(&there).map_err(|error| no_port(port, &error.to_string()))?;
    if data.is_dir() || data.is_file() {
        let what = if data.is_dir() { "it is a folder" } else { "it is a file" };
        return Err(no_port(port, what));
    }
    Ok(there)
}

fn no_port(port: &Path, why: &str) -> Failure {
    Failure::other(format!("{} is no port: {why}; {LISTED}", place(port)))
}

const LISTED: &str = "`contactbox device list` lists the ports of this machine";

/// `ENOTTY` as the system says it: there is something, and it is no terminal line.
const NO_LINE: &str = "(os error 25)";

/// What is said where a device was not reached: the cure, unless the port is one of this machine's.
fn unreached(port: &Path, error: ClientError) -> Failure {
    let is_device = error.is_refusal("Device");
    let failure = Failure::from(error);
    if !is_device || ports().is_ok_and(|ports| ports.iter().any(|known| known == port)) {
        return failure;
    }
    if cfg!(unix) && failure.message.contains(NO_LINE) {
        return no_port(port, "it is no serial line");
    }
    Failure::new(failure.exit, format!("{}; {LISTED}", failure.message))
}

fn list(context: &mut Context) -> Result<Exit, Failure> {
    let found = ports().map_err(|error| {
        Failure::other(format!("the ports of this machine can not be listed: {error}"))
    })?;
    // Those a daemon looks after, if one runs: it is not started for this.
    let kept = match Client::to(&context.config) {
        Ok(mut client) => client.call("box.info", json!({}))?["places"].take(),
        Err(ClientError::Nobody { .. }) => Value::Null,
        Err(error) => return Err(error.into()),
    };
    let mut names: Vec<String> = found.iter().map(|port| port.display().to_string()).collect();
    names.extend(context.config.devices.iter().map(|port| port.display().to_string()));
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(Failure::new(Exit::NothingFound, "this machine has no serial port"));
    }
    let mut rows = Vec::new();
    for name in names {
        let state = kept[&name]["state"].as_str();
        if context.out.json {
            context.out.json(&json!({ "port": name, "state": state }))?;
        } else {
            rows.push(vec![visible(&name).into_owned(), state.unwrap_or("").to_string()]);
        }
    }
    if !context.out.json {
        let columns =
            [Column { head: "PORT", width_min: None }, Column { head: "STATE", width_min: None }];
        context.out.table(&columns, rows)?;
    }
    Ok(Exit::Ok)
}

fn sync(context: &mut Context, port: &Path, accept_removals: bool) -> Result<Exit, Failure> {
    let path = there(port)?;
    let mut client = context.client()?;
    // How far it has come is told to those who watch.
    client.send("watch.start", json!({}))?;
    let asked =
        client.send("devices.sync", json!({ "path": path, "accept_removals": accept_removals }))?;
    let bar = match context.out.quiet || context.out.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(0),
    };
    if let Ok(style) = ProgressStyle::with_template("{msg:14} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    let answer = loop {
        match client.receive("devices.sync")? {
            DaemonLine::Reply { id, result } if id == asked => {
                break result.map_err(ClientError::Refused);
            }
            DaemonLine::Reply { .. } => {}
            DaemonLine::Notification { method, params } => {
                if method == "watch.device" && params["device"] == json!(path) {
                    bar.set_message(params["way"].as_str().unwrap_or("").to_string());
                    bar.set_length(params["slots"].as_u64().unwrap_or(0));
                    bar.set_position(params["looked_at"].as_u64().unwrap_or(0));
                }
            }
        }
    };
    bar.finish_and_clear();
    let answer = answer.map_err(|error| unreached(&path, error))?;
    let is_same = answer["is_same"] == true;
    if context.out.json {
        context.out.json(&answer)?;
    } else {
        context.out.say(&summary(&answer))?;
    }
    for way in ["to_here", "to_there"] {
        let failures = answer[way]["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
        let asides = answer[way]["asides"].as_array().map(Vec::as_slice).unwrap_or_default();
        for failure in failures.iter().chain(asides) {
            context.out.note(&visible(failure.as_str().unwrap_or("?")));
        }
        if let Some(waits) = answer[way]["waits"].as_str() {
            let where_to = if way == "to_here" { "here" } else { "on the device" };
            context.out.note(&format!(
                "{where_to}, {}; none of these was removed: `contactbox device sync PORT --accept-removals` takes them",
                visible(waits)
            ));
        }
    }
    Ok(if is_same { Exit::Ok } else { Exit::Partly })
}

fn summary(answer: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let (came, went) = (number(&answer["to_here"]["taken"]), number(&answer["to_there"]["taken"]));
    let bytes = number(&answer["sent_bytes"]) + number(&answer["received_bytes"]);
    let end = match answer["is_same"] == true {
        true => "both hold the same",
        false => "they do not hold the same yet",
    };
    format!(
        "{} came, {} went, {} over the cable; {end}",
        count(came, "contact"),
        grouped(went),
        size(bytes)
    )
}
