//! Walls: which module and which crate may name which, and what only one place may name.

use super::{has_word, lines_where, none, root, sources};
use contactbox_tests::report;
use std::fs;

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

/// The tests build the daemon with core's simulator, so they would not notice its use.
#[test]
fn what_ships_does_without_the_simulator() {
    let strays = lines_where(|source, line| {
        let ships = ["daemon/", "firmware/src/"].iter().any(|room| source.path.starts_with(room));
        source.is_rust() && ships && has_word(line, "sim")
    });
    none("the simulator is for tests", strays);
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

/// The crates of this project, and the others that each may depend on.
const CRATES: [(&str, &str, &[&str]); 10] = [
    ("core", "core", &[]),
    ("api", "daemon/api", &[]),
    ("system", "daemon/system", &["core"]),
    ("formats", "daemon/formats", &["api", "core"]),
    ("engine", "daemon/engine", &["core", "system"]),
    ("sync", "daemon/sync", &["api", "core", "engine", "system"]),
    ("server", "daemon/server", &["api", "core", "engine", "formats", "sync", "system"]),
    ("daemon", "daemon", &["api", "core", "formats", "server", "sync", "system"]),
    ("firmware", "firmware", &["core"]),
    ("fuzz", "tests/fuzz", &["tests"]),
];

#[test]
fn crates_depend_one_way() {
    let mut breaches = Vec::new();
    for (name, folder, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml"))
            .unwrap_or_else(|error| panic!("{folder}: {error}"));
        // Crates that only the tests need may be anything.
        let ships = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for line in ships.lines() {
            let Some(rest) = line.strip_prefix("contactbox-") else { continue };
            let other = rest.split(['.', ' ', '=']).next().unwrap_or_default();
            if !allowed.contains(&other) {
                breaches.push(format!("{name} -> {other}"));
            }
        }
    }
    none("crates know those below them", breaches);
}

/// A name, and the folders or files that may use it.
const KEPT_TO: [(&str, &[&str], &str); 9] = [
    ("tokio", &["daemon/server/"], "waiting for many at once is a matter of the server"),
    ("interprocess::local_socket::tokio", &["daemon/server/"], "so are the sockets it waits at"),
    ("serial2", &["daemon/sync/src/device/port.rs"], "cables have one file"),
    ("encoding_rs", &["daemon/formats/"], "character sets are a matter of formats"),
    ("chardetng", &["daemon/formats/"], "character sets are a matter of formats"),
    (
        "clap",
        &["daemon/src/cli/", "daemon/system/src/config.rs"],
        "so are words of the command line",
    ),
    ("contactbox_server", &["daemon/src/cli/serve.rs"], "clients go through the socket"),
    (
        "contactbox_engine",
        &["daemon/engine/", "daemon/sync/", "daemon/server/"],
        "so do all of them",
    ),
    (
        "serde_json",
        &["daemon/api/", "daemon/formats/", "daemon/server/", "daemon/sync/", "daemon/src/"],
        "the owner of the box knows no wire",
    ),
];

#[test]
fn names_are_kept_to_their_places() {
    for (name, places, rule) in KEPT_TO {
        let strays = lines_where(|source, line| {
            let is_code = source.is_rust() && source.path.starts_with("daemon/");
            let is_kept = places.iter().any(|place| source.path.starts_with(place));
            let is_comment = line.trim_start().starts_with("//");
            is_code && !is_kept && !is_comment && has_word(line, name)
        });
        none(&format!("{name}: {rule}"), strays);
    }
}

/// The box, cards, devices and sessions have errors of their own.
#[test]
fn one_file_maps_errors_to_the_wire() {
    let kind = concat!("ErrorKind", "::");
    let rooms = ["sync/", "server/src/answer/", "server/src/session/", "server/src/serve"];
    let is_room = |path: &str| {
        path.strip_prefix("daemon/")
            .is_some_and(|path| rooms.iter().any(|room| path.starts_with(room)))
    };
    let strays = sources().into_iter().filter(|source| {
        let code = source.code_without_tests();
        let code = code.replace("io::ErrorKind::", "");
        source.is_rust() && !is_test(&source.path) && is_room(&source.path) && code.contains(kind)
    });
    none(
        "daemon/server/src/errors.rs alone decides which kind of error a client sees",
        strays.map(|source| source.path).collect(),
    );
}

/// Returns whether a file has only tests.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

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
        // A daemon for the tests of clients.
        let is_fake = source.path == "daemon/src/client/fake.rs";
        let is_api = source.path.starts_with("daemon/api/");
        if source.path.starts_with("daemon/") && !is_api && !is_test(&source.path) && !is_fake {
            let code = source.code_without_tests();
            let lines = code.lines().filter(|line| is_loose(line));
            found.extend(lines.map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    report::line("loose JSON", &format!("{} lines beside the types", found.len()));
    none("what goes over the socket has a type in daemon/api", found);
}

#[test]
fn the_command_line_does_not_open_the_book() {
    let strays = lines_where(|source, line| {
        ["daemon/src/", "daemon/api/"].iter().any(|room| source.path.starts_with(room))
            && line.contains(concat!("contactbox_core::", "store"))
    });
    none("clients go through the socket", strays);
}
