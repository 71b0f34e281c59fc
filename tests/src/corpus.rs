//! The vCard files that tests read: a folder of real ones if there is one, else the project's
//! samples.
//!
//! `CONTACTBOX_CORPUS` names a folder that is searched recursively (`tests/run` sets it if it finds
//! one beside the checkout). A clone of the project has the samples in `tests/samples`: smaller,
//! with the same traps, one kind to a file.
use std::path::{Path, PathBuf};

/// The variable that names the folder.
pub const VARIABLE: &str = "CONTACTBOX_CORPUS";

/// Returns every vCard file of the corpus in use, in the same order each time.
///
/// Panics if `CONTACTBOX_CORPUS` names a folder without vCard files: a test must not pass because
/// it had nothing to read.
pub fn files() -> Vec<PathBuf> {
    match given() {
        Some(folder) => {
            let files = vcards_under(&folder);
            assert!(
                !files.is_empty(),
                "{VARIABLE} is {}, where no file ends in .vcf",
                folder.display()
            );
            files
        }
        None => samples(),
    }
}

/// Returns the project's own samples, even if there is a corpus.
pub fn samples() -> Vec<PathBuf> {
    let files = vcards_under(&samples_folder());
    assert!(!files.is_empty(), "no samples in {}", samples_folder().display());
    files
}

/// Returns one of the project's own samples, by its file name without `.vcf`.
pub fn sample(name: &str) -> Vec<u8> {
    let path = samples_folder().join(name).with_extension("vcf");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns a line that names the corpus in use and its size.
pub fn describe() -> String {
    let count = files().len();
    match given() {
        Some(folder) => format!("{count} vCard files in {} ({VARIABLE})", folder.display()),
        None => format!("{count} vCard files of our own in tests/samples ({VARIABLE} is not set)"),
    }
}

/// Returns whether the corpus in use was given, so that figures stated for it can be asserted.
pub fn is_given() -> bool {
    given().is_some()
}

fn given() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

fn vcards_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!("the folder of vCard files {}: {error}", folder.display())
        });
        for entry in entries {
            let path = entry.expect("an entry of a folder that could be opened").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("vcf"))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
