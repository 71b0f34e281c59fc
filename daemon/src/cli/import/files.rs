//! The `import` command: file by file, with what a person sees of it.

use super::super::args::ImportArgs;
use super::super::text::{count, grouped, message, place, visible};
use super::super::{Context, Exit, Failure};
use super::rejected::{Rejected, Saved};
use super::{FileTally, ImportObserver, RejectedCard, folder, stream};
use crate::client::Client;
use contactbox_api::status::BoxInfo;
use contactbox_api::vcard::RepairNote;
use contactbox_formats::charset::NamedCharset;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

/// Rejections printed one by one; the file has all of them.
const PRINTED_MAX: u64 = 20;

/// Prints the progress of the command.
struct ImportReport<'a> {
    context: &'a mut Context,
    name: String,
    bar: ProgressBar,
    rejected: Rejected,
    /// Why rejected cards cannot be saved. The others are taken all the same.
    unsaved: Option<Failure>,
    printed: u64,
}

impl ImportObserver for ImportReport<'_> {
    fn progress(&mut self, bytes: u64, tally: &FileTally) {
        self.bar.set_position(bytes);
        self.bar.set_message(count(tally.cards(), "card"));
    }

    fn rejected(&mut self, rejection: Option<&RejectedCard>, text: &[u8]) -> Result<(), Failure> {
        if let Some(RejectedCard { line, at, reason }) = rejection {
            self.printed += 1;
            if self.printed <= PRINTED_MAX {
                let card =
                    if line == at { String::new() } else { format!("card from line {line}: ") };
                let remark = format!("{}:{at}: {card}{}", visible(&self.name), visible(reason));
                let context = &mut self.context;
                self.bar.suspend(|| context.out.note(&remark));
            }
        }
        if self.unsaved.is_none() {
            self.unsaved = self.rejected.write(text).err();
        }
        Ok(())
    }
}

pub fn run(context: &mut Context, args: ImportArgs) -> Result<Exit, Failure> {
    let charset = match args.charset.as_deref() {
        Some(label) => Some(NamedCharset::of(label).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the charset \"{}\" is not known; try utf-8, windows-1252, shift_jis, gbk, big5, koi8-r...", visible(label)))
        })?),
        None => None,
    };
    if let Some(named) = &args.rejected {
        Rejected::must_be_new(named)?;
    }
    let mut client = context.client()?;
    let mut exit = Exit::Ok;
    let started = Instant::now();
    let (mut total, mut files, mut unread) = (FileTally::default(), 0, 0);
    let folder::FoundFiles { files: paths, skipped, unread: closed } = folder::files(&args.files)?;
    if let Some(remark) = folder::remark(&skipped) {
        context.out.note(&remark);
    }
    for failure in &closed {
        left(context, None, failure)?;
    }
    for path in &paths {
        match file(context, &mut client, path, charset, args.rejected.as_deref()) {
            Ok(tally) => {
                total.add(&tally);
                files += 1;
                if tally.rejected > 0 && exit == Exit::Ok {
                    exit = Exit::Partly;
                }
            }
            // One file that cannot be read is no reason to leave the others; a box
            // that cannot take more is.
            Err(failure)
                if failure.exit == Exit::Failure
                    && paths.len() + closed.len() > 1
                    && client.call(&BoxInfo {}).is_ok() =>
            {
                left(context, Some(path), &failure)?;
                unread += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    if paths.len() + closed.len() > 1 && !context.out.json {
        let unread = match unread {
            0 => String::new(),
            unread => format!(", {} not read", count(unread, "file")),
        };
        let closed = match closed.len() as u64 {
            0 => String::new(),
            closed => format!(", {} not read", count(closed, "folder")),
        };
        let name = format!("{}{unread}{closed}", count(files, "file"));
        summary(context, &name, &total, None, started)?;
    }
    Ok(match (unread + closed.len() as u64, files) {
        (0, _) => exit,
        (_, 0) => Exit::Failure,
        _ => Exit::Partly,
    })
}

/// A file or folder that could not be read, as a line of JSON.
#[derive(Serialize)]
struct UnreadLine<'f> {
    error: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// The outcome for a file, as a line of JSON.
#[derive(Serialize)]
struct FileLine<'f> {
    file: &'f str,
    added: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    warnings: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    repairs: Option<&'f [RepairNote]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charset_guess: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trashed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_file: Option<String>,
}

/// Tells of a file or folder that could not be read, and goes on.
fn left(context: &mut Context, path: Option<&Path>, failure: &Failure) -> Result<(), Failure> {
    if context.out.json {
        let file = path.map(|path| path.display().to_string());
        context.out.json(&UnreadLine { error: &failure.message, file })?;
    }
    context.out.flush()?;
    // Nobody is left to tell when this fails.
    let _ = writeln!(io::stderr(), "contactbox: {}", message(&failure.message));
    Ok(())
}

fn file(
    context: &mut Context,
    client: &mut Client,
    path: &Path,
    charset: Option<NamedCharset>,
    rejected: Option<&Path>,
) -> Result<FileTally, Failure> {
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "standard input".to_string() } else { path.display().to_string() };
    let failed = |error: io::Error| Failure::file(path, "cannot be read", &error);
    let (source, bytes): (Box<dyn Read>, Option<u64>) = if is_stdin {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).map_err(failed)?;
        let data = file.metadata().map_err(failed)?;
        (Box::new(file), Some(data.len()).filter(|_| data.is_file()))
    };
    let bar = bar(bytes, context.out.quiet);
    let started = Instant::now();
    let source_path = (!is_stdin).then_some(path);
    let mut report = ImportReport {
        context,
        name: name.clone(),
        bar,
        rejected: Rejected::new(rejected, source_path),
        unsaved: None,
        printed: 0,
    };
    let done = stream(client, source, &name, charset, &mut report);
    let ImportReport { bar, rejected, unsaved, printed, .. } = report;
    bar.finish_and_clear();
    if done.is_err() && printed == 0 {
        // Text of a file that holds no card.
        rejected.forget();
        return done;
    }
    let saved = match unsaved.map_or_else(|| rejected.finish(), Err) {
        Ok(saved) => saved,
        Err(why) => {
            context.out.note(&format!("rejected cards are not saved: {}", why.message));
            None
        }
    };
    if printed > PRINTED_MAX {
        context.out.note(&format!("... and {} more", grouped(printed - PRINTED_MAX)));
    }
    if let Some(Saved { path, is_source }) = &saved {
        let path = place(path);
        context.out.note(&match is_source {
            true => format!(
                "no card of {path} was taken, so they are not saved anywhere else; mend them there and import it again"
            ),
            false => format!("rejected cards are saved in {path}; mend them there and import that file"),
        });
    }
    let saved = saved.filter(|saved| !saved.is_source).map(|saved| saved.path);
    let tally = done?;
    remarks(context, &name, &tally);
    summary(context, &name, &tally, saved.as_deref(), started)?;
    Ok(tally)
}

