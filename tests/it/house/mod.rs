//! The house rules, held over the source itself.

mod walls;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;

/// The entries of the top level beside dot files, licences and the files of a build.
const TOP_LEVEL: [&str; 8] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "core",
    "daemon",
    "firmware",
    "tests",
];
const TOP_LEVEL_LEFT: [&str; 1] = ["target"];

/// A file's path from the root, with `/` on every system, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns its code up to the tests at its end, without the lines that are only comments.
    fn code_without_tests(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            // Tests in a file of their own are only named here, with a semicolon.
            let names_a_file = lines.peek().is_some_and(|next| next.ends_with(';'));
            if line.starts_with("#[cfg(test)]") && !names_a_file {
                break;
            }
            if !line.trim_start().starts_with("//") {
                code.push_str(line);
                code.push('\n');
            }
        }
        code
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the root")
        .to_path_buf()
}

/// Returns every text file of the project that a person wrote.
fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project opens") {
            let path = entry.expect("an entry of an open folder").path();
            let relative = path.strip_prefix(&root).expect("found under the root");
            let name = relative.to_string_lossy().replace('\\', "/");
            let left = [
                "target",
                ".git",
                "tests/samples",
                "tests/seeds",
                "tests/golden",
                "daemon/src/samples/people.vcf",
            ];
            let made = [
                "tests/device-log/target",
                "tests/fuzz/target",
                "tests/fuzz/corpus",
                "tests/fuzz/artifacts",
            ];
            if left.contains(&name.as_str())
                || made.contains(&name.as_str())
                || name.ends_with("Cargo.lock")
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                sources.push(Source { path: name, text });
            }
        }
    }
    assert!(sources.len() > 10, "the project was not found in {}", root.display());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Fails with all breaches at once, each on a line.
fn none(rule: &str, breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{rule}\n  {}", breaches.join("\n  "));
}

/// Returns whether `word` stands in `text` on its own, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(joins)
            && !text[at + word.len()..].chars().next().is_some_and(joins)
    })
}

/// Returns the lines of all sources that break a rule, as `path:line: text`.
fn lines_where(breaks: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if breaks(&source, line) {
                found.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_top_level_holds_what_it_should() {
    let mut found: Vec<_> = fs::read_dir(root())
        .expect("the root opens")
        .map(|entry| {
            entry.expect("an entry of an open folder").file_name().to_string_lossy().into_owned()
        })
        .filter(|name| !name.starts_with('.') && !name.starts_with("LICENSE-"))
        .filter(|name| !TOP_LEVEL_LEFT.contains(&name.as_str()))
        .collect();
    found.sort();
    assert_eq!(found, TOP_LEVEL);
}

#[test]
fn no_file_is_too_long() {
    let too_long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", source.path))
    });
    none("a file has at most 600 lines", too_long.collect());
}

#[test]
fn core_is_safe_and_without_alloc() {
    let word = concat!("un", "safe");
    let breaches = lines_where(|source, line| {
        let in_core = source.is_rust() && source.path.starts_with("core/");
        let in_sim = source.path.starts_with("core/src/sim/");
        let code = !line.trim_start().starts_with("//");
        in_core
            && code
            && (has_word(line, word) || (!in_sim && line.contains("extern crate alloc")))
    });
    none("core has no such code, and no alloc", breaches);
    let map = fs::read_to_string(root().join("core/src/lib.rs")).expect("core has a map");
    assert!(map.contains(&format!("#![forbid({word}_code)]")), "core forbids it");
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let pieces = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ign", "ore"),
        concat!("db", "g!("),
    ];
    let left = lines_where(|_, line| {
        words.iter().any(|word| has_word(line, word))
            || pieces.iter().any(|piece| line.contains(piece))
    });
    none("work is done or not begun", left);
}

#[test]
fn nothing_names_the_place_where_it_was_made() {
    let folders =
        [concat!("/wo", "rk/"), concat!("/tm", "p/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let hosts = [
        concat!("crates", ".io"),
        concat!("py", "pi.org"),
        concat!("npm", "js.org"),
        concat!("deb.", "debian.org"),
        concat!("static.rust", "-lang.org"),
        concat!("proxy.go", "lang.org"),
    ];
    let papers = [concat!("DESIGN", ".md"), concat!("FACTS", ".md"), concat!("STYLE", ".md")];
    let named = lines_where(|_, line| {
        folders.iter().chain(&hosts).chain(&papers).any(|name| line.contains(name))
    });
    none("no path of one machine, no host of a registry, no paper that is not here", named);
}
