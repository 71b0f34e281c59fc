//! The command line as clap reads it.

use super::{exit, out::Color};
use clap::{Args, Parser, Subcommand, ValueEnum};
use contactbox_api::contact::Shelf;
use contactbox_system::config::Settings;
use std::path::PathBuf;

const WHO: &str =
    "A contact is named by its id, the first 4 or more digits of it, or words that only it has";

const RESTORE: &str = "A contact in the trash is named by its id, the first 4 or more digits of it, or words that only it has.
A card is the path of a folder or of a card's image; ./NAME where a contact has that name too.";

/// A box that keeps contacts: what it has acknowledged is never lost.
#[derive(Parser)]
#[command(name = "contactbox", version, after_help = exit::HELP, max_term_width = 100)]
#[command(infer_subcommands = true, arg_required_else_help = true)]
pub struct Cli {
    /// The flags of every command.
    #[command(flatten)]
    pub common: Common,
    /// The place of the box.
    #[command(flatten, next_help_heading = "Box")]
    pub settings: Settings,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Args)]
pub struct Common {
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results only: no remarks, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Color,
    /// Fail when no daemon answers, instead of starting one in the background
    #[arg(long, global = true, env = "CONTACTBOX_NO_AUTOSTART", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_autostart: bool,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Take in the cards of vCard files; the same file again changes nothing
    Import(ImportArgs),
    /// Find people by any part of a name, organisation, address, email, note or phone number
    #[command(visible_alias = "search")]
    Find(FindArgs),
    /// Show all of a contact
    Show(Show),
    /// Add a contact
    Add(Add),
    /// Change a contact: with flags, or its vCard text in your editor
    Edit(Edit),
    /// Move contacts to the trash
    #[command(visible_alias = "remove", after_help = WHO)]
    Rm(Rm),
    /// List the trash, or empty it
    Trash(Trash),
    /// Take contacts out of the trash; or all of a box, into an empty one, from a card or backup
    #[command(after_help = RESTORE)]
    Restore(Restore),
    /// Back up to a card, sync with it, and look at what is on it
    #[command(subcommand)]
    Card(CardCommand),
    /// Talk to a device on a cable
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Show how a contact came to be what it is
    History(HistoryArgs),
    /// Write contacts as vCard
    Export(ExportArgs),
    /// Print each change as it happens
    Watch(WatchArgs),
    /// Read everything back and check it
    Verify,
    /// Print the counters of the box
    Stats,
    /// Say where the box is and how it is doing
    Info,
    /// End the daemon, when it has finished what it has begun
    Stop,
    /// Print the completions of a shell
    ///
    /// For bash: contactbox completions bash >
    /// ~/.local/share/bash-completion/completions/contactbox
    Completions(Completions),
    /// Play the main job through on a sample, in a temporary folder: import, find,
    /// edit, crash, recover, export
    Demo(Demo),
    /// Be the daemon, in the foreground
    Serve(Serve),
}

impl Command {
    /// Returns whether the command changes what a box or a card holds.
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Self::Import(_)
                | Self::Add(_)
                | Self::Edit(_)
                | Self::Rm(_)
                | Self::Trash(_)
                | Self::Restore(_)
                | Self::Card(_)
                | Self::Device(_)
                | Self::Stop
        )
    }
}

/// `import`.
#[derive(Args)]
pub struct ImportArgs {
    /// vCard files of any version, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Charset of the files, where they do not say (utf-8, windows-1252, shift_jis, gbk...)
    #[arg(long, value_name = "NAME")]
    pub charset: Option<String>,
    /// New file for the rejected cards of all files [default: NAME.rejected.vcf beside each]
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
}

/// The contacts that a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShelfArg {
    /// Those not in the trash.
    Active,
    /// Those in the trash.
    Trash,
    /// Both.
    All,
}

impl ShelfArg {
    /// As the protocol has it.
    pub fn shelf(self) -> Shelf {
        match self {
            Self::Active => Shelf::Active,
            Self::Trash => Shelf::Trash,
            Self::All => Shelf::All,
        }
    }
}

/// `find`.
#[derive(Args)]
pub struct FindArgs {
    /// Words that must all be there, in any order (those of a phone number in its own);
    /// without one, everybody by name
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Most contacts to print
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Print all that fit
    #[arg(short, long, conflicts_with = "limit")]
    pub all: bool,
    /// Contacts to look through: active, trash or all
    #[arg(long, default_value = "active", hide_possible_values = true)]
    pub shelf: ShelfArg,
}

