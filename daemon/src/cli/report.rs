//! `verify`, `stats`, `info`, `stop`: what the daemon says of itself.

use super::text::{grouped, size, time, visible};
use super::{Context, Exit, Failure};
use crate::client::{Client, ClientError};
use contactbox_api::PROTOCOL;
use contactbox_api::status::{BoxInfo, BoxInfoReply, BoxStats, BoxStop, BoxVerify};
use contactbox_system::lock::is_held;
use contactbox_system::log;
use serde::Serialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a daemon may take to finish what it has begun.
const STOP_TIME_MAX: Duration = Duration::from_secs(60);

pub fn verify(context: &mut Context) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let started = Instant::now();
    let answer = client.ask(&BoxVerify {})?;
    let reply = &answer.reply;
    let is_sound = reply.sound;
    if context.out.json {
        context.out.json(&answer.raw)?;
    } else {
        for finding in &reply.findings {
            context.out.line(&visible(finding))?;
        }
        facts(context, &answer.raw)?;
        let is_right = reply.damaged + reply.losses + reply.missing == 0;
        let verdict = if is_sound {
            "everything reads back as it was written"
        } else if reply.put_back && is_right {
            "everything reads back as it was written, but the image is an earlier state of the box: what was acknowledged since is missing"
        } else {
            "there is damage: what the numbers count is lost or may be older than it was; sync the cards and devices that may have it, or import it again. \
             When nobody has it any more: `contactbox card backup FOLDER`, stop the daemon, move the image away, and `contactbox restore FOLDER` begins a new box with what is left"
        };
        context.out.say(&format!("{verdict} ({:.1} s)", started.elapsed().as_secs_f64()))?;
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Failure })
}

pub fn stats(context: &mut Context) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let answer = client.ask(&BoxStats {})?;
    report(context, &answer.raw)
}

/// The daemon's report of itself, and what only this side knows.
#[derive(Serialize)]
struct InfoReport {
    #[serde(flatten)]
    info: BoxInfoReply,
    protocol: u32,
    log: String,
    data: String,
}

pub fn info(context: &mut Context) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let mut info = client.call(&BoxInfo {})?;
    if !context.out.json && info.backup.is_none() {
        info.backup = Some("off".into());
    }
    let told = InfoReport {
        info,
        protocol: client.hello().map_or(PROTOCOL, |hello| hello.protocol),
        log: log::file(&context.config).display().to_string(),
        data: context.config.data.display().to_string(),
    };
    report(context, &told)
}

pub fn stop(context: &mut Context) -> Result<Exit, Failure> {
    let mut client = match Client::to(&context.config) {
        // The daemon is stopped already.
        Err(ClientError::Nobody { .. }) => {
            context.out.say("no daemon was running")?;
            return Ok(Exit::Ok);
        }
        other => other?,
    };
    match client.call(&BoxStop {}) {
        Ok(_) | Err(ClientError::Gone { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    let started = Instant::now();
    // It answers no more before it has made its last backup and closed the box.
    while Client::to(&context.config).is_ok() || is_held(&context.config.image) {
        if started.elapsed() > STOP_TIME_MAX {
            return Err(Failure::other(
                "the daemon was told to stop and has not ended yet; it is at a long piece of work, such as its last backup",
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    context.out.say("stopped")?;
    Ok(Exit::Ok)
}

/// Members of an answer, for people or as JSON.
pub fn report(context: &mut Context, answer: &impl Serialize) -> Result<Exit, Failure> {
    if context.out.json {
        context.out.json(answer)?;
    } else {
        facts(context, answer)?;
    }
    Ok(Exit::Ok)
}

/// Each member on a line; members of members after a dot.
fn facts(context: &mut Context, answer: &impl Serialize) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let answer = serde_json::to_value(answer).map_err(std::io::Error::from)?;
    collect("", &answer, &mut lines);
    let widest = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in lines {
        let name = context.out.dim(&format!("{name:widest$}"));
        context.out.line(&format!("{name}  {value}"))?;
    }
    Ok(())
}

fn collect(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    let Some(members) = value.as_object() else { return };
    for (name, value) in members {
        let label = name.trim_end_matches("_microseconds").replace('_', " ");
        let label = format!("{prefix}{}", visible(&label));
        let shown = match value {
            Value::Object(_) => {
                collect(&format!("{label}: "), value, lines);
                continue;
            }
            Value::Array(_) | Value::Null => continue,
            Value::Number(number) => match number.as_u64() {
                Some(bytes) if name.contains("bytes") => {
                    format!("{} ({})", size(bytes), grouped(bytes))
                }
                Some(when) if matches!(name.as_str(), "time" | "checked" | "since") => time(when),
                Some(time) if name.ends_with("_microseconds") => {
                    format!("{:.1} ms", time as f64 / 1e3)
                }
                // A process's number is a name.
                Some(count) if name != "pid" => grouped(count),
                _ => number.to_string(),
            },
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
            Value::String(text) => visible(text).into_owned(),
        };
        let shown = if shown.ends_with("B (0)") { "0".to_string() } else { shown };
        lines.push((label, shown));
    }
}
