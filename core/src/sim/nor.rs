//! Simulates a NOR chip in RAM that refuses what real chips forbid, counts its work, and loses
//! power on command.

use embedded_storage::nor_flash as blocking;
use embedded_storage::nor_flash::{ErrorType, NorFlashError, NorFlashErrorKind};
use embedded_storage_async::nor_flash as asynchronous;

/// An error of the chip, or a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NorError {
    /// The operation was cut, or the chip has had no power since.
    PowerCut,
    /// The range goes beyond the end of the chip.
    OutOfBounds {
        /// The first byte asked for.
        offset: u32,
        /// The number of bytes.
        bytes: u32,
    },
    /// The offset or the length is not a multiple of the unit.
    NotAligned {
        /// The first byte asked for.
        offset: u32,
        /// The number of bytes.
        bytes: u32,
    },
    /// A programmed 0 would have to become 1 again.
    NotErased {
        /// The offset of the byte.
        offset: u32,
    },
    /// In strict mode: a program of this word was done or attempted since the last complete erase.
    WordTwice {
        /// The offset of the word's first byte.
        offset: u32,
    },
    /// The page is worn out and reports it.
    Worn {
        /// The number of the page.
        page: u32,
    },
}

impl NorFlashError for NorError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            NorError::OutOfBounds { .. } => NorFlashErrorKind::OutOfBounds,
            NorError::NotAligned { .. } => NorFlashErrorKind::NotAligned,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// The state in which an interrupted program or erase leaves the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Nothing has changed, though the words count as attempted.
    None,
    /// The first part is done, of a random length.
    Prefix,
    /// Each bit that was to change has changed or not, at random.
    Bits,
    /// Zeros. After a program, a random choice of the words reads as zeros. After an erase, the
    /// first part of the page does, up to a random place: some chips zero a sector before they
    /// erase it.
    Zeros,
    /// The operation is done, though the caller saw an error.
    Full,
}

impl Tear {
    /// The five modes, for sweeps.
    pub const ALL: [Tear; 5] = [Tear::None, Tear::Prefix, Tear::Bits, Tear::Zeros, Tear::Full];
}

/// The way in which a page fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// An erase reports an error.
    Erase,
    /// A program reports an error and changes nothing.
    Program,
    /// A program reports success but leaves some bits unchanged.
    Silent,
}

/// The work of the chip since it was made or since [`Nor::reset_counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of program calls.
    pub programs: u64,
    /// The number of bytes programmed.
    pub programmed_bytes: u64,
    /// The number of pages erased.
    pub erases: u64,
    /// The number of read calls.
    pub reads: u64,
    /// The number of bytes read.
    pub read_bytes: u64,
}

#[derive(Clone, Copy)]
struct Fuse {
    left: u64,
    tear: Tear,
}

/// Copies of the chip as cuts at many places would leave it. The chip itself goes on without a cut.
#[derive(Clone)]
struct Film<Chip> {
    before_next: u64,
    stride: u64,
    cuts: Vec<Chip>,
}