/// Prints remarks that a person should look at.
fn remarks(context: &mut Context, name: &str, tally: &FileTally) {
    for line in tally.repairs.lines(name) {
        context.out.note(&line);
    }
    if let Some(guess) = tally.guess.map(NamedCharset::name) {
        let advice = match guess.as_str() {
            "windows-1252" => "if names look wrong, import it again with --charset shift_jis (or gbk, big5, windows-1251...)".to_owned(),
            guess => format!("it looks like {guess}: if names look wrong, import it again with --charset {guess}"),
        };
        context.out.note(&format!(
            "{}: not UTF-8, and no charset is declared; read as windows-1252. {advice}",
            visible(name)
        ));
    }
    if tally.trashed > 0 {
        let (are, them) = if tally.trashed == 1 { ("is", "it") } else { ("are", "them") };
        context.out.note(&format!(
            "{}: {} of them {are} in the trash and {are} left there; `contactbox trash` shows {them}, `contactbox restore` brings {them} back",
            visible(name),
            grouped(tally.trashed)
        ));
    }
}

fn summary(
    context: &mut Context,
    name: &str,
    tally: &FileTally,
    saved: Option<&Path>,
    started: Instant,
) -> Result<(), Failure> {
    if context.out.json {
        return context.out.json(&FileLine {
            file: name,
            added: tally.added,
            updated: tally.updated,
            unchanged: tally.unchanged,
            rejected: tally.rejected,
            warnings: tally.warnings,
            repairs: (tally.warnings > 0).then(|| tally.repairs.list()),
            charset_guess: tally.guess.map(NamedCharset::name),
            trashed: Some(tally.trashed).filter(|&trashed| trashed > 0),
            rejected_file: saved.map(|saved| saved.display().to_string()),
        });
    }
    let mut parts = Vec::new();
    let numbers = [
        ("added", tally.added),
        ("updated", tally.updated),
        ("unchanged", tally.unchanged),
        ("rejected", tally.rejected),
    ];
    for (what, number) in numbers {
        parts.push(format!("{} {what}", grouped(number)));
    }
    if tally.warnings > 0 {
        parts.push(format!("{} repaired", count(tally.warnings, "flaw")));
    }
    let seconds = started.elapsed().as_secs_f64();
    context.out.say(&format!("{}: {} ({seconds:.1} s)", visible(name), parts.join(", ")))
}

fn bar(bytes: Option<u64>, quiet: bool) -> ProgressBar {
    let template = match bytes {
        Some(_) => "{bar:30} {percent:>3} %  {msg}  {bytes_per_sec}  {eta} left",
        None => "{spinner} {bytes}  {msg}  {bytes_per_sec}",
    };
    let bar = match bytes {
        Some(bytes) => ProgressBar::new(bytes),
        None => ProgressBar::new_spinner(),
    };
    // On anything but a terminal indicatif draws nothing.
    bar.set_draw_target(if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    });
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}
