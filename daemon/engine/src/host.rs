//! The book and what is needed to work with it: opening, growing, syncing, and who
//! does which request.

use crate::error::{BoxError, DiskRefusal, change_words};
use crate::image::{Access, Image, ImageError, OpenImageError, PAGE_BYTES};
use crate::left_out::LeftOut;
use crate::mark::{Mark, PutBack};
use crate::memory::{Growing, Heap};
use crate::opening;
use crate::query::Query;
use crate::room::FullDisk;
use contactbox_core::contact::{AuthorIndex, Item, Origin, Uid};
use contactbox_core::service::display_name::{DisplayName, TEXT_CHARS_MAX};
use contactbox_core::service::{self, AnswerError, Request};
use contactbox_core::store::journal;
use contactbox_core::store::{
    AuthorCell, Barrier, Book, BookConfig, BoxCell, FormatError, OpenError, OpenReport, Packed,
    PageState, Parts, PutError, Wide, Written,
};
use contactbox_system::config::Config;
use embassy_futures::block_on;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Largest record of one contact, large values apart, in bytes.
pub const CONTACT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that an entry adds to a record in a buffer.
pub const ENTRY_BYTES: usize = 256;

/// Properties of one card on its way in: more than fit a record. 5,000 phone
/// numbers are met in the wild.
pub const PROPERTIES_MAX: usize = 128 * 1024;

/// Bits of a contact's search signature: 160 bytes, for which a search of 100,000
/// contacts reads few.
const GRAM_SLICES: u32 = 1280;
const GRAM_PROBES: u32 = 5;

/// Why the box cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBoxError {
    /// The file.
    #[error(transparent)]
    Image(#[from] OpenImageError),
    /// Writing the new box.
    #[error("a new box cannot be written: {0}")]
    Write(ImageError),
    /// Making the new box.
    #[error("{0}")]
    Format(FormatError<ImageError>),
    /// Reading the file.
    #[error("the box cannot be opened: {0}")]
    File(ImageError),
    /// The contents of the file.
    #[error("{}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The defect.
        error: OpenError<ImageError>,
    },
}

impl OpenBoxError {
    fn of(path: &Path, error: OpenError<ImageError>) -> Self {
        match error {
            OpenError::Journal(journal::JournalOpenError::Flash(error)) => Self::File(error),
            error => Self::Open { path: path.to_path_buf(), error },
        }
    }
}

/// A change of one contact, as those who watch are told of it.
pub struct ContactChange {
    /// The contact.
    pub uid: Uid,
    /// The version it has now.
    pub version: u64,
    /// The way in which it was changed.
    pub origin: Origin,
    /// The name the change was signed with.
    pub author: String,
    /// The name of the contact; empty when it has none.
    pub name: String,
}

/// The book, its memory, and what changed since the last sync.
pub struct Host {
    /// The book.
    pub book: Book<Image, Heap>,
    /// Memory for one contact at a time.
    pub record: Vec<u8>,
    /// The memory that requests are answered in.
    pub query: Query,
    /// Memory for one vCard on its way in.
    pub draft: Vec<u8>,
    /// Memory for one property of it as the file has it.
    pub line: Vec<u8>,
    /// The settings of the daemon.
    pub config: Config,
    /// The file of the box.
    pub path: PathBuf,
    /// The findings of opening the box.
    pub opened: OpenReport,
    pub(crate) open_time: Duration,
    /// A number that tells cursors of this run from those of another.
    pub run: u32,
    /// Contacts that could not be read.
    pub(crate) left_out: LeftOut,
    is_watched: bool,
    /// The log says that there are more authors than the box can tell apart.
    is_nobody_told: bool,
    notices: Vec<ContactChange>,
    pub(crate) disk_full: Option<FullDisk>,
    is_closed: bool,
    /// A notice for a user who sees an empty box and expects another.
    notice: Option<String>,
    pub(crate) mark: Option<Mark>,
    /// A notice for the user of an image that was put back to an earlier state.
    pub(crate) put_back: Option<PutBack>,
}