/// `restore`.
#[derive(Args)]
pub struct Restore {
    /// Ids, or words that only one contact has; or the path of a card
    #[arg(required = true, value_name = "CONTACT|CARD")]
    pub who: Vec<String>,
}

/// `card`.
#[derive(Subcommand)]
pub enum CardCommand {
    /// Write all of the box to a card, and read it back
    Backup(CardPath),
    /// Take in what other boxes left on a card, and leave there what this one has
    Sync(CardMeeting),
    /// List whose backups are on a card, and how old they are
    List(CardPath),
    /// Read everything on a card and check it
    Verify(CardPath),
}

/// A card that is taken in.
#[derive(Args)]
pub struct CardMeeting {
    #[command(flatten)]
    pub card: CardPath,
    #[command(flatten)]
    pub consent: Yes,
}

/// A yes to what is removed elsewhere.
#[derive(Args)]
pub struct Yes {
    /// Remove here what was removed elsewhere, however much of the box that is
    #[arg(long)]
    pub accept_removals: bool,
}

/// A card.
#[derive(Args)]
pub struct CardPath {
    /// Folder, such as a mounted card, or image of a whole card
    #[arg(value_name = "CARD")]
    pub path: PathBuf,
}

/// `device`.
#[derive(Subcommand)]
pub enum DeviceCommand {
    /// List the ports a device may be plugged into, and how those that are kept in step are doing
    List,
    /// Say what a device holds
    Info(DevicePort),
    /// Bring a device and the box to hold the same
    Sync(DeviceMeeting),
}

/// A device that is met.
#[derive(Args)]
pub struct DeviceMeeting {
    #[command(flatten)]
    pub device: DevicePort,
    #[command(flatten)]
    pub consent: Yes,
}

/// A device.
#[derive(Args)]
pub struct DevicePort {
    /// Serial port, such as /dev/ttyACM0; or the socket of an emulator
    #[arg(value_name = "PORT")]
    pub port: PathBuf,
}

/// One contact.
#[derive(Args)]
pub struct Who {
    /// Id, the first 4 or more digits of it, or words that only this contact has
    #[arg(required = true, value_name = "CONTACT")]
    pub who: Vec<String>,
}

/// Some contacts.
#[derive(Args)]
pub struct Contacts {
    /// Ids, or names in quotes, of one or more contacts; or words that only one contact has
    #[arg(required = true, value_name = "CONTACT")]
    pub who: Vec<String>,
}

/// `show`.
#[derive(Args)]
pub struct Show {
    /// The contact.
    #[command(flatten)]
    pub who: Who,
    /// Print its vCard
    #[arg(long, conflicts_with = "json")]
    pub vcard: bool,
}

/// The properties of a contact, as flags.
#[derive(Args, Default)]
#[command(next_help_heading = "Contact")]
pub struct PropertyArgs {
    /// Name: "Ada Lovelace", or "Lovelace, Ada"
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Organisation, and its department: "Engines Ltd; Research"
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// Job title
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Birthday: 1815-12-10, or --12-10 without the year
    #[arg(long, value_name = "DATE", visible_alias = "bday", allow_hyphen_values = true)]
    pub birthday: Option<String>,
    /// Note
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub note: Option<String>,
    /// Phone number, with or without its place: "+44 20 7946 0018", "work:+44 20 7946 0018"
    #[arg(short, long, value_name = "[PLACE:]NUMBER", visible_alias = "phone")]
    pub tel: Vec<String>,
    /// Email address: "ada@example.com", "home:ada@example.com"
    #[arg(short, long, value_name = "[PLACE:]ADDRESS")]
    pub email: Vec<String>,
    /// Postal address: "street; city; postcode; country"
    #[arg(long, value_name = "[PLACE:]ADDRESS", visible_alias = "address")]
    pub adr: Vec<String>,
    /// Web page
    #[arg(long, value_name = "[PLACE:]URL")]
    pub url: Vec<String>,
    /// Nickname
    #[arg(long, value_name = "NAME")]
    pub nickname: Vec<String>,
    /// Category
    #[arg(long, value_name = "NAME")]
    pub category: Vec<String>,
    /// Picture: a JPEG, PNG, GIF or WebP file
    #[arg(long, value_name = "FILE")]
    pub photo: Option<PathBuf>,
}

