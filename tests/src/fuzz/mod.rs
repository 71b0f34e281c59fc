//! What the fuzz targets do, as plain functions: bytes in, a panic when a promise is broken.
//!
//! A target is a file here with one function, a line in [`TARGETS`], a one-line program in
//! `fuzz/fuzz_targets` and a folder in `seeds` with a few small files. The fuzzer runs the
//! program for as long as one lets it; the tests run the same function over the seeds and over
//! seeded mutations of them, with any compiler.
mod checksum;
mod mutate;
mod vcard;

pub use mutate::Mutator;

use std::path::{Path, PathBuf};

/// A target: its name, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const TARGETS: &[Target] = &[("checksum", checksum::run), ("vcard", vcard::run)];

/// Runs the target called `name` over `bytes`.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no fuzz target is called {name}"));
    body(bytes);
}

/// The folder of kept inputs of the target called `name`.
pub fn seeds_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name)
}

/// The kept inputs of the target called `name`, in the same order each time.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = seeds_folder(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("an entry of an open folder").path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}