impl Host {
    /// Opens the box, or makes one.
    pub fn open(config: &Config) -> Result<Self, OpenBoxError> {
        let start = Instant::now();
        let image = Image::open(&config.image, config.salvage)?;
        let mark = Mark::beside(image.path());
        Self::since(start, image, Some(mark), config)
    }

    /// Opens the box in an image that need not be a file, or makes one where that is
    /// new. No mark is kept of it.
    pub fn on(image: Image, config: &Config) -> Result<Self, OpenBoxError> {
        Self::since(Instant::now(), image, None, config)
    }

    fn since(
        start: Instant,
        image: Image,
        mark: Option<Mark>,
        config: &Config,
    ) -> Result<Self, OpenBoxError> {
        let path = image.path().to_path_buf();
        let book_config =
            BookConfig { id: image.box_id(), gram_slices: GRAM_SLICES, gram_probes: GRAM_PROBES };
        let (mut book, opened) = if image.is_new() {
            let mut book = block_on(Book::format(image, book_config, parts()))
                .map_err(OpenBoxError::Format)?;
            book.flash().publish().map_err(OpenBoxError::Write)?;
            (book, OpenReport::default())
        } else {
            opening::open(image, book_config).map_err(|error| OpenBoxError::of(&path, error))?
        };
        // A disk keeps what was written to it in any order until it is synced.
        book.defer(Barrier { sync: Image::sync, syncs: Image::syncs });
        let (mut mark, id) = (mark, book.id());
        let beyond = mark.as_ref().and_then(|mark| mark.beyond(id, book.time_max()));
        if let Some(reached) = beyond
            && let Err(error) = block_on(book.put_back(reached))
        {
            tracing::warn!(%error, "the box cannot take another name yet");
        }
        // Also when it has written something since, in another process.
        let reached = beyond.max(mark.as_ref().and_then(|mark| mark.lacks(id)));
        if let (Some(mark), true) = (&mut mark, reached.is_some()) {
            mark.note_lack(id, reached);
        }
        block_on(book.settle_losses()).unwrap_or_else(|error| {
            tracing::warn!(%error, "what damage took cannot be looked for");
        });
        if let Some(page) = book.flash().gone_from() {
            let noted = block_on(book.lost_from(page)).unwrap_or(false);
            // If that fails, the header of the image tells it again at the next start.
            if !noted || book.flash().note_gone().is_err() {
                tracing::warn!("that the box's file was cut short could not be written down in it");
            }
        }
        let put_back = reached.map(|reached| PutBack::of(&path, reached));
        let mut run = [0; 4];
        getrandom::fill(&mut run).ok();
        let mut host = Self {
            book,
            record: vec![0; CONTACT_BYTES_MAX + ENTRY_BYTES],
            query: Query::new(),
            draft: Vec::new(),
            line: Vec::new(),
            config: config.clone(),
            path,
            opened,
            open_time: start.elapsed(),
            run: u32::from_le_bytes(run),
            left_out: LeftOut::default(),
            is_watched: false,
            is_nobody_told: false,
            notices: Vec::new(),
            disk_full: None,
            is_closed: false,
            notice: None,
            mark,
            put_back,
        };
        host.look_for_unread();
        host.tell_opened();
        Ok(host)
    }

    fn tell_opened(&mut self) {
        let counts = self.book.counts();
        let milliseconds = self.open_time.as_millis();
        tracing::info!(
            contacts = counts.active,
            trashed = counts.trashed,
            milliseconds,
            "box open"
        );
        if !self.opened.is_sound() {
            tracing::warn!(report = ?self.opened, "the box has damage; `contactbox verify` tells more");
        }
        match self.access() {
            Access::ReadOnly => tracing::warn!("the file can only be read: no changes are taken"),
            Access::Unsettled => {
                if let Err(error) = self.book.flash().writable() {
                    tracing::error!("{error}");
                }
            }
            _ => {}
        }
        let put_back = self.put_back.as_ref().map(|put_back| &put_back.notice);
        put_back.iter().for_each(|notice| tracing::warn!("{notice}"));
    }

