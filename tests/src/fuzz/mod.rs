//! The fuzz targets as plain functions, which take bytes and panic when a promise is broken.
//!
//! A target is a file here with one function, a line in [`TARGETS`], a one-line program in
//! `fuzz/fuzz_targets` and a folder in `seeds` with a few small files. The fuzzer runs the program
//! for as long as it is allowed to. The tests run the same function over the seeds and over seeded
//! mutations of them, with any compiler.
mod book;
mod checksum;
mod frame;
mod image;
mod input;
mod mutate;
mod ops;
mod record;
mod seal;
mod search;
mod vcard;

pub use input::Input;
pub use mutate::Mutator;

use std::path::{Path, PathBuf};

/// A fuzz target.
pub struct Target {
    /// The name of the target.
    pub name: &'static str,
    /// The function under test.
    pub body: fn(&[u8]),
    /// The number of mutations in a usual run of the tests, which takes some seconds.
    pub inputs: usize,
}

const fn target(name: &'static str, body: fn(&[u8]), inputs: usize) -> Target {
    Target { name, body, inputs }
}

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    target("book", book::run, 2_000),
    target("checksum", checksum::run, 20_000),
    target("frame", frame::run, 1_000),
    target("ops", ops::run, 400),
    target("record", record::run, 20_000),
    target("seal", seal::run, 20_000),
    target("search", search::run, 5_000),
    target("vcard", vcard::run, 5_000),
];

/// Runs the target called `name` over `bytes`.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no fuzz target is called {name}"));
    (target.body)(bytes);
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
