//! The commands of a person: each is a client of the daemon's socket.

#[cfg(test)]
mod agreement_tests;
mod args;
mod change;
mod contact_view;
mod device;
mod edit;
mod editor;
mod exit;
pub mod export;
mod find;
mod history;
pub mod import;
mod kept;
mod labels;
mod lines;
mod out;
mod property;
mod report;
mod resolve;
mod serve;
mod show;
mod snapshot;
mod snapshot_list;
mod text;
mod watch;

pub use args::Cli;
pub use exit::{Exit, Failure};

use crate::client::{Client, ClientError, autostart, autostart::Delay};
use args::Command;
use clap::{CommandFactory, Parser};
use contactbox_system::config::{Config, Settings};
use contactbox_system::user;
use out::Out;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// The means of a command.
struct Context {
    out: Out,
    config: Config,
    /// Flags of `serve` that lead a daemon to the same box.
    serve: Vec<OsString>,
    autostart: bool,
}

/// A failure on standard output, for `--json`.
#[derive(Serialize)]
struct FailureLine<'f> {
    error: &'f str,
    exit: u8,
}

/// Reads the command line of this process and does what it says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let told = error.render().to_string();
            let calm = text::message(&told);
            if calm == told {
                error.exit();
            }
            // It names a word of the command line that a terminal would obey.
            let _ = write!(io::stderr(), "{calm}");
            return Exit::Usage.into();
        }
    };
    let is_json = cli.common.json;
    match act(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                // Nobody is left to tell when this fails.
                let _ = writeln!(io::stderr(), "contactbox: {}", text::message(&failure.message));
                // A contact that was not found is no line of what was found.
                if is_json && failure.exit != Exit::NothingFound {
                    let (error, exit) = (&failure.message, failure.exit as u8);
                    if let Ok(line) = text::json(&FailureLine { error, exit }) {
                        let _ = writeln!(io::stdout(), "{line}");
                    }
                }
            }
            failure.exit.into()
        }
    }
}

fn act(cli: Cli) -> Result<Exit, Failure> {
    let Cli { common, settings, command } = cli;
    if let Command::Completions(wanted) = command {
        let mut script = Vec::new();
        clap_complete::generate(wanted.shell, &mut Cli::command(), "contactbox", &mut script);
        io::stdout().write_all(&script)?;
        return Ok(Exit::Ok);
    }
    if let Command::Demo(args) = command {
        crate::demo::run(args.keep)?;
        return Ok(Exit::Ok);
    }
    let flags = serve_flags(&settings);
    let config = Config::load(settings)?;
    let out = Out::new(common.json, common.quiet, common.color);
    let mut context = Context { out, config, serve: flags, autostart: !common.no_autostart };
    if command.changes() {
        context.out.go_on();
    }
    let exit = match command {
        Command::Import(args) => import::files::run(&mut context, args),
        Command::Find(args) => find::run(&mut context, args),
        Command::Show(args) => show::run(&mut context, args),
        Command::Add(args) => edit::add(&mut context, args),
        Command::Edit(args) => edit::edit(&mut context, args),
        Command::Rm(args) => change::rm(&mut context, args),
        Command::Trash(args) => change::trash(&mut context, args),
        Command::Restore(args) => snapshot::restore(&mut context, args),
        Command::Card(args) => snapshot::run(&mut context, args),
        Command::Device(args) => device::run(&mut context, args),
        Command::History(args) => history::run(&mut context, args),
        Command::Export(args) => export::run(&mut context, args),
        Command::Watch(args) => watch::run(&mut context, args),
        Command::Verify => report::verify(&mut context),
        Command::Stats => report::stats(&mut context),
        Command::Info => report::info(&mut context),
        Command::Stop => report::stop(&mut context),
        Command::Serve(args) => serve::run(&mut context, args),
        Command::Demo(_) | Command::Completions(_) => Ok(Exit::Ok),
    }?;
    context.out.flush()?;
    Ok(exit)
}