/// A simulated chip. `READ`, `WRITE` and `ERASE` are its units in bytes, as in `embedded_storage`.
#[derive(Clone)]
pub struct Nor<const READ: usize, const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
    attempted: Vec<bool>,
    strict: bool,
    erases: Vec<u32>,
    failing: Vec<(u32, Failing)>,
    unstable: Vec<(u32, u8)>,
    tears_are_unstable: bool,
    fuse: Option<Fuse>,
    film: Option<Film<Self>>,
    powered: bool,
    random: u64,
    counters: Counters,
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> Nor<READ, WRITE, ERASE> {
    /// Makes an erased chip of `pages` pages.
    pub fn new(pages: usize) -> Self {
        Nor {
            bytes: vec![0xFF; pages * ERASE],
            attempted: vec![false; pages * ERASE / WRITE],
            strict: false,
            erases: vec![0; pages],
            failing: Vec::new(),
            unstable: Vec::new(),
            tears_are_unstable: false,
            fuse: None,
            film: None,
            powered: true,
            random: 0x9E37_79B9_7F4A_7C15,
            counters: Counters::default(),
        }
    }

    /// Makes such a chip that refuses to program a word twice between erases.
    pub fn strict(pages: usize) -> Self {
        let mut nor = Self::new(pages);
        nor.strict = true;
        nor
    }

    /// Seeds the randomness of tears and unstable bits.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed ^ 0x9E37_79B9_7F4A_7C15;
        self.next();
    }

    /// Cuts the power in the middle of the write operation (program or erase) after `operations`
    /// more.
    pub fn cut_after(&mut self, operations: u64, tear: Tear) {
        self.fuse = Some(Fuse { left: operations, tear });
    }

    /// Keeps a copy of the chip as a cut would leave it, in every tear mode, and cuts nothing.
    ///
    /// This is done at the write operation (program or erase) after `operations` more, and at every
    /// `stride`th from there. See [`Nor::take_cuts`].
    pub fn keep_cuts(&mut self, operations: u64, stride: u64) {
        self.film = Some(Film { before_next: operations, stride: stride.max(1), cuts: Vec::new() });
    }

    /// Returns the copies kept since the last call, without power.
    pub fn take_cuts(&mut self) -> Vec<Self> {
        self.film.as_mut().map_or(Vec::new(), |film| std::mem::take(&mut film.cuts))
    }

    /// Sets whether bits that a tear left undecided read at random until the page is erased.
    pub fn tears_are_unstable(&mut self, on: bool) {
        self.tears_are_unstable = on;
    }

    /// Switches the power on and removes the fuse.
    pub fn power_on(&mut self) {
        self.powered = true;
        self.fuse = None;
    }

    /// Returns whether the power was cut.
    pub fn is_cut(&self) -> bool {
        !self.powered
    }

    /// Makes a page fail from now on.
    pub fn fail_page(&mut self, page: u32, how: Failing) {
        self.failing.push((page, how));
    }

    /// Flips one bit, as rot does.
    ///
    /// Bits are numbered from the start of the chip, the lowest bit of a byte first.
    pub fn flip(&mut self, bit: u64) {
        let byte = (bit / 8) as usize % self.bytes.len();
        self.bytes[byte] ^= 1 << (bit % 8);
    }

    /// Sets `bits` bits in a row to random values. The first and the last are always flipped.
    pub fn burst(&mut self, bit: u64, bits: u32) {
        for at in 0..u64::from(bits) {
            let edge = at == 0 || at + 1 == u64::from(bits);
            if edge || self.next() & 1 == 1 {
                self.flip(bit + at);
            }
        }
    }

    /// Returns the contents of the chip.
    pub fn contents(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the contents of the chip, for tests that change them.
    pub fn contents_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Adds erased pages at the end.
    pub fn enlarge(&mut self, pages: usize) {
        let pages = self.erases.len() + pages;
        self.bytes.resize(pages * ERASE, 0xFF);
        self.attempted.resize(pages * ERASE / WRITE, false);
        self.erases.resize(pages, 0);
    }

    /// Returns the counts of the chip's work.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Sets the counts to 0, except the erases of each page.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::default();
    }

    /// Returns the number of erases of each page.
    pub fn page_erases(&self) -> &[u32] {
        &self.erases
    }

    /// Returns the number of write operations (programs and erases), the range for a fuse.
    pub fn operations(&self) -> u64 {
        self.counters.programs + self.counters.erases
    }

    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn check(&self, offset: u32, bytes: usize, unit: usize) -> Result<(), NorError> {
        let (start, count) = (offset as usize, bytes as u32);
        if !self.powered {
            return Err(NorError::PowerCut);
        }
        if start.checked_add(bytes).is_none_or(|end| end > self.bytes.len()) {
            return Err(NorError::OutOfBounds { offset, bytes: count });
        }
        if !start.is_multiple_of(unit) || !bytes.is_multiple_of(unit) {
            return Err(NorError::NotAligned { offset, bytes: count });
        }
        Ok(())
    }

    fn failure(&self, page: usize) -> Option<Failing> {
        self.failing.iter().find(|(failing, _)| *failing as usize == page).map(|(_, how)| *how)
    }

    fn burns(&mut self) -> Option<Tear> {
        let fuse = self.fuse.as_mut()?;
        if fuse.left == 0 {
            self.powered = false;
            return Some(fuse.tear);
        }
        fuse.left -= 1;
        None
    }

    /// Keeps a copy for each tear mode of what this write operation would leave behind, if one is
    /// due. `repeat` does the operation on a copy.
    fn film(&mut self, repeat: impl Fn(&mut Self) -> Result<(), NorError>) {
        let Some(mut film) = self.film.take() else { return };
        if film.before_next == 0 {
            film.before_next = film.stride;
            for tear in Tear::ALL {
                let mut chip = self.clone();
                chip.seed(self.random ^ tear as u64);
                chip.cut_after(0, tear);
                let cut = repeat(&mut chip);
                debug_assert_eq!(cut, Err(NorError::PowerCut));
                film.cuts.push(chip);
            }
        }
        film.before_next -= 1;
        self.film = Some(film);
    }

    fn read_now(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorError> {
        self.check(offset, out.len(), READ)?;
        self.counters.reads += 1;
        self.counters.read_bytes += out.len() as u64;
        let start = offset as usize;
        out.copy_from_slice(&self.bytes[start..start + out.len()]);
        for index in 0..self.unstable.len() {
            let (at, mask) = self.unstable[index];
            if (start..start + out.len()).contains(&(at as usize)) {
                let random = self.next() as u8;
                let byte = &mut out[at as usize - start];
                *byte = (*byte & !mask) | (random & mask);
            }
        }
        Ok(())
    }

    fn write_now(&mut self, offset: u32, data: &[u8]) -> Result<(), NorError> {
        self.check(offset, data.len(), WRITE)?;
        let start = offset as usize;
        for (index, byte) in data.iter().enumerate() {
            if self.strict && self.attempted[(start + index) / WRITE] {
                let offset = ((start + index) / WRITE * WRITE) as u32;
                return Err(NorError::WordTwice { offset });
            }
            if *byte & !self.bytes[start + index] != 0 {
                return Err(NorError::NotErased { offset: (start + index) as u32 });
            }
        }
        self.film(|chip| chip.write_now(offset, data));
        self.counters.programs += 1;
        self.counters.programmed_bytes += data.len() as u64;
        let cut = self.burns();
        self.attempted[start / WRITE..(start + data.len()) / WRITE].fill(true);
        let how = self.failure(start / ERASE);
        if cut.is_none() && how == Some(Failing::Program) {
            return Err(NorError::Worn { page: (start / ERASE) as u32 });
        }
        let words = (data.len() / WRITE) as u64;
        let prefix = if words == 0 { 0 } else { (self.next() % (words + 1)) as usize * WRITE };
        let mut word_is_struck = false;
        for (index, byte) in data.iter().enumerate() {
            let at = start + index;
            let was = self.bytes[at];
            if index % WRITE == 0 {
                word_is_struck = self.next() & 1 == 0;
            }
            let is = match cut {
                None if how == Some(Failing::Silent) => was & (byte | (self.next() as u8 & 0x11)),
                None | Some(Tear::Full) => was & byte,
                Some(Tear::None) => was,
                Some(Tear::Prefix) => {
                    if index < prefix {
                        was & byte
                    } else {
                        was
                    }
                }
                Some(Tear::Bits) => was & (byte | self.next() as u8),
                Some(Tear::Zeros) => {
                    if word_is_struck {
                        0
                    } else {
                        was
                    }
                }
            };
            let undecided = was & !byte;
            if cut == Some(Tear::Bits)
                && self.tears_are_unstable
                && undecided != 0
                && self.next().is_multiple_of(4)
            {
                self.unstable.push((at as u32, undecided));
            }
            self.bytes[at] = is;
        }
        if cut.is_some() { Err(NorError::PowerCut) } else { Ok(()) }
    }

    fn erase_now(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        self.check(from, to.saturating_sub(from) as usize, ERASE)?;
        for page in from as usize / ERASE..to as usize / ERASE {
            if self.failure(page) == Some(Failing::Erase) {
                return Err(NorError::Worn { page: page as u32 });
            }
            let start = (page * ERASE) as u32;
            self.film(|chip| chip.erase_now(start, start + ERASE as u32));
            self.counters.erases += 1;
            self.erases[page] += 1;
            let cut = self.burns();
            self.erase_page(page, cut);
            if cut.is_some() {
                return Err(NorError::PowerCut);
            }
        }
        Ok(())
    }

    fn erase_page(&mut self, page: usize, cut: Option<Tear>) {
        let range = page * ERASE..(page + 1) * ERASE;
        let complete = matches!(cut, None | Some(Tear::Full));
        self.attempted[range.start / WRITE..range.end / WRITE].fill(!complete);
        if cut != Some(Tear::None) {
            self.unstable.retain(|(at, _)| !range.contains(&(*at as usize)));
        }
        let part = range.start + (self.next() as usize % (ERASE + 1));
        for at in range {
            let was = self.bytes[at];
            self.bytes[at] = match cut {
                None | Some(Tear::Full) => 0xFF,
                Some(Tear::None) => was,
                Some(Tear::Prefix) => {
                    if at < part {
                        0xFF
                    } else {
                        was
                    }
                }
                Some(Tear::Bits) => was | self.next() as u8,
                Some(Tear::Zeros) => {
                    if at < part {
                        0
                    } else {
                        was
                    }
                }
            };
            if cut == Some(Tear::Bits)
                && self.tears_are_unstable
                && was != 0xFF
                && self.next().is_multiple_of(16)
            {
                self.unstable.push((at as u32, !was));
            }
        }
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ErrorType
    for Nor<READ, WRITE, ERASE>
{
    type Error = NorError;
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> blocking::ReadNorFlash
    for Nor<READ, WRITE, ERASE>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        self.read_now(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> blocking::NorFlash
    for Nor<READ, WRITE, ERASE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        self.erase_now(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.write_now(offset, bytes)
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> asynchronous::ReadNorFlash
    for Nor<READ, WRITE, ERASE>
{
    const READ_SIZE: usize = READ;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        self.read_now(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> asynchronous::NorFlash
    for Nor<READ, WRITE, ERASE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        self.erase_now(from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.write_now(offset, bytes)
    }
}
