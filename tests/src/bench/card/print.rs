//! The tables of `card-bench`.

use super::contacts::{SEED, chip_with, counts};
use super::{CHANGED, Cost, Costs, EDITS, boards, boot, emulated, host};
use crate::bench::table::{Table, grouped, shown};
use crate::disk::Disk;
use crate::emulator::{CardImage, tool};
use contactbox_firmware::app::memory::{PAGE_BYTES, PAGES, SLOTS};
use std::io::Write;
use std::process::Command;

/// The most sector writes that one edit may cost.
pub const EDIT_SECTORS_MAX: u64 = 8;

/// The most bytes over the cable, in both directions, of a meeting after [`CHANGED`] changes.
pub const NEXT_SYNC_BYTES_MAX: u64 = 8 * 1024;

/// Measures everything and prints it.
pub fn all() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let blank_card = CardImage::common(folder.path().join("blank.img")).bytes();
    let [few, many] = counts();
    let (_, live_bytes) = chip_with(many)?;
    println!("What a card and a cable cost a device");
    println!();
    println!(
        "contacts  invented people with names, company, phone numbers, emails: {} bytes each on flash; seed {SEED}",
        live_bytes / many as u64
    );
    println!(
        "device    holds {} contacts in {} KiB of flash; it is measured with {}",
        grouped(SLOTS as u64),
        PAGES * PAGE_BYTES / 1024,
        grouped(many as u64)
    );
    println!(
        "host      its app on this machine; its chip and its card are RAM, so seconds are those of the processor"
    );
    let version = tool("qemu-system-misc", Command::new("qemu-system-riscv64").arg("--version"));
    println!("emulator  its program in {}", version.lines().next().unwrap_or("QEMU"));
    println!("card      128 MiB, FAT16, clusters of 16 KiB, formatted by mkfs.vfat");
    println!(
        "sectors   512 bytes, those of the file system included: counted by the card in RAM, and by the emulator's"
    );
    println!("          own card as its trace tells (-trace sdcard_write_block)");
    println!("cable     bytes both ways together; the other end is a box on this machine");
    println!("time      by this machine's clock, from outside");
    println!();
    flush();

    let on_host = host::measure(&Disk::new(blank_card.clone()))?;
    let in_emulator = emulated::measure(folder.path(), &blank_card)?;
    print!("{}", costs(&on_host, &in_emulator, [few, many]));
    println!();
    println!(
        "snapshot  from the first look at the card to the end: written, read back, room behind it prepared"
    );
    println!(
        "edit      the dearest of {EDITS} and the middle time, from the request to the card being read back"
    );
    println!(
        "sync      the time is that of the cable; the sectors are what the card in the slot takes afterwards"
    );
    println!(
        "aims      an edit within {EDIT_SECTORS_MAX} sectors: {}; {CHANGED} changes by cable under {} bytes: {}",
        in_emulator.edit.sectors.max(on_host.edit.sectors),
        grouped(NEXT_SYNC_BYTES_MAX),
        grouped(in_emulator.next_sync.cable_bytes.max(on_host.next_sync.cable_bytes))
    );
    println!();
    flush();

    println!("Start with power, to the box being open; without a card");
    let log = boot::LogReader::build();
    let columns = [
        "contacts",
        "host: reads",
        "bytes",
        "emulator: reads",
        "bytes",
        "instructions",
        "first answer",
    ];
    let mut table = Table::new(&columns);
    for count in [few, many] {
        let boot = boot::measure(count, &log)?;
        let [[reads, bytes], [their_reads, their_bytes]] = [boot.host, boot.emulated];
        let instructions = boot.instructions.map_or_else(|why| why, grouped);
        let numbers = [reads, bytes, their_reads, their_bytes].map(grouped);
        let mut cells = vec![grouped(count as u64)];
        cells.extend(numbers);
        cells.extend([instructions, shown(boot.time)]);
        table.row(cells);
    }
    print!("{table}");
    println!();
    println!(
        "reads     of the flash: what the chip in RAM counts, and what the emulator's chip tells in its trace; the"
    );
    println!(
        "          emulated device keeps a diary of 16 pages, the one on the host of 4: two reads a page apart"
    );
    println!(
        "instructions  of the emulated processor (-icount), waiting for each byte of its flash included"
    );
    println!("first answer  from power to a hello, the emulator's own start included");
    println!();
    flush();

    println!("The program on each board: tests/run device");
    let columns = ["board", "code", "of", "RAM", "of", "of it stack"];
    let mut table = Table::new(&columns);
    for size in boards::sizes()? {
        let numbers = [size.code, size.code_max, size.ram, size.ram_max, size.stack].map(grouped);
        table.row([vec![size.board], numbers.to_vec()].concat());
    }
    print!("{table}");
    Ok(())
}

/// Flushes standard output: a run takes minutes, and a pipe should see each table when it is done.
fn flush() {
    let _ = std::io::stdout().flush();
}

/// Picks the cost of one piece of work.
type CostOf = fn(&Costs) -> Cost;

/// Returns the table of all work in both places.
fn costs(host: &Costs, emulator: &Costs, [few, many]: [usize; 2]) -> Table {
    let columns = [
        "work",
        "host: sectors",
        "cable bytes",
        "time",
        "emulator: sectors",
        "cable bytes",
        "time",
    ];
    let mut table = Table::new(&columns);
    let [few, many] = [few, many].map(|count| grouped(count as u64));
    let rows: [(String, CostOf, bool); 7] = [
        (format!("one edit appended, of {many}"), |costs| costs.edit, false),
        (format!("snapshot of {few}"), |costs| costs.snapshots[0], false),
        (format!("snapshot of {many}"), |costs| costs.snapshots[1], false),
        (format!("merging a card of {many}"), |costs| costs.merge, false),
        ("the snapshot left there after it".into(), |costs| costs.after_merge, false),
        (format!("cable sync of {many}"), |costs| costs.first_sync, true),
        (format!("cable sync of {CHANGED} changed"), |costs| costs.next_sync, true),
    ];
    for (name, cost, is_cable) in rows {
        let cells = |cost: Cost| {
            let bytes = if is_cable { grouped(cost.cable_bytes) } else { String::new() };
            [grouped(cost.sectors), bytes, shown(cost.time)]
        };
        table
            .row([vec![name], cells(cost(host)).to_vec(), cells(cost(emulator)).to_vec()].concat());
    }
    table
}