impl Context {
    /// A connection to the daemon, which is started if none answers. What its user
    /// must know is said.
    fn client(&mut self) -> Result<Client, Failure> {
        let client = self.connect()?;
        if let Some(notice) = client.hello().and_then(|hello| hello.notice.as_deref()) {
            self.out.note(&text::visible(notice));
        }
        Ok(client)
    }

    /// The same without a word.
    fn connect(&mut self) -> Result<Client, Failure> {
        // Another user's daemon is that user's to start.
        if self.autostart && self.config.server_user.is_none() {
            let Self { out, config, serve, .. } = self;
            return Ok(autostart::connect(config, serve, |delay| match delay {
                Delay::Opening => out.note("starting the box..."),
                Delay::Turn(holder) => {
                    let holder = holder.map(|id| format!(" (process {id})")).unwrap_or_default();
                    out.note(&format!(
                        "waiting for another contactbox{holder} to start the box..."
                    ));
                }
            })?);
        }
        let whose = self.config.server_user.map(|id| format!(", as {}", user::called(id)));
        let whose = whose.unwrap_or_default();
        Client::to(&self.config).map_err(|error| match error {
            ClientError::Nobody { .. } => Failure::new(
                Exit::NoDaemon,
                format!("{error}; start one with `contactbox serve`{whose}"),
            ),
            other => other.into(),
        })
    }

    /// Asks a person at the terminal; where there is none, nothing was agreed to.
    fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{question} Say --yes to do it without being asked."),
            ));
        }
        self.out.flush()?;
        let mut answer = String::new();
        let asked = write!(io::stderr(), "{} [y/N] ", text::message(question))
            .and_then(|()| io::stdin().read_line(&mut answer));
        match asked {
            Ok(_) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => Ok(()),
            _ => Err(Failure::other("nothing was changed")),
        }
    }
}

/// Returns the flags that lead a daemon to the same box. Paths are made absolute, because it runs
/// in another folder.
fn serve_flags(settings: &Settings) -> Vec<OsString> {
    let named = [
        ("--data", &settings.data),
        ("--image", &settings.image),
        ("--socket", &settings.socket),
        ("--config", &settings.config),
    ];
    let mut flags = Vec::new();
    for (flag, path) in named {
        if let Some(path) = path {
            let path = if is_pipe(path) {
                path.clone()
            } else {
                std::path::absolute(path).unwrap_or(path.clone())
            };
            flags.extend([flag.into(), path.into_os_string()]);
        }
    }
    let numbers = [
        ("--frame-bytes", settings.frame_bytes.map(|number| number.to_string())),
        ("--memory-bytes", settings.memory_bytes.map(|number| number.to_string())),
        ("--connections", settings.connections.map(|number| number.to_string())),
        ("--read-seconds", settings.read_seconds.map(|number| number.to_string())),
        ("--write-seconds", settings.write_seconds.map(|number| number.to_string())),
        ("--backup-minutes", settings.backup_minutes.map(|number| number.to_string())),
        ("--salvage", settings.salvage.map(|yes| yes.to_string())),
        ("--users", settings.users.as_ref().map(|users| users.join(","))),
        ("--strict-folders", settings.strict_folders.map(|yes| yes.to_string())),
    ];
    let places = [("--card", &settings.card), ("--device", &settings.device)];
    for (flag, paths) in places {
        for path in paths.iter().flatten() {
            let path = std::path::absolute(path).unwrap_or(path.clone());
            flags.extend([flag.into(), path.into_os_string()]);
        }
    }
    if let Some(backup) = &settings.backup {
        let is_off = backup == Path::new("off");
        let path = std::path::absolute(backup).ok().filter(|_| !is_off);
        flags.extend(["--backup".into(), path.unwrap_or(backup.clone()).into_os_string()]);
    }
    for (flag, value) in numbers {
        if let Some(value) = value {
            flags.extend([flag.into(), value.into()]);
        }
    }
    flags
}

fn is_pipe(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(br"\\.\pipe\")
}
