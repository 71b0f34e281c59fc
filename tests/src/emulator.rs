//! The emulated device: images of its flash and its card, and the emulator that runs the firmware.
//!
//! A test fails, and names the tool, if one is missing on the machine: nothing is skipped.

use crate::disk;
use crate::stack;
use crate::tally::{Counts, Tally, Watched};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bytes of the flash chip (is25wp256).
pub const FLASH_BYTES: usize = 32 * 1024 * 1024;

/// The format of a card. Its size is a power of two, as the emulator demands.
#[derive(Clone, Copy)]
struct Format {
    bytes: u64,
    /// The kind of FAT: 16 or 32.
    bits: u8,
    /// The type of the partition.
    kind: u8,
    cluster_sectors: u8,
}

/// A card just large enough for FAT32, which then has the smallest clusters.
const SMALL: Format = Format { bytes: 64 << 20, bits: 32, kind: 0x0C, cluster_sectors: 1 };

/// A card with clusters about as long as on cards that people buy, and no larger than necessary.
const COMMON: Format = Format { bytes: 128 << 20, bits: 16, kind: 0x06, cluster_sectors: 32 };

/// The place at which the card's only partition begins, in bytes.
const PARTITION_AT: u64 = 1024 * 1024;

/// The longest time until the emulator opens its cable.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// Runs a tool to its end and returns its output; `package` contains it on Debian.
pub fn tool(package: &str, command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => panic!("{name} does not run ({error}). On Debian: apt-get install {package}"),
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{printed}{complaint}", output.status);
    printed
}

/// Returns a tool of system administration, which is not on every user's path.
pub fn system_tool(name: &str) -> Command {
    let here = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name));
    let path = here.into_iter().find(|path| path.exists());
    Command::new(path.unwrap_or_else(|| name.into()))
}

/// Returns the firmware for the emulated board: `CONTACTBOX_FIRMWARE` if that is set, else built
/// now.
pub fn firmware() -> &'static Path {
    static FIRMWARE: OnceLock<PathBuf> = OnceLock::new();
    FIRMWARE.get_or_init(|| {
        if let Some(path) = std::env::var_os("CONTACTBOX_FIRMWARE") {
            return path.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/run");
        let printed = tool("rustc-web cargo-web rust-web-src", Command::new(script).arg("--build"));
        let path = printed.lines().last().unwrap_or_default().trim().to_owned();
        assert!(Path::new(&path).is_file(), "the build of the firmware names no file: {printed}");
        path.into()
    })
}

/// A microSD card as an image: MBR and one partition.
pub struct CardImage {
    path: PathBuf,
    bytes: u64,
}

impl CardImage {
    /// Makes an empty card in this file: FAT32, clusters of 512 bytes.
    pub fn new(path: PathBuf) -> Self {
        Self::formatted(path, SMALL)
    }

    /// Makes an empty card in this file: FAT16, clusters of 16 KiB.
    pub fn common(path: PathBuf) -> Self {
        Self::formatted(path, COMMON)
    }

    fn formatted(path: PathBuf, format: Format) -> Self {
        let mut file = File::create(&path).expect("the folder takes a file");
        file.set_len(format.bytes).expect("there is room for a card");
        let mut partition = [0; 16];
        partition[4] = format.kind;
        let sectors = (format.bytes - PARTITION_AT) / 512;
        partition[8..12].copy_from_slice(&((PARTITION_AT / 512) as u32).to_le_bytes());
        partition[12..].copy_from_slice(&(sectors as u32).to_le_bytes());
        file.seek(SeekFrom::Start(446)).expect("a file");
        file.write_all(&partition).expect("a file");
        file.seek(SeekFrom::Start(510)).expect("a file");
        file.write_all(&[0x55, 0xAA]).expect("a file");
        drop(file);
        let mut command = system_tool("mkfs.vfat");
        command.arg("-F").arg(format.bits.to_string());
        command.arg("-s").arg(format.cluster_sectors.to_string());
        command.args(["-n", "CONTACTS", "--offset"]);
        command.arg((PARTITION_AT / 512).to_string()).arg(&path);
        // Without this length, that of the whole file would be taken for the partition's.
        command.arg((sectors / 2).to_string());
        tool("dosfstools", &mut command);
        Self { path, bytes: format.bytes }
    }

    /// Makes a card with these bytes in this file.
    pub fn of(path: PathBuf, bytes: &[u8]) -> Self {
        fs::write(&path, bytes).expect("there is room for a card");
        Self { path, bytes: bytes.len() as u64 }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the whole content. Zeros take no space.
    pub fn put_back(&self, bytes: &[u8]) {
        const PIECE: usize = 64 * 1024;
        let mut file = File::create(&self.path).expect("the card is a file");
        for (number, piece) in bytes.chunks(PIECE).enumerate() {
            if piece.iter().any(|byte| *byte != 0) {
                file.seek(SeekFrom::Start((number * PIECE) as u64)).expect("a file");
                file.write_all(piece).expect("there is room for a card");
            }
        }
        file.set_len(bytes.len() as u64).expect("a file");
    }

    /// Returns all bytes.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).expect("the card is a file")
    }