    /// Returns whether the image was put back to an earlier state, and what it has forgotten is not
    /// all taken in again.
    pub fn is_put_back(&self) -> bool {
        self.put_back.is_some()
    }

    /// Returns the folder with the backup of a box that is empty; nothing when it is not empty. It
    /// is told also where no backups are made any more.
    pub fn backup_of_empty(&self) -> Option<PathBuf> {
        let beside = || self.path.with_file_name("backup");
        let folder = self.config.backup.as_ref().map(|(folder, _)| folder.clone());
        (self.states() == 0).then(|| folder.unwrap_or_else(beside))
    }

    /// Notes that the box is empty and that another one has left its backup in a folder. Whoever
    /// asks is told for as long as the box is empty: somebody may have deleted the other one.
    pub fn note_left_behind(&mut self, folder: &Path) {
        let (path, shown) = (self.path.display(), folder.display());
        let notice = format!(
            "the box {path} is empty, and {shown} has the backup of another one. If that was yours, `contactbox restore {shown}` takes all of it in"
        );
        tracing::warn!("{notice}");
        self.notice = Some(notice);
    }

    /// Returns what a user must know before anything else, as long as it is so.
    pub fn notice_now(&mut self) -> Option<String> {
        if let Access::Displaced(_) | Access::Unsettled = self.book.flash().look() {
            return self.writable().err().map(|fault| fault.to_string());
        }
        let put_back = self.put_back.as_ref().map(|put_back| put_back.notice.clone());
        put_back.or_else(|| self.notice.clone().filter(|_| self.states() == 0))
    }

