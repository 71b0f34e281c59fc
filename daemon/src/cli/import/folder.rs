//! `import FOLDER`: the vCard files below a folder, in order.

use super::super::Failure;
use super::super::text::{count, place};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders that are gone into.
const DEPTH_MAX: u32 = 16;

/// Files below all folders named, taken and passed over.
const FILES_MAX: usize = 100_000;

/// Files passed over that are named one by one.
const NAMED_MAX: usize = 5;

/// Returns the files that are named, with the vCard files below a folder in its place, and those
/// that were passed over.
pub fn files(named: &[PathBuf]) -> Result<FoundFiles, Failure> {
    let mut found = FoundFiles::default();
    for path in named {
        if !path.is_dir() {
            found.files.push(path.clone());
            continue;
        }
        let before = (found.files.len(), found.unread.len());
        found.below(path, 0)?;
        if (found.files.len(), found.unread.len()) == before {
            return Err(Failure::other(format!(
                "{} is a folder that holds no .vcf or .vcard file",
                place(path)
            )));
        }
    }
    Ok(found)
}

/// Returns the remark on the files that were passed over.
pub fn remark(skipped: &[PathBuf]) -> Option<String> {
    if skipped.is_empty() {
        return None;
    }
    let names = skipped.iter().take(NAMED_MAX);
    let names: Vec<_> = names.map(|path| place(path)).collect();
    let more = if skipped.len() > NAMED_MAX { ", ..." } else { "" };
    Some(format!(
        "skipped {}: {}{more}",
        count(skipped.len() as u64, "other file"),
        names.join(", ")
    ))
}

/// The files that take the place of folders.
#[derive(Default)]
pub struct FoundFiles {
    /// The vCard files.
    pub files: Vec<PathBuf>,
    /// Files of other kinds.
    pub skipped: Vec<PathBuf>,
    /// Folders that could not be read, or not to their end, and why.
    pub unread: Vec<Failure>,
}

impl FoundFiles {
    fn below(&mut self, folder: &Path, depth: u32) -> Result<(), Failure> {
        let failed = |error| Failure::file(folder, "cannot be read", &error);
        let mut entries = Vec::new();
        // A folder that cannot be read is no reason to leave the others.
        let listed = match fs::read_dir(folder) {
            Ok(listed) => listed,
            Err(error) => {
                self.unread.push(failed(error));
                return Ok(());
            }
        };
        for entry in listed {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    self.unread.push(failed(error));
                    break;
                }
            }
            let others = self.files.len() + self.skipped.len() + self.unread.len();
            if entries.len() + others > FILES_MAX {
                let name = place(folder);
                return Err(Failure::other(format!(
                    "{name}: more than {FILES_MAX} files; name a smaller folder"
                )));
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (path, kind) in entries {
            if kind.is_dir() && depth < DEPTH_MAX {
                self.below(&path, depth + 1)?;
            } else if is_cards(&path) && path.is_file() {
                self.files.push(path);
            } else {
                // A link to a folder may lead back up.
                self.skipped.push(path);
            }
        }
        Ok(())
    }
}

/// Returns whether a file has the name of a vCard file, and is not one that an import has left for
/// mending.
fn is_cards(path: &Path) -> bool {
    let is = |name: &str| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(name));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let last = stem.rsplit_once('.').map_or("", |(_, last)| last);
    let is_left = last.strip_prefix("rejected").is_some_and(|rest| {
        rest.trim_start_matches('-').chars().all(|digit| digit.is_ascii_digit())
    });
    (is("vcf") || is("vcard")) && !is_left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_vcard_files_in_order() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("b/c")).unwrap();
        for name in
            ["z.vcf", "b/c/y.VCard", "a.vcf", "a.rejected.vcf", "a.rejected-2.vcf", "cat.jpg"]
        {
            fs::write(at(name), "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path(), at("b/up")).unwrap();
        let FoundFiles { files: found, skipped, unread } =
            files(&[at("z.vcf"), place.path().to_owned()]).unwrap();
        assert_eq!(unread.len(), 0);
        assert_eq!(found, [at("z.vcf"), at("a.vcf"), at("b/c/y.VCard"), at("z.vcf")]);
        let left = ["a.rejected-2.vcf", "a.rejected.vcf", "b/up", "cat.jpg"];
        let left = left.iter().filter(|name| cfg!(unix) || **name != "b/up");
        assert_eq!(skipped, left.map(|name| at(name)).collect::<Vec<_>>());
        assert!(remark(&skipped).unwrap().contains("cat.jpg"));
        fs::remove_file(at("b/c/y.VCard")).unwrap();
        assert!(files(&[at("b/c")]).err().unwrap().message.contains("no .vcf"));
    }

    #[test]
    fn a_folder_that_can_not_be_read_is_named_and_left() {
        let place = tempfile::tempdir().unwrap();
        let mut found = FoundFiles::default();
        found.below(&place.path().join("gone"), 1).unwrap();
        let why: Vec<_> = found.unread.iter().map(|failure| failure.message.as_str()).collect();
        assert!(matches!(why.as_slice(), [why] if why.contains("gone cannot be read")), "{why:?}");
    }
}
