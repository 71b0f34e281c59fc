//! The house rules, held over the source itself.
use contactbox_tests::report;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;

/// The percentage of type names that may stand for several things.
const SHARED_NAMES_MAX_PERCENT: usize = 4;

/// The characters of a line of a comment or a paper.
const COLUMNS_MAX: usize = 100;

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

/// The modules of core, and the others that each may name. `sim` stands beside them, for tests.
const CORE_MODULES: [(&str, &[&str]); 9] = [
    ("limits", &[]),
    ("text", &[]),
    ("contact", &["limits", "text"]),
    ("vcard", &["limits", "text", "contact"]),
    ("search", &["limits", "text", "contact"]),
    // The book searches, because it is the facade.
    ("store", &["limits", "text", "contact", "search"]),
    ("card", &["limits", "text", "contact", "vcard", "store"]),
    ("service", &["limits", "text", "contact", "search", "store", "card"]),
    ("sim", &["limits", "contact", "store", "card"]),
];

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

/// Returns whether a line is read by a person and could be broken: not one of a table, a heading, a
/// program or one long word.
fn can_be_broken(text: &str) -> bool {
    let text = text.trim_start_matches(['/', '!']).trim_start();
    !text.starts_with(['|', '#', '`'])
}

#[test]
fn what_is_read_keeps_to_100_columns() {
    let is_wide =
        |line: &str| line.chars().count() > COLUMNS_MAX && can_be_broken(line.trim_start());
    let mut breaches = Vec::new();
    for source in sources() {
        let is_paper = source.path.ends_with(".md");
        let mut is_program = false;
        for (number, line) in source.text.lines().enumerate() {
            is_program ^= is_paper && line.starts_with("```");
            let is_read = match is_paper {
                true => !is_program && !line.starts_with("    "),
                false => source.is_rust() && line.trim_start().starts_with("//"),
            };
            if is_read && is_wide(line) {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    none("comments and papers keep to 100 columns", breaches);
}

#[test]
fn every_module_begins_with_its_duty() {
    let mute = sources().into_iter().filter(|source| source.is_rust());
    let mute = mute.filter(|source| !source.text.lines().next().unwrap_or("").starts_with("//! "));
    none(
        "the first line of a Rust file is its duty, as //!",
        mute.map(|source| source.path).collect(),
    );
}

#[test]
fn one_name_stays_in_its_files() {
    let name = concat!("sequential", "_storage");
    let allowed = |path: &str| {
        ["core/src/store/settings.rs", "core/src/store/diary.rs"].contains(&path)
            || path.starts_with("tests/src/bin/")
            || path.starts_with("tests/src/bench/")
    };
    let strays = lines_where(|source, line| {
        source.is_rust() && !allowed(&source.path) && line.contains(name)
    });
    none("settings, diary and benchmarks alone name that crate", strays);
}

#[test]
fn one_file_stuffs_frames() {
    let name = concat!("co", "bs::");
    let strays = lines_where(|source, line| {
        let is_one = source.path == "core/src/service/frame.rs"
            || source.path.starts_with("core/tests/service/");
        source.is_rust() && !is_one && line.contains(name)
    });
    none("frames alone name that crate", strays);
}

#[test]
fn one_file_of_core_names_the_fat_library() {
    let name = concat!("embedded", "_sdmmc");
    let strays = lines_where(|source, line| {
        source.is_rust()
            && source.path != "core/src/card/fat.rs"
            && !source.path.starts_with("firmware/src/board/")
            && line.contains(name)
    });
    none("FAT is a matter of core/src/card/fat.rs, the card's driver of each board", strays);
}

#[test]
fn one_file_names_the_serial_port() {
    let name = concat!("serial", "2::");
    let strays = lines_where(|source, line| {
        source.is_rust() && source.path != "daemon/src/device/port.rs" && line.contains(name)
    });
    none("cables are a matter of daemon/src/device/port.rs", strays);
}

/// The box, cards, devices and sessions have errors of their own.
#[test]
fn one_file_maps_errors_to_the_wire() {
    let kind = concat!("ErrorKind", "::");
    let rooms = ["keeper/", "card/", "device/", "session/", "serve"];
    let is_room = |path: &str| {
        path.strip_prefix("daemon/src/")
            .is_some_and(|path| rooms.iter().any(|room| path.starts_with(room)))
    };
    let strays = sources().into_iter().filter(|source| {
        let code = source.code_without_tests().replace("io::ErrorKind::", "");
        source.is_rust() && is_room(&source.path) && code.contains(kind)
    });
    none(
        "daemon/src/errors.rs alone decides which kind of error a client sees",
        strays.map(|source| source.path).collect(),
    );
}

/// The owner of the box takes jobs. Requests and their answers are a matter of the files beside it.
#[test]
fn the_thread_that_owns_the_box_knows_no_wire() {
    let files = [
        "backup", "exchange", "handle", "host", "job", "mark", "mod", "opening", "query", "room",
        "sliced",
    ];
    let strays = lines_where(|source, line| {
        let is_one = files.iter().any(|file| source.path == format!("daemon/src/keeper/{file}.rs"));
        let names =
            ["tokio", "serde_json", "contactbox_api"].iter().any(|&name| has_word(line, name));
        is_one && (names || line.contains(concat!("crate::", "rpc")))
    });
    none("jobs alone go to the thread that owns the box", strays);
}

/// The tests build the daemon with core's simulator, so they would not notice its use.
#[test]
fn what_ships_does_without_the_simulator() {
    let strays = lines_where(|source, line| {
        let ships =
            ["daemon/src/", "firmware/src/"].iter().any(|room| source.path.starts_with(room));
        source.is_rust() && ships && has_word(line, "sim")
    });
    none("the simulator is for tests", strays);
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
fn core_depends_one_way() {
    let mut breaches = Vec::new();
    for source in sources() {
        let Some(inside) = source.path.strip_prefix("core/src/").filter(|_| source.is_rust())
        else {
            continue;
        };
        let module = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some((_, allowed)) = CORE_MODULES.iter().find(|(name, _)| *name == module) else {
            breaches.push(format!(
                "{}: the module {module} is new: say in this test what it may name",
                source.path
            ));
            continue;
        };
        // Tests may use anything, and stand at the end of a file or in one of their own.
        if inside.contains("/tests/")
            || inside.ends_with("/tests.rs")
            || inside.ends_with("_tests.rs")
        {
            continue;
        }
        let code = source.code_without_tests();
        for named in crate_names(&code) {
            let module_of_ours = CORE_MODULES.iter().any(|(name, _)| *name == named);
            if module_of_ours && named != module && !allowed.contains(&named) {
                breaches.push(format!("{}: {module} names {named}", source.path));
            }
        }
    }
    none("{limits, text} <- contact <- {vcard, search} <- store <- card <- service", breaches);
}

/// Returns the name behind each `crate::` in the code; of a list in braces, each member's first
/// name.
fn crate_names(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(first_name(rest));
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (place, character) in list.char_indices() {
            depth = match character {
                '{' => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            if depth == 0 || (depth == 1 && character == ',') {
                names.push(first_name(list[start..place].trim_start()));
                start = place + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

fn first_name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn names_are_read_out_of_lists() {
    let code = "use crate::{\n    contact::{self, store},\n    limits,\n    search::Query,\n};\ncrate::vcard::read()";
    assert_eq!(crate_names(code), ["contact", "limits", "search", "", "vcard"]);
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

#[test]
fn packages_depend_one_way() {
    let manifest = |package: &str| {
        fs::read_to_string(root().join(package).join("Cargo.toml"))
            .expect("each package has a manifest")
    };
    let names = |package: &str, other: &str| {
        manifest(package).contains(&format!("contactbox-{other}."))
            || manifest(package).contains(&format!("contactbox-{other} "))
    };
    let mut breaches = Vec::new();
    for (package, forbidden) in [
        ("core", ["daemon", "firmware", "tests"]),
        ("daemon", ["firmware", "tests", "fuzz"]),
        ("daemon/api", ["core", "daemon", "firmware"]),
        ("firmware", ["daemon", "tests", "fuzz"]),
    ] {
        breaches.extend(
            forbidden
                .iter()
                .filter(|other| names(package, other))
                .map(|other| format!("{package} -> {other}")),
        );
    }
    none("tests see all, daemon and firmware see core, core and api see nobody", breaches);
}

/// Returns the type that a line of code defines, unless a trait asks for it.
fn defined_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest
            .strip_prefix('(')
            .map_or(rest, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest)),
        None => code,
    };
    let (keyword, rest) = code.trim_start().split_once(' ')?;
    let defines = ["struct", "enum", "trait", "union"].contains(&keyword)
        || keyword == "type" && !line.starts_with(' ');
    let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
    (defines && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[test]
fn the_name_of_a_type_stands_for_one_thing() {
    assert_eq!(defined_type("pub(crate) struct Walk {"), Some("Walk"));
    assert_eq!(defined_type("    type Error = Infallible;"), None);
    assert_eq!(defined_type("pub trait Memory: Sized {"), Some("Memory"));
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let ships = ["core/src/", "daemon/src/", "daemon/api/src/", "firmware/src/"];
        let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
        if !source.is_rust()
            || is_test
            || !ships.iter().any(|folder| source.path.starts_with(folder))
        {
            continue;
        }
        // The boards have the same parts, each in its own way.
        let place = match source.path.strip_prefix("firmware/src/board/") {
            Some(_) => "firmware/src/board",
            None => &source.path,
        };
        for name in source.code_without_tests().lines().filter_map(defined_type) {
            places.entry(name.to_owned()).or_default().insert(place.to_owned());
        }
    }
    let shared: Vec<String> = places
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| {
            format!("{name}: {}", files.iter().cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    report::line(
        "names of types",
        &format!("{} of {} stand for several things", shared.len(), places.len()),
    );
    assert!(places.len() > 400, "the house has more types than {}", places.len());
    assert!(shared.len() * 100 < places.len() * SHARED_NAMES_MAX_PERCENT, "{}", shared.join("\n"));
}

/// JSON that is built or read by the names of its members, in what ships beside the types for it.
/// The number may only become smaller: at none, this rule names no number any more.
const LOOSE_JSON_MAX: usize = 81;

#[test]
fn json_goes_over_the_socket_as_types() {
    let is_loose = |line: &str| {
        let indexes = line.match_indices("[\"").any(|(at, _)| {
            line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ']' | ')'))
        });
        line.contains("json!(") || indexes
    };
    assert!(is_loose(r#"told["held"] = json!(7);"#) && !is_loose(r#"let all = ["a", "b"];"#));
    let mut found = Vec::new();
    for source in sources() {
        let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
        // A daemon for the tests of clients.
        let is_fake = source.path == "daemon/src/client/fake.rs";
        if source.path.starts_with("daemon/src/") && !is_test && !is_fake {
            let code = source.code_without_tests();
            let lines = code.lines().filter(|line| is_loose(line));
            found.extend(lines.map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    report::line("loose JSON", &format!("{} lines beside the types", found.len()));
    let is_of_a_client = |line: &&String| {
        ["cli/", "client/", "demo/"].iter().any(|room| line.contains(&format!("daemon/src/{room}")))
    };
    none("clients speak in types", found.iter().filter(is_of_a_client).cloned().collect());
    assert_eq!(found.len(), LOOSE_JSON_MAX, "{}", found.join("\n"));
}

#[test]
fn the_command_line_does_not_open_the_book() {
    let strays = lines_where(|source, line| {
        ["daemon/src/cli/", "daemon/src/client/", "daemon/api/"]
            .iter()
            .any(|room| source.path.starts_with(room))
            && line.contains(concat!("contactbox_core::", "store"))
    });
    none("clients go through the socket", strays);
}