    /// Returns whether somebody wants to know of changes.
    pub fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Notes whether somebody wants to know of changes.
    pub(crate) fn watch(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Returns how long opening the box took.
    pub fn open_microseconds(&self) -> u64 {
        u64::try_from(self.open_time.as_micros()).unwrap_or(u64::MAX)
    }

    /// Now, as the book wants it.
    pub fn now() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns an error when no changes are taken.
    pub fn writable(&mut self) -> Result<(), BoxError> {
        if self.is_closed {
            return Err(BoxError::Closed);
        }
        let writable = self.book.flash().writable();
        writable.map_err(|error| BoxError::NotWritable {
            error: error.to_string(),
            backup: self.backup_of_displaced(),
        })
    }

    /// The backup, when the file was moved away or replaced and that is what helps.
    fn backup_of_displaced(&mut self) -> Option<PathBuf> {
        match (self.access(), &self.config.backup) {
            (Access::Displaced(_), Some((folder, _))) => Some(folder.clone()),
            _ => None,
        }
    }

    /// The error of a change that the disk has refused on its way there.
    fn refused(&mut self, error: String) -> DiskRefusal {
        // The state of a file that is somewhere else is known.
        let is_unsure = !matches!(self.access(), Access::Displaced(_));
        DiskRefusal { error, backup: self.backup_of_displaced(), is_unsure }
    }

    /// Answers a request that changes one contact, for whoever makes the change.
    pub fn change(&mut self, request: &Request<'_>, author: &str) -> Result<Written, BoxError> {
        let by = self.author(author)?;
        let Self { book, record, query, .. } = self;
        query.set_author(by);
        let done = query.ask(book, record, request).map(|reply| service::change_of(&reply));
        match done {
            Ok(Some(put)) => Ok(put),
            Ok(None) => Err(BoxError::OtherChange),
            Err(failure) => Err(self.fault(failure)),
        }
    }

    /// The index of whoever makes a change.
    pub fn author(&mut self, name: &str) -> Result<AuthorIndex, BoxError> {
        self.writable()?;
        let author = block_on(self.book.author(name)).map_err(|error| self.put_fault(error))?;
        if author == AuthorIndex::default() && !name.is_empty() && !self.is_nobody_told {
            self.is_nobody_told = true;
            tracing::warn!(
                "the box knows as many authors as it can; what others write is written as nobody's"
            );
        }
        Ok(author)
    }

    /// Takes note of a change for watchers.
    pub fn notice(&mut self, put: &Written, origin: Origin, author: &str) {
        if !self.is_watched {
            return;
        }
        let name = self.name_of(put.uid);
        self.notices.push(ContactChange {
            uid: put.uid,
            version: put.version,
            origin,
            author: author.to_owned(),
            name,
        });
    }

    /// Returns the name of a contact; empty when there is none.
    pub fn name_of(&mut self, uid: Uid) -> String {
        let Self { book, record, query, .. } = self;
        match block_on(book.get(uid, record)) {
            Ok(Some(found)) => {
                let mut texts = DisplayName::new(&mut query.list, TEXT_CHARS_MAX);
                texts.name(&found.contact).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        }
    }

    /// The error of a request that was not done.
    pub fn fault(&mut self, failure: AnswerError<ImageError>) -> BoxError {
        match failure {
            AnswerError::Get(error) => error.into(),
            AnswerError::Put(error) => self.put_fault(error),
            AnswerError::Fault(fault) => fault.into(),
        }
    }

    /// The error of a change, with the disk's share in it.
    pub fn put_fault(&mut self, error: PutError<ImageError>) -> BoxError {
        // A failed write has closed the image; that is what the client should hear.
        if self.access().is_over() {
            return self.refused(change_words(&error)).into();
        }
        let is_full = matches!(
            error,
            PutError::Full { .. } | PutError::IndexFull { .. } | PutError::TooManyBoxes { .. }
        );
        match self.disk_full {
            Some(FullDisk { bytes, .. }) if is_full => BoxError::DiskFull { bytes, error },
            _ => BoxError::Put(error),
        }
    }

    /// Returns whether everything said so far is on the disk.
    pub(crate) fn is_written(&mut self) -> bool {
        !self.book.flash().is_dirty()
    }

    /// Puts everything said so far on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), DiskRefusal> {
        let synced = self.book.flash().sync();
        synced.map_err(|error| self.refused(error.to_string()))?;
        if let Some(mark) = &mut self.mark {
            mark.keep_up(self.book.id(), self.book.time_max());
        }
        Ok(())
    }

    /// Takes the changes since the last call, for those who watch.
    pub(crate) fn take_notices(&mut self) -> Vec<ContactChange> {
        std::mem::take(&mut self.notices)
    }

    /// A step of tidying. Returns whether nothing is left to do.
    pub(crate) fn maintain(&mut self) -> bool {
        if self.writable().is_err() {
            return true;
        }
        self.grow_image(0);
        self.book.tell_time(Self::now());
        let is_done = block_on(self.book.maintain()).unwrap_or_else(|error| {
            tracing::warn!(%error, "tidying failed");
            true
        });
        if is_done {
            self.sync().ok();
        }
        is_done
    }

    /// Leaves the last word on the disk.
    pub(crate) fn checkpoint(&mut self) {
        if self.writable().is_err() {
            return;
        }
        if let Err(error) = block_on(self.book.checkpoint()) {
            tracing::warn!(%error, "the last word could not be written");
        }
        let is_kept = self.sync().is_ok() && self.writable().is_ok();
        if is_kept && let Some(mark) = &mut self.mark {
            mark.keep(self.book.id(), self.book.time_max());
        }
    }

    /// Takes no more changes.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.book.flash().close();
    }

    /// Returns whether changes are taken.
    pub fn access(&mut self) -> Access {
        self.book.flash().access()
    }
}

/// The memory of a book in the daemon.
pub fn parts() -> Parts<Heap> {
    let buffer = || Growing::new(0, CONTACT_BYTES_MAX + ENTRY_BYTES);
    Parts {
        pages: Growing::new(PageState::NEW, 0),
        slots: Growing::new(Wide::EMPTY, 64),
        table: Growing::new(0, 128),
        grams: Growing::new(0, 0),
        page: Growing::new(0, PAGE_BYTES),
        old: buffer(),
        new: buffer(),
        extra: buffer(),
        items: Growing::new(Item::EMPTY, 0),
        boxes: Growing::new(BoxCell::EMPTY, 0),
        authors: Growing::new(AuthorCell::EMPTY, 0),
    }
}
