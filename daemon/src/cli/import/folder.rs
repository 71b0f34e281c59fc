//! `import FOLDER`: the vCard files below a folder, in order.

use super::super::Failure;
use super::super::text::{count, visible};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders that are gone into.
const DEPTH_MAX: u32 = 16;

/// Files below all folders named, taken and passed over.
const FILES_MAX: usize = 100_000;

/// Files passed over that are named one by one.
const NAMED_MAX: usize = 5;

/// What is named, with the vCard files below a folder in its place; and what was passed over.
pub fn files(named: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let mut found = Found::default();
    for path in named {
        if !path.is_dir() {
            found.files.push(path.clone());
            continue;
        }
        let before = found.files.len();
        found.below(path, 0)?;
        if found.files.len() == before {
            return Err(Failure::other(format!(
                "{} is a folder that holds no .vcf or .vcard file",
                path.display()
            )));
        }
    }
    Ok((found.files, found.skipped))
}

/// What a person is told of the files that were passed over.
pub fn remark(skipped: &[PathBuf]) -> Option<String> {
    if skipped.is_empty() {
        return None;
    }
    let names = skipped.iter().take(NAMED_MAX);
    let names: Vec<_> =
        names.map(|path| visible(&path.display().to_string()).into_owned()).collect();
    let more = if skipped.len() > NAMED_MAX { ", ..." } else { "" };
    Some(format!(
        "skipped {}: {}{more}",
        count(skipped.len() as u64, "other file"),
        names.join(", ")
    ))
}

#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    skipped: Vec<PathBuf>,
}

impl Found {
    fn below(&mut self, folder: &Path, depth: u32) -> Result<(), Failure> {
        let failed = |error| Failure::file(folder, "cannot be read", &error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            entries.push((entry.path(), entry.file_type().map_err(failed)?));
            if entries.len() + self.files.len() + self.skipped.len() > FILES_MAX {
                let name = folder.display();
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

/// Whether a file has the name of a vCard file; not one that an import has left for mending.
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
        let (found, skipped) = files(&[at("z.vcf"), place.path().to_owned()]).unwrap();
        assert_eq!(found, [at("z.vcf"), at("a.vcf"), at("b/c/y.VCard"), at("z.vcf")]);
        let left = ["a.rejected-2.vcf", "a.rejected.vcf", "b/up", "cat.jpg"];
        let left = left.iter().filter(|name| cfg!(unix) || **name != "b/up");
        assert_eq!(skipped, left.map(|name| at(name)).collect::<Vec<_>>());
        assert!(remark(&skipped).unwrap().contains("cat.jpg"));
        fs::remove_file(at("b/c/y.VCard")).unwrap();
        assert!(files(&[at("b/c")]).unwrap_err().message.contains("no .vcf"));
    }
}
