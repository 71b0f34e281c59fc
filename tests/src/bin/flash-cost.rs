//! `flash-cost`: the cost of an edit and a get in flash, this box beside other engines on the same
//! work.
//!
//! Everything here is counted, not timed: two runs print the same numbers on any machine.
use std::io::Write;
use std::path::Path;
use std::process::Command;

use contactbox_tests::bench::engine::Engine;
use contactbox_tests::bench::engines::{Ekv, Map, UncachedMap, version_of};
use contactbox_tests::bench::flash::{
    self, COLUMNS, EDITS, Fill, GETS, PAGE_BYTES, PAGES, RECORD_BYTES, SEED, WORD_BYTES, measure,
};
use contactbox_tests::bench::ours::Ours;
use contactbox_tests::bench::table::{Table, grouped};
use contactbox_tests::bench::work::Choice;

/// The number of edits after which the wear is measured.
const WEAR_EDITS: u32 = 1_000_000;

/// An engine's row for a work: its cells, or the reason why it has none.
type Row = (String, Result<Vec<String>, String>);

fn main() {
    println!("What an edit and a get cost in flash, counted on a simulated NOR chip");
    println!();
    println!(
        "chip      {} KiB, pages of {PAGE_BYTES} B, words of {WORD_BYTES} B",
        PAGES * PAGE_BYTES / 1024
    );
    println!(
        "work      contacts with records of {} to {} B, {} random edits, then {} gets; seed {SEED}",
        RECORD_BYTES.start(),
        RECORD_BYTES.end(),
        grouped(u64::from(EDITS)),
        grouped(u64::from(GETS))
    );
    println!("x         bytes programmed for each byte of the records");
    println!("warm-up   bytes read by opening and one get of each contact, in sizes of the chip");
    println!(
        "engines   every engine stores the same bytes: the record this box makes of the contact"
    );
    println!(
        "versions  contactbox-core {}, sequential-storage {}, ekv {}",
        version_of("contactbox-core"),
        version_of("sequential-storage"),
        version_of("ekv")
    );
    let littlefs = littlefs_rows();
    match &littlefs {
        Ok(found) => println!("          littlefs2 {}", found.version),
        Err(why) => println!("          littlefs2 left out: {why}"),
    }
    for fill in Fill::all() {
        for choice in Choice::ALL {
            let mut table = Table::new(&COLUMNS);
            let mut rows = vec![
                row::<Ours<WORD_BYTES, PAGE_BYTES>>(fill, choice),
                row::<Map<WORD_BYTES, PAGE_BYTES>>(fill, choice),
                row::<Ekv<WORD_BYTES>>(fill, choice),
            ];
            if fill.percent == 14 {
                rows.insert(2, row::<UncachedMap<WORD_BYTES, PAGE_BYTES>>(fill, choice));
            }
            if let Ok(littlefs) = &littlefs {
                rows.extend(littlefs.row(fill, choice));
            }
            for (name, cells) in rows {
                match cells {
                    Ok(cells) => table.row(cells),
                    Err(why) => table.remark(&name, &why),
                }
            }
            println!();
            println!(
                "{} % full ({} contacts), edits {}; programs to bytes read are per edit",
                fill.percent,
                grouped(fill.contacts as u64),
                choice.name()
            );
            print!("{table}");
            // A run takes minutes; a pipe should see each table when it is done.
            let _ = std::io::stdout().flush();
        }
    }
    wear();
}

/// Measures how evenly this box wears its chip. The works run side by side, because each takes a
/// while.
fn wear() {
    let works: Vec<_> =
        Fill::all().into_iter().flat_map(|fill| Choice::ALL.map(|choice| (fill, choice))).collect();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .iter()
            .map(|(fill, choice)| {
                scope.spawn(|| {
                    flash::wear::<Ours<WORD_BYTES, PAGE_BYTES>>(*fill, *choice, WEAR_EDITS)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a work does not panic")).collect()
    });
    let mut table = Table::new(&["wear of contactbox", "least erases", "most erases", "apart by"]);
    for ((fill, choice), result) in works.iter().zip(results) {
        let name = format!("{} % full, {}", fill.percent, choice.name());
        match result {
            Ok((least, most)) => {
                let apart = f64::from(most - least) / f64::from(most.max(1)) * 100.0;
                let [least, most] = [least, most].map(|count| grouped(u64::from(count)));
                table.row([name, least, most, format!("{apart:.1} %")]);
            }
            Err(why) => table.remark(&name, &why),
        }
    }
    println!();
    println!("Erases of a page after {} edits", grouped(u64::from(WEAR_EDITS)));
    print!("{table}");
}

fn row<E: Engine<WORD_BYTES, PAGE_BYTES>>(fill: Fill, choice: Choice) -> Row {
    (E::NAME.into(), measure::<E>(fill, choice).map(|cost| cost.cells(E::NAME)))
}

/// The results of littlefs' program.
struct Littlefs {
    version: String,
    /// For each line the percentage, the choice, and the cells or the remark.
    lines: Vec<Vec<String>>,
}

impl Littlefs {
    fn row(&self, fill: Fill, choice: Choice) -> Option<Row> {
        let percent = fill.percent.to_string();
        let line = self.lines.iter().find(|line| line[..2] == [percent.as_str(), choice.name()])?;
        let cells = line[2..].to_vec();
        let name = cells.first().cloned().unwrap_or_default();
        Some((
            name,
            if cells.len() == COLUMNS.len() { Ok(cells) } else { Err(cells[1..].join(" ")) },
        ))
    }
}

/// Builds and runs littlefs' program. It is a package of its own because libclang makes its
/// bindings, and not every machine has that.
fn littlefs_rows() -> Result<Littlefs, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tests.join("bench/littlefs");
    // The versions in the workspace's lock file: a second lock file would fall behind.
    std::fs::copy(tests.join("../Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| format!("its lock file cannot be written: {error}"))?;
    // Beside this program, so that nothing is built within the source.
    let target = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.parent()?.join("littlefs")))
        .ok_or("the folder of this program is not known")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--release", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let libclang = errors.contains("libclang");
        let last =
            errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        return Err(if libclang {
            "its bindings need libclang, which was not found here (Debian: apt-get install libclang-dev)".into()
        } else {
            format!("it does not build here: {}", last.trim())
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines =
        text.lines().map(|line| line.split('\t').map(str::to_string).collect::<Vec<_>>());
    let version = lines.next().and_then(|line| line.into_iter().next()).unwrap_or_default();
    Ok(Littlefs { version, lines: lines.filter(|line| line.len() > 3).collect() })
}
