//! `watch`: each change as it happens.

use super::args::WatchArgs;
use super::resolve::short;
use super::text::{clock, place, visible};
use super::{Context, Exit, Failure};
use crate::client::{DaemonEvent, DaemonLine};
use contactbox_api::Event;
use contactbox_api::event::{CardEvent, ChangeEvent, DeviceEvent, WatchStart};
use serde::Serialize;
use serde_json::value::RawValue;

/// An event as a line of JSON.
#[derive(Serialize)]
struct EventLine<'e> {
    method: &'e str,
    params: &'e RawValue,
}

pub fn run(context: &mut Context, args: WatchArgs) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let asked = client.send(&WatchStart {})?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        match client.receive("watch")? {
            DaemonLine::Reply { id, result } if id == asked => {
                result.map_err(crate::client::ClientError::Refused)?;
                context.out.note("watching; Ctrl-C ends it");
            }
            DaemonLine::Reply { .. } => {}
            DaemonLine::Notification(told) => {
                let DaemonEvent { method, raw, event } = *told;
                left -= u64::from(matches!(event, Event::Change(_)));
                if context.out.json {
                    context.out.json(&EventLine { method: &method, params: &raw })?;
                } else {
                    tell(context, &event)?;
                }
                context.out.flush()?;
            }
        }
    }
    Ok(Exit::Ok)
}

/// Tells a person of an event.
fn tell(context: &mut Context, event: &Event) -> Result<(), Failure> {
    match event {
        Event::Change(change) => context.out.line(&change_line(change))?,
        Event::Card(card) => context.out.note(&card_line(card)),
        Event::Device(device) => context.out.note(&device_line(device)),
        Event::Lost(lost) => {
            let missed = lost.missed;
            context.out.note(&format!("{missed} changes came too fast and are not shown"));
        }
        Event::Other => {}
    }
    Ok(())
}

fn change_line(change: &ChangeEvent) -> String {
    let ChangeEvent { uid, version, origin, author, name } = change;
    format!(
        "{}  {origin:7}  {}  {}  by {}",
        clock(*version),
        short(&visible(uid)),
        visible(name),
        visible(author)
    )
}

fn card_line(event: &CardEvent) -> String {
    let mut line = format!("{}: {}", place(&event.card), event.state);
    let numbers = [
        ("records", event.written.as_ref().and_then(|written| written.records)),
        ("added", event.taken.as_ref().map(|taken| taken.added)),
        ("updated", event.taken.as_ref().map(|taken| taken.updated)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number.filter(|&number| number > 0) {
            line.push_str(&format!(", {number} {name}"));
        }
    }
    with_reason(line, event.why.as_deref())
}

fn device_line(event: &DeviceEvent) -> String {
    match event {
        DeviceEvent::Progress(progress) => {
            format!("{}: {}", place(&progress.device), progress.state)
        }
        DeviceEvent::Status(status) => {
            let line = format!("{}: {}", place(&status.device), status.state);
            with_reason(line, status.why.as_deref())
        }
    }
}

fn with_reason(mut line: String, why: Option<&str>) -> String {
    if let Some(why) = why {
        line.push_str(": ");
        line.push_str(&visible(why));
    }
    line
}
