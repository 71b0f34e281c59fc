//! The cost of littlefs for the work of `flash-cost`, which starts this program and reads its
//! lines: the version, then one for each work, with cells separated by tabs.
use contactbox_tests::bench::engine::{Engine, Trouble};
use contactbox_tests::bench::flash::{self, CostChip, Fill, PAGE_BYTES, PAGES, WORD_BYTES};
use contactbox_tests::bench::work::{Choice, Edit};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use littlefs2::consts::{U2, U256};
use littlefs2::driver;
use littlefs2::fs::{Allocation, Filesystem};
use littlefs2::io::{Error, Result};
use littlefs2::path::PathBuf;

const NAME: &str = "littlefs2, a file a contact";
/// The longest record of the work, and some room.
const RECORD_BYTES_MAX: usize = 512;

struct Storage(CostChip);

impl driver::Storage for Storage {
    const READ_SIZE: usize = 16;
    const WRITE_SIZE: usize = 16;
    const BLOCK_SIZE: usize = PAGE_BYTES;
    const BLOCK_COUNT: usize = PAGES;
    // Within the range that littlefs suggests.
    const BLOCK_CYCLES: isize = 500;
    type CACHE_SIZE = U256;
    type LOOKAHEAD_SIZE = U2;

    fn read(&mut self, offset: usize, bytes: &mut [u8]) -> Result<usize> {
        self.0.nor_mut().read(offset as u32, bytes).map_err(|_| Error::IO)?;
        Ok(bytes.len())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<usize> {
        self.0.nor_mut().write(offset as u32, bytes).map_err(|_| Error::IO)?;
        Ok(bytes.len())
    }

    fn erase(&mut self, offset: usize, length: usize) -> Result<usize> {
        let (start, end) = (offset as u32, (offset + length) as u32);
        self.0.nor_mut().erase(start, end).map_err(|_| Error::IO)?;
        Ok(length)
    }
}

struct Littlefs {
    files: Filesystem<'static, Storage>,
}

fn trouble(error: Error) -> Trouble {
    Trouble(if error == Error::NO_SPACE {
        "no space left".into()
    } else {
        format!("error {}", error.code())
    })
}

fn path(key: u32) -> PathBuf {
    PathBuf::try_from(format!("{key:x}").as_str()).expect("a short name of hex digits is a path")
}

impl Engine<WORD_BYTES, PAGE_BYTES> for Littlefs {
    const NAME: &'static str = NAME;

    fn format(chip: CostChip) -> std::result::Result<Self, Trouble> {
        Filesystem::format(&mut Storage(chip.clone())).map_err(trouble)?;
        Self::open(chip, 0)
    }

    fn open(chip: CostChip, _boot: u32) -> std::result::Result<Self, Trouble> {
        // The file system borrows both; a dozen of them in the life of this program may stay.
        let allocation = Box::leak(Box::new(Allocation::new()));
        let storage = Box::leak(Box::new(Storage(chip)));
        let files = Filesystem::mount(allocation, storage).map_err(trouble)?;
        Ok(Self { files })
    }

    fn put(&mut self, edit: &Edit) -> std::result::Result<(), Trouble> {
        self.files.write(&path(edit.key), &edit.record).map_err(trouble)
    }

    fn get(&mut self, key: u32, out: &mut Vec<u8>) -> std::result::Result<bool, Trouble> {
        out.clear();
        match self.files.read::<RECORD_BYTES_MAX>(&path(key)) {
            Ok(record) => out.extend_from_slice(&record),
            Err(error) if error == Error::NO_SUCH_ENTRY => return Ok(false),
            Err(error) => return Err(trouble(error)),
        }
        Ok(true)
    }
}

fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split_once("name = \"littlefs2\"\nversion = \"");
    entry
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("of unknown version", |(version, _)| version)
}

fn main() {
    println!("{}", version());
    for fill in Fill::all() {
        for choice in Choice::ALL {
            let cells = match flash::measure::<Littlefs>(fill, choice) {
                Ok(cost) => cost.cells(NAME),
                Err(why) => vec![NAME.into(), why],
            };
            println!("{}\t{}\t{}", fill.percent, choice.name(), cells.join("\t"));
        }
    }
}