/// `add`.
#[derive(Args)]
pub struct Add {
    /// The name, where --name is not given
    #[arg(value_name = "NAME", conflicts_with = "name")]
    pub words: Vec<String>,
    /// The properties.
    #[command(flatten)]
    pub properties: PropertyArgs,
    /// Take a vCard from standard input
    #[arg(long, conflicts_with_all = ["words", "name", "org", "title", "birthday", "note", "tel", "email", "adr", "url", "nickname", "category", "photo"])]
    pub vcard: bool,
}

/// `edit`.
#[derive(Args)]
#[command(
    after_help = "--name, --org, --title, --birthday, --note and --photo replace what is there; empty (\"\") takes it away.
Where there are several, --remove says which may go. The others add one. Without any of them the contact's vCard opens in $VISUAL or $EDITOR."
)]
pub struct Edit {
    /// The contact.
    #[command(flatten)]
    pub who: Who,
    /// The changes.
    #[command(flatten)]
    pub properties: PropertyArgs,
    /// Take away: all of a property ("title"), or the one with a value ("tel=555 0018")
    #[arg(short, long, value_name = "PROPERTY[=VALUE]")]
    pub remove: Vec<String>,
    /// Take the vCard from standard input instead of an editor
    #[arg(long)]
    pub vcard: bool,
}

/// `rm`.
#[derive(Args)]
pub struct Rm {
    /// The contacts.
    #[command(flatten)]
    pub contacts: Contacts,
    /// For good, past the trash: they cannot be brought back
    #[arg(long)]
    pub purge: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `trash`.
#[derive(Args)]
pub struct Trash {
    /// Words that must all be there
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Delete what is listed for good; without words, also what other boxes removed
    #[arg(long)]
    pub empty: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `history`.
#[derive(Args)]
pub struct HistoryArgs {
    /// The contact.
    #[command(flatten)]
    pub who: Who,
    /// Most versions to print
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
}

/// `export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Only contacts with all these words; without one, all
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// File to write, which is replaced when all is there [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// vCard version: 3.0 or 4.0
    #[arg(long = "version", alias = "format", value_name = "VERSION", default_value = "4.0", value_parser = ["3.0", "4.0"], hide_possible_values = true)]
    pub vcard_version: String,
    /// Leave photos and other large values out
    #[arg(long)]
    pub no_photos: bool,
    /// Contacts to export: active, trash or all
    #[arg(long, default_value = "active", hide_possible_values = true)]
    pub shelf: ShelfArg,
}

/// `watch`.
#[derive(Args)]
pub struct WatchArgs {
    /// End after this many changes
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub count: Option<u64>,
}

/// `completions`.
#[derive(Args)]
pub struct Completions {
    /// bash, zsh, fish, powershell or elvish
    #[arg(hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

/// `demo`.
#[derive(Args)]
pub struct Demo {
    /// Leave the folder with the box and the export, and say where it is
    #[arg(long)]
    pub keep: bool,
}

/// Settings that are of no use but to the daemon, which are hidden elsewhere.
fn daemon_settings() -> String {
    let command = Settings::augment_args(clap::Command::new("serve"));
    let mut text = "Of the daemon:".to_owned();
    for setting in command.get_arguments().filter(|setting| setting.is_hide_set()) {
        let name = setting.get_long().unwrap_or_default();
        let value =
            setting.get_value_names().and_then(|names| names.first()).map_or("", |name| name);
        let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
        let variable = setting.get_env().unwrap_or_default().to_string_lossy();
        text += &format!("\n      --{name} <{value}>\n          {help} [env: {variable}=]");
    }
    text
}

/// `serve`.
#[derive(Args)]
#[command(after_help = daemon_settings())]
pub struct Serve {
    /// Leave the terminal: how other commands start it
    #[arg(long, hide = true)]
    pub detached: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_the_daemon_names_every_setting() {
        let mut command = Cli::command();
        command.build();
        let serve = command.find_subcommand_mut("serve").expect("it is there");
        let help = serve.render_long_help().to_string();
        let settings = Settings::augment_args(clap::Command::new("serve"));
        for setting in settings.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(help.contains(&format!("--{setting} <")), "{setting}: {help}");
        }
    }
}
