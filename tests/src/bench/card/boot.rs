//! The cost of a start, from power to the box being open.

use super::contacts::{box_of, chip_with};
use crate::cable::Cable;
use crate::desk_device::{no_card, start};
use crate::emulator::{Device, Power, firmware};
use crate::tally::Watched;
use contactbox_core::store::diary::Cause;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A start with a number of contacts.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The reads of the flash and their bytes, by the app on a host.
    pub host: [u64; 2],
    /// The same by the program in the emulator, as the model of its chip counts them.
    pub emulated: [u64; 2],
    /// The instructions until the box is open, or the reason why they are unknown.
    pub instructions: Result<u64, String>,
    /// The time from power to the first answer, including the emulator's own start.
    pub time: Duration,
}

/// Starts a device with `count` contacts, on a host and in the emulator; `log` reads its messages.
pub fn measure(count: usize, log: &Result<LogReader, String>) -> Result<Boot, String> {
    let (mut chip, _) = chip_with(count)?;
    let mut device = Device::with_flash(box_of(&chip));
    chip.reset_counters();
    let mut bench = start(chip, no_card(), 1, Cause::Power);
    if bench.device.book().counts().active as usize != count {
        return Err("the box does not hold what was put into it".into());
    }
    let counters = bench.device.into_flash().counters();

    let begun = Instant::now();
    device.start_with(Power::default());
    answer(&device)?;
    let time = begun.elapsed();
    device.cut();

    // Each start is on the same flash, since it writes no more than a line into the diary.
    device.start_with(Power { watched: Watched::Everything, ..Power::default() });
    answer(&device)?;
    device.cut();
    let counts = device.total();

    device.start_with(Power { by_instructions: true, ..Power::default() });
    answer(&device)?;
    device.cut();
    let instructions = log.as_ref().map_err(Clone::clone).and_then(|log| log.cycles(&device));
    Ok(Boot {
        host: [counters.reads, counters.read_bytes],
        emulated: [counts.flash_reads, counts.flash_read_bytes],
        instructions,
        time,
    })
}

/// Waits until the device answers, which it does first when its box is open.
fn answer(device: &Device) -> Result<(), String> {
    let told = Cable::plug_in(&device.cable());
    told.map(drop).map_err(|error| format!("{error}\n{}", device.log()))
}

/// A program that decodes a device's log.
pub struct LogReader(std::path::PathBuf);

impl LogReader {
    /// Builds the reader, which is a package of its own because its decoder needs that.
    pub fn build() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("device-log");
        // Beside this program, so that nothing is built within the source.
        let target = std::env::current_exe()
            .ok()
            .and_then(|program| Some(program.parent()?.parent()?.join("device-log")))
            .ok_or("the folder of this program is not known")?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cargo does not run: {error}"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().rfind(|line| !line.trim().is_empty());
            return Err(format!("no reader of logs: {}", last.unwrap_or("no reason given").trim()));
        }
        Ok(Self(target.join("debug/contactbox-device-log")))
    }

    /// Returns the cycles after which the device had opened its box.
    fn cycles(&self, device: &Device) -> Result<u64, String> {
        let output = Command::new(&self.0).arg(firmware()).arg(device.words()).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said.lines().find_map(|line| {
            line.split_once("opened after ")?.1.strip_suffix(" cycles")?.parse().ok()
        });
        told.ok_or_else(|| format!("the device does not tell: {said}"))
    }
}
