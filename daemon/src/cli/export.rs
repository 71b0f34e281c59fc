//! `export`: contacts as vCard, to standard output or a file that is replaced when all is there.

use super::args::ExportArgs;
use super::find::Lacks;
use super::text::{count, place, visible};
use super::{Context, Exit, Failure};
use crate::client::Client;
use contactbox_api::vcard::{Export, VcardVersion};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) fn run(context: &mut Context, args: ExportArgs) -> Result<Exit, Failure> {
    let query = args.query.join(" ");
    let wanted = Export {
        query: Some(query.clone()).filter(|query| !query.is_empty()),
        shelf: args.shelf.shelf(),
        vcard_version: if args.vcard_version == "3.0" {
            VcardVersion::V3
        } else {
            VcardVersion::V4
        },
        photos: Some(!args.no_photos),
        cursor: None,
    };
    let mut client = context.client()?;
    let target = args.output.filter(|path| path.as_os_str() != "-");
    let done = match &target {
        Some(path) => to_file(&mut client, wanted, path)?,
        None => {
            let out = &mut context.out;
            let done = pages(&mut client, wanted, |text| out.raw(text))?;
            out.flush()?;
            done
        }
    };
    let mut exit = done.lacks.tell(context);
    if done.without_photos > 0 {
        exit = Exit::Partly;
        context.out.note(&format!(
            "{} exported without photos that are damaged, or too large together; `contactbox verify` tells which are damaged",
            count(done.without_photos, "contact")
        ));
    }
    let cards = done.cards;
    if cards == 0 {
        let message = match query.is_empty() {
            true => "there are no contacts to export".to_string(),
            false => format!("nobody fits \"{}\"", visible(&query)),
        };
        return Err(Failure::new(Exit::NothingFound, message));
    }
    match target {
        Some(path) if context.out.json => context.out.json(&ExportLine {
            cards,
            left_out: done.lacks.left_out,
            lacks: done.lacks.is_lossy,
            without_photos: done.without_photos,
            output: path.display().to_string(),
        })?,
        Some(path) => {
            context.out.say(&format!("{} exported to {}", count(cards, "contact"), place(&path)))?
        }
        None => {}
    }
    Ok(exit)
}

/// The result of an export to a file, as a line of JSON.
#[derive(Serialize)]
struct ExportLine {
    cards: u64,
    left_out: u64,
    lacks: bool,
    without_photos: u64,
    output: String,
}

/// The result of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Cards that are in it.
    pub cards: u64,
    /// The contacts that are not in it.
    pub lacks: Lacks,
    /// Those of the cards that lack a photo or document.
    pub without_photos: u64,
}

/// Fetches page after page and says what there was.
pub fn pages(
    client: &mut Client,
    mut wanted: Export,
    mut take: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Exported, Failure> {
    let mut done = Exported::default();
    loop {
        let answer = client.call(&wanted)?;
        done.cards += answer.vcards;
        // Each page tells of its own.
        done.lacks.left_out += answer.left_out_count.unwrap_or(0);
        done.lacks.is_lossy |= answer.lacks;
        done.without_photos += answer.without_photos.len() as u64;
        take(&answer.vcard)?;
        wanted.cursor = answer.cursor;
        if wanted.cursor.is_none() {
            return Ok(done);
        }
    }
}

/// Into a file beside, which takes the place of `path` once it is whole and on the disk: an export
/// that fails half way leaves the last one.
pub fn to_file(client: &mut Client, wanted: Export, path: &Path) -> Result<Exported, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, "cannot be written", &error);
    let is_special = std::fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir());
    if is_special {
        // A pipe or a device is written to, not replaced.
        let mut file = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        return pages(client, wanted, |text| file.write_all(text.as_bytes()).map_err(failed));
    }
    // The place of a link is left to it: what it leads to is replaced.
    let path: PathBuf = std::fs::canonicalize(path).unwrap_or(path.to_path_buf());
    if path.is_dir() {
        return Err(Failure::other(format!("{} is a folder; name a file in it", place(&path))));
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::other(format!("there is no folder {}", place(folder))));
    }
    // Any other file may be replaced; a box is never what somebody means to lose.
    if contactbox_sync::card::is_of_a_box(&path) {
        let message =
            format!("{} is a box, or a part of one; give the export another name", place(&path));
        return Err(Failure::other(message));
    }
    let mut file = tempfile::Builder::new()
        .prefix(".contactbox-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed)?;
    let done = pages(client, wanted, |text| file.write_all(text.as_bytes()).map_err(failed))?;
    if done.cards > 0 {
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::Fake;
    use serde_json::json;

    #[test]
    fn a_box_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.box");
        let image = [b"contactbox image".as_slice(), &[0; 100]].concat();
        std::fs::write(&path, &image).unwrap();
        let fake = Fake::start(|_, _| Ok(json!({ "vcard": "one", "vcards": 1 })));
        let mut client = Client::connect(fake.socket()).unwrap();
        let failure = to_file(&mut client, Export::default(), &path).unwrap_err();
        assert!(failure.message.contains("is a box"), "{failure:?}");
        assert_eq!(std::fs::read(&path).unwrap(), image);
        // Nor what tells of a box that is put back.
        let mark = folder.path().join("contacts.box.mark");
        std::fs::write(&mark, "contactbox mark 1\nbox 00\n").unwrap();
        let failure = to_file(&mut client, Export::default(), &mark).unwrap_err();
        assert!(failure.message.contains("a part of one"), "{failure:?}");
    }

    #[test]
    fn a_failed_export_leaves_the_last_one() {
        let fake = Fake::start(|_, params| match params["cursor"].as_str() {
            None => Ok(json!({ "vcard": "one", "vcards": 1, "cursor": "1" })),
            Some("1") if params["vcard_version"] == "4.0" => {
                Ok(json!({ "vcard": "two", "vcards": 1 }))
            }
            _ => Err((-32006, "the disk", json!({ "kind": "Disk" }))),
        });
        let mut client = Client::connect(fake.socket()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.vcf");
        assert_eq!(to_file(&mut client, Export::default(), &path).unwrap().cards, 2);
        let old = Export { vcard_version: VcardVersion::V3, ..Export::default() };
        assert!(to_file(&mut client, old, &path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "onetwo");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