    /// Runs the checker of file systems, and fails if it finds something that could cost a file or
    /// a part of one, since a device may lose power while it writes. The check changes nothing.
    pub fn check(&self) -> Result<(), String> {
        let mut image = File::open(&self.path).expect("the card is a file");
        image.seek(SeekFrom::Start(PARTITION_AT)).expect("a file");
        let mut partition = tempfile::NamedTempFile::new().expect("room for temporary files");
        std::io::copy(&mut image.take(self.bytes - PARTITION_AT), &mut partition)
            .expect("room for a card");
        let mut check = system_tool("fsck.vfat");
        let output = check.arg("-n").arg(partition.path()).output();
        let output = output.expect("fsck.vfat runs (on Debian: apt-get install dosfstools)");
        let printed = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(());
        }
        let found = disk::harm(disk::findings(&printed));
        let is_content = found.is_empty() && !printed.trim().is_empty();
        if is_content { Ok(()) } else { Err(printed.into_owned()) }
    }

    /// Returns a file of the card, read by tools that know nothing of this project.
    pub fn read(&self, name: &str) -> Vec<u8> {
        self.try_read(name).unwrap_or_else(|| panic!("{name} is on the card"))
    }

    /// Does the same, if the file is there.
    pub fn try_read(&self, name: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().expect("room for temporary files");
        let out = folder.path().join("file");
        let mut copy = Command::new("mcopy");
        copy.arg("-n").arg("-i").arg(format!("{}@@{PARTITION_AT}", self.path.display()));
        let copied = copy.arg(format!("::{name}")).arg(&out).stderr(Stdio::null()).status();
        copied.expect("mcopy runs (on Debian: apt-get install mtools)");
        fs::read(out).ok()
    }
}

/// The conditions under which a device is started.
#[derive(Clone, Copy, Default)]
pub struct Power<'c> {
    /// The card in its slot, or none.
    pub card: Option<&'c CardImage>,
    /// The requests of its program to flash and card that are counted.
    pub watched: Watched,
    /// True if its clock shows the instructions carried out, one a nanosecond, so that two runs are
    /// alike.
    pub by_instructions: bool,
}

/// A device: its flash, which outlives power cuts, and the emulator while it has power.
pub struct Device {
    folder: TempDir,
    running: Option<Child>,
    tally: Tally,
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    /// Returns a device fresh from the factory, with blank flash.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("room for temporary files");
        let mut flash = File::create(folder.path().join("flash.img")).expect("a folder");
        let blank = vec![0xFF; 1024 * 1024];
        for _ in 0..FLASH_BYTES / blank.len() {
            flash.write_all(&blank).expect("room for the flash");
        }
        Self { folder, running: None, tally: Tally::default() }
    }

    /// Returns a device whose flash begins with these bytes.
    pub fn with_flash(bytes: &[u8]) -> Self {
        let device = Self::new();
        let flash = File::options().write(true).open(device.flash());
        flash.and_then(|mut flash| flash.write_all(bytes)).expect("the flash is a file");
        device
    }

    /// Returns the image of the flash.
    pub fn flash(&self) -> PathBuf {
        self.folder.path().join("flash.img")
    }

    /// Returns the socket of the cable, which exists while the device has power.
    pub fn cable(&self) -> PathBuf {
        self.folder.path().join("cable")
    }

    /// Returns the emulator's own console, which exists while the device has power.
    fn monitor(&self) -> PathBuf {
        self.folder.path().join("monitor")
    }

    /// Returns the device's log since its start, for a decoder.
    pub fn words(&self) -> PathBuf {
        self.folder.path().join("defmt")
    }

    /// Returns the running count of requests to flash and card since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the count up to the power cut.
    pub fn total(&mut self) -> Counts {
        assert!(self.running.is_none(), "the device goes on asking");
        self.tally.total()
    }

    /// Returns the emulator's complaints since the start.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts the device with a card in its slot or none.
    pub fn start(&mut self, card: Option<&CardImage>) {
        self.start_with(Power { card, ..Power::default() });
    }

    /// Starts the device.
    pub fn start_with(&mut self, power: Power<'_>) {
        assert!(self.running.is_none(), "the device has power already");
        fs::remove_file(self.cable()).ok();
        let log = File::create(self.folder.path().join("log")).expect("a folder");
        let mut emulator = Command::new("qemu-system-riscv64");
        emulator.args(["-M", "sifive_u,msel=6", "-smp", "2", "-m", "64M", "-display", "none"]);
        emulator
            .arg("-monitor")
            .arg(format!("unix:{},server=on,wait=off", self.monitor().display()));
        emulator.args(["-bios", "none", "-kernel"]).arg(firmware());
        emulator.arg("-drive");
        emulator.arg(format!("file={},if=mtd,format=raw", self.flash().display()));
        if let Some(card) = power.card {
            emulator.arg("-drive");
            emulator.arg(format!("file={},if=sd,format=raw", card.path().display()));
        }
        emulator.arg("-serial").arg(format!("unix:{},server=on,wait=off", self.cable().display()));
        // The log of the device comes out of the second port, for a decoder.
        emulator.arg("-serial").arg(format!("file:{}", self.words().display()));
        if power.by_instructions {
            emulator.args(["-icount", "shift=0"]);
        }
        emulator.args(power.watched.arguments());
        emulator.stdin(Stdio::null()).stdout(log.try_clone().expect("a file"));
        emulator.stderr(Stdio::piped());
        let mut child = match emulator.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "qemu-system-riscv64 does not run ({error}). On Debian: apt-get install qemu-system-misc"
            ),
        };
        let told = child.stderr.take().expect("it was asked for");
        self.tally = Tally::of(told, log);
        self.running = Some(child);
        let start = Instant::now();
        while UnixStream::connect(self.cable()).is_err() {
            assert!(start.elapsed() < START_TIME_MAX, "no cable appears: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Cuts the power, after a check of the stack. The emulator stops between two instructions, and
    /// the chips keep what they had taken.
    pub fn cut(&mut self) {
        if self.running.is_none() {
            return;
        }
        stack::check(&self.monitor(), self.folder.path());
        let Some(mut child) = self.running.take() else { return };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child");
        child.wait().expect("a child can be waited for");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
