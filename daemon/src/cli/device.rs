//! `device`: ports, what a device holds, and bringing it in step.

use super::args::{DeviceCommand, DeviceMeeting, DevicePort};
use super::out::Column;
use super::report::report;
use super::text::{count, grouped, place, size, visible};
use super::{Context, Exit, Failure};
use crate::client::{Answered, Client, ClientError, DaemonLine};
use contactbox_api::device::{DevicesInfo, DevicesSync, DevicesSyncReply};
use contactbox_api::event::{DeviceEvent, WatchStart};
use contactbox_api::status::BoxInfo;
use contactbox_api::{ErrorKind, Event, Method};
use contactbox_sync::device::ports;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn run(context: &mut Context, args: DeviceCommand) -> Result<Exit, Failure> {
    match args {
        DeviceCommand::List => list(context),
        DeviceCommand::Info(DevicePort { port }) => {
            let path = there(&port)?;
            let asked = DevicesInfo { path: path.clone(), accept_removals: false };
            let answer = context.client()?.ask(&asked);
            let answer = answer.map_err(|error| unreached(&path, error))?;
            report(context, &answer.raw)
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

/// Returns the message for a device that was not reached: the cure, unless the port is one of this
/// machine's.
fn unreached(port: &Path, error: ClientError) -> Failure {
    let is_device = error.is_refusal(ErrorKind::Device);
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
        Failure::other(format!("the ports of this machine cannot be listed: {error}"))
    })?;
    // Those a daemon looks after, if one runs: it is not started for this.
    let kept = match Client::to(&context.config) {
        Ok(mut client) => client.call(&BoxInfo {})?.places,
        Err(ClientError::Nobody { .. }) => BTreeMap::new(),
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
        let state = kept.get(&name).map(|place| place.state.as_str());
        if context.out.json {
            context.out.json(&PortLine { port: &name, state })?;
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

/// A port as a line of JSON.
#[derive(Serialize)]
struct PortLine<'p> {
    port: &'p str,
    /// How the daemon fares with a device it keeps in step; null for other ports.
    state: Option<&'p str>,
}

fn sync(context: &mut Context, port: &Path, accept_removals: bool) -> Result<Exit, Failure> {
    let path = there(port)?;
    let mut client = context.client()?;
    // How far it has come is told to those who watch.
    client.send(&WatchStart {})?;
    let asked = client.send(&DevicesSync { path: path.clone(), accept_removals })?;
    let bar = match context.out.quiet || context.out.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(0),
    };
    if let Ok(style) = ProgressStyle::with_template("{msg:14} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    let answer = loop {
        match client.receive(DevicesSync::NAME)? {
            DaemonLine::Reply { id, result } if id == asked => {
                break result
                    .map_err(ClientError::Refused)
                    .and_then(|raw| Answered::parse(DevicesSync::NAME, raw));
            }
            DaemonLine::Reply { .. } => {}
            DaemonLine::Notification(told) => {
                if let Event::Device(DeviceEvent::Progress(progress)) = told.event
                    && progress.device == path
                {
                    bar.set_message(progress.way.to_string());
                    bar.set_length(progress.slots);
                    bar.set_position(progress.looked_at);
                }
            }
        }
    };
    bar.finish_and_clear();
    let answer = answer.map_err(|error| unreached(&path, error))?;
    let reply: &DevicesSyncReply = &answer.reply;
    if context.out.json {
        context.out.json(&answer.raw)?;
    } else {
        context.out.say(&summary(reply))?;
    }
    for (where_to, way) in [("here", &reply.to_here), ("on the device", &reply.to_there)] {
        for failure in way.failures.iter().chain(&way.asides) {
            context.out.note(&visible(failure));
        }
        if let Some(waits) = &way.waits {
            context.out.note(&format!(
                "{where_to}, {}; none of these was removed: `contactbox device sync PORT --accept-removals` takes them",
                visible(waits)
            ));
        }
    }
    Ok(if reply.is_same { Exit::Ok } else { Exit::Partly })
}

fn summary(reply: &DevicesSyncReply) -> String {
    let (came, went) = (reply.to_here.taken, reply.to_there.taken);
    let bytes = reply.sent_bytes + reply.received_bytes;
    let end = match reply.is_same {
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
