//! A person's own editor on a text.

use super::Failure;
use super::text::place;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A text in a file of its own, which nobody else can read.
pub struct EditFile {
    file: tempfile::NamedTempFile,
}

impl EditFile {
    /// Puts the text into a file.
    pub fn begin(text: &str) -> Result<Self, Failure> {
        let made = tempfile::Builder::new().prefix("contact-").suffix(".vcf").tempfile().and_then(
            |mut file| {
                file.write_all(text.as_bytes())?;
                file.flush()?;
                Ok(file)
            },
        );
        made.map(|file| Self { file })
            .map_err(|error| Failure::other(format!("no temporary file can be made: {error}")))
    }

    /// Waits until the editor has ended, and gives the text.
    pub fn edit(&mut self) -> Result<String, Failure> {
        let editor = chosen();
        let status = command(&editor, self.file.path()).status();
        let named = place(Path::new(&editor));
        match status {
            Ok(status) if status.success() => {}
            // A shell ends so when a program is not there.
            Ok(status) if status.code() == Some(127) => {
                return Err(Failure::other(format!(
                    "there is no editor {named}; set EDITOR to yours, or use flags such as --tel"
                )));
            }
            Ok(status) => {
                return Err(Failure::other(format!(
                    "the editor {named} ended with {status}; nothing was changed"
                )));
            }
            Err(error) => {
                return Err(Failure::other(format!(
                    "the editor {named} cannot be started: {error}; set EDITOR, or use flags such as --tel"
                )));
            }
        }
        // Read by its name: many editors put a new file in the place of the old one.
        let bytes = std::fs::read(self.file.path())
            .map_err(|error| Failure::file(self.file.path(), "cannot be read", &error))?;
        Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_string())
    }

    /// The text is not needed any more.
    pub fn end(self) {}

    /// Leaves the text where it is, and says where.
    pub fn keep(self) -> String {
        match self.file.into_temp_path().keep() {
            Ok(path) => format!("your text is kept in {}", place(&path)),
            Err(error) => format!("your text could not be kept: {error}"),
        }
    }
}

fn chosen() -> OsString {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty());
    named.unwrap_or_else(|| if cfg!(windows) { "notepad".into() } else { "vi".into() })
}

/// `EDITOR` may have arguments: the shell takes it apart, as everywhere else.
#[cfg(unix)]
fn command(editor: &OsString, file: &Path) -> Command {
    let mut script = editor.clone();
    script.push(" \"$1\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("sh").arg(file);
    command
}

#[cfg(not(unix))]
fn command(editor: &OsString, file: &Path) -> Command {
    let text = editor.to_string_lossy();
    let mut words = text.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("notepad"));
    command.args(words).arg(file);
    command
}
