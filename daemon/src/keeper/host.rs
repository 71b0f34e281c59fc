//! The book and what is needed to work with it: opening, growing, syncing, and who
//! does which request.

use super::left_out::LeftOut;
use super::mark::{Mark, PutBack};
use super::query::Query;
use super::room::FullDisk;
use super::{Executed, change, export, fault, import, kept, opening, read};
use crate::card::{Status, left_behind};
use crate::config::Config;
use crate::image::{Access, Image, ImageError, OpenImageError, PAGE_BYTES};
use crate::memory::{Growing, Heap};
use crate::rpc::{Call, ErrorKind, RpcError};
use contactbox_core::contact::{AuthorIndex, Item, Uid};
use contactbox_core::service::{self, AnswerError, Request};
use contactbox_core::store::journal;
use contactbox_core::store::{
    AuthorCell, Barrier, Book, BookConfig, BoxCell, FormatError, OpenError, OpenReport, Packed,
    PageState, Parts, PutError, Wide, Written,
};
use embassy_futures::block_on;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Largest record of one contact, large values apart, in bytes.
pub const CONTACT_BYTES_MAX: usize = 1024 * 1024;

/// What an entry adds to a record in a buffer.
pub const ENTRY_BYTES: usize = 256;

/// Properties of one card on its way in: more than fit a record. 5,000 phone
/// numbers are met in the wild.
pub(super) const PROPERTIES_MAX: usize = 128 * 1024;

/// Bits of a contact's search signature: 160 bytes, for which a search of 100,000
/// contacts reads few.
const GRAM_SLICES: u32 = 1280;
const GRAM_PROBES: u32 = 5;

/// Why the box can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBoxError {
    /// The file.
    #[error(transparent)]
    Image(#[from] OpenImageError),
    /// Writing the new box.
    #[error("a new box can not be written: {0}")]
    Write(ImageError),
    /// Making the new box.
    #[error("{0}")]
    Format(FormatError<ImageError>),
    /// Reading the file.
    #[error("the box can not be opened: {0}")]
    File(ImageError),
    /// What is in the file.
    #[error("{}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong.
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

/// The book, its memory, and what changed since the last sync.
pub struct Host {
    pub(super) book: Book<Image, Heap>,
    /// One contact at a time.
    pub(super) record: Vec<u8>,
    /// Where requests are answered.
    pub(super) counter: Query,
    /// One card on its way in.
    pub(super) draft: Vec<u8>,
    /// One property of it as the file has it.
    pub(super) line: Vec<u8>,
    pub(super) config: Config,
    pub(super) path: PathBuf,
    pub(super) opened: OpenReport,
    pub(super) open_time: Duration,
    /// Tells cursors of this run from those of another.
    pub(super) run: u32,
    pub(super) standing: Status,
    /// Contacts that could not be read.
    pub(super) left_out: LeftOut,
    is_watched: bool,
    /// The log says that there are more authors than the box can tell apart.
    is_nobody_told: bool,
    notices: Vec<Value>,
    pub(super) disk_full: Option<FullDisk>,
    is_closed: bool,
    /// What a user must know who sees an empty box and expects another.
    notice: Option<String>,
    pub(super) mark: Option<Mark>,
    /// What a user must know of an image that was put back to an earlier state.
    pub(super) put_back: Option<PutBack>,
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
            tracing::warn!(%error, "the box can not take another name yet");
        }
        // Also when it has written something since, in another process.
        let reached = beyond.max(mark.as_ref().and_then(|mark| mark.lacks(id)));
        if let (Some(mark), true) = (&mut mark, reached.is_some()) {
            mark.note_lack(id, reached);
        }
        block_on(book.settle_losses()).unwrap_or_else(|error| {
            tracing::warn!(%error, "what damage took can not be looked for");
        });
        if let Some(page) = book.flash().gone_from() {
            let noted = block_on(book.lost_from(page)).unwrap_or(false);
            // Where that fails the header of the image tells it again at the next start.
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
            counter: Query::new(),
            draft: Vec::new(),
            line: Vec::new(),
            config: config.clone(),
            path,
            opened,
            open_time: start.elapsed(),
            run: u32::from_le_bytes(run),
            standing: Status::default(),
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
        host.notice = host.look_behind();
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
        let notices = self.notice.iter().chain(put_back);
        notices.for_each(|notice| tracing::warn!("{notice}"));
    }

    /// An empty box where another one has left its backup: somebody may have deleted that.
    fn look_behind(&self) -> Option<String> {
        if self.states() > 0 {
            return None;
        }
        // Also where none are made any more.
        let beside = self.path.with_file_name("backup");
        let folder = self.config.backup.as_ref().map_or(beside.as_path(), |(folder, _)| folder);
        let (path, shown) = (self.path.display(), folder.display());
        left_behind(folder, self.book.id()).then(|| {
            format!(
                "the box {path} is empty, and {shown} has the backup of another one. If that was yours, `contactbox restore {shown}` takes all of it in"
            )
        })
    }

    /// What a user must know before anything else, as long as it is so.
    pub(super) fn notice_now(&mut self) -> Option<String> {
        if let Access::Displaced(_) | Access::Unsettled = self.book.flash().look() {
            return self.writable().err().map(|fault| fault.to_string());
        }
        let put_back = self.put_back.as_ref().map(|put_back| put_back.notice.clone());
        put_back.or_else(|| self.notice.clone().filter(|_| self.states() == 0))
    }

    /// How cards, backups and devices are doing, for `box.info`.
    pub fn standing(&self) -> &Status {
        &self.standing
    }

    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Whether somebody wants to know of changes.
    pub(super) fn watch(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    pub(super) fn execute(&mut self, call: Call, author: &str) -> Executed {
        let json = |value: Value| value.to_string().into_bytes();
        let (result, is_change) = match call {
            Call::Find(find) => (read::find(self, &find), false),
            Call::Get(get) => (read::get(self, &get), false),
            Call::Hello(_) => (read::hello(self).map(json), false),
            Call::BlobGet(get) => (read::blob(self, &get).map(json), false),
            Call::Info(_) => (read::info(self).map(json), false),
            Call::Stats(_) => (read::stats(self).map(json), false),
            Call::Export(asked) => (export::page(self, &asked).map(json), false),
            Call::Put(put) => (change::put(self, put, author).map(json), true),
            Call::Patch(patch) => (change::patch(self, patch, author).map(json), true),
            Call::Remove(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Remove).map(json), true)
            }
            Call::Restore(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Restore).map(json), true)
            }
            Call::Purge(target) => {
                (change::shelve(self, &target.uid, author, change::Move::Purge).map(json), true)
            }
            Call::Kept(asked) => (kept::list(self, &asked).map(json), false),
            Call::Forget(_) => (kept::forget(self).map(json), true),
            Call::Import(asked) => (import::batch(self, asked, author).map(json), true),
            // The session and the keeper see to these.
            Call::Verify(_)
            | Call::History(_)
            | Call::CardsBackup(_)
            | Call::CardsSync(_)
            | Call::CardsRestore(_)
            | Call::DevicesInfo(_)
            | Call::DevicesSync(_)
            | Call::Author(_)
            | Call::Stop(_)
            | Call::WatchStart(_)
            | Call::WatchStop(_) => (Ok(b"{}".to_vec()), false),
        };
        let result = result.and_then(|body| self.within_frame(body));
        Executed { result, is_change }
    }

    /// An answer, if a frame takes it.
    pub(super) fn within_frame(&self, body: Vec<u8>) -> Result<Vec<u8>, RpcError> {
        // Room for what stands around the result.
        let bytes_max = self.config.limits.frame_bytes - 1024;
        if body.len() > bytes_max {
            return Err(RpcError::new(
                ErrorKind::TooLarge,
                "the answer is longer than a frame; ask for less at once",
            )
            .with(|data| data.bytes_max = Some(bytes_max as u64)));
        }
        Ok(body)
    }

    /// How long opening the box took.
    pub(super) fn open_microseconds(&self) -> u64 {
        u64::try_from(self.open_time.as_micros()).unwrap_or(u64::MAX)
    }

    /// Now, as the book wants it.
    pub fn now() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether changes are taken, as an error when not.
    pub(super) fn writable(&mut self) -> Result<(), RpcError> {
        if self.is_closed {
            return Err(RpcError::new(
                ErrorKind::ReadOnly,
                "the box takes no more changes after a fault of the program; start the daemon again",
            ));
        }
        let writable = self.book.flash().writable();
        writable.map_err(|error| RpcError::new(ErrorKind::ReadOnly, self.with_cure(&error)))
    }

    /// What is wrong with the file, and where else the box is when that is what helps.
    fn with_cure(&mut self, error: &impl std::fmt::Display) -> String {
        match (self.access(), &self.config.backup) {
            (Access::Displaced(_), Some((folder, _))) => {
                let folder = folder.display();
                format!(
                    "{error}. Its backup is in {folder}, unless that was moved as well: `contactbox restore {folder}` takes it into an empty box"
                )
            }
            _ => error.to_string(),
        }
    }

    /// The disk has refused what was asked for, on the way there.
    fn refused(&mut self, error: &impl std::fmt::Display) -> RpcError {
        let mut message = self.with_cure(error);
        // What became of a file that is somewhere else is known.
        if !matches!(self.access(), Access::Displaced(_)) {
            message += ". Whether the change is on the disk nobody can tell: look at it when the daemon has been started again";
        }
        RpcError::new(ErrorKind::Disk, message)
    }

    /// Answers a request that changes one contact, for whoever makes the change.
    pub(super) fn change(
        &mut self,
        request: &Request<'_>,
        author: &str,
    ) -> Result<Written, RpcError> {
        let by = self.author(author)?;
        let Self { book, record, counter, .. } = self;
        counter.set_author(by);
        let done = counter.ask(book, record, request).map(|reply| service::change_of(&reply));
        match done {
            Ok(Some(put)) => Ok(put),
            Ok(None) => {
                Err(RpcError::new(ErrorKind::Internal, "a change was answered by something else"))
            }
            Err(failure) => Err(self.fault(failure)),
        }
    }

    /// The index of whoever makes a change.
    pub(super) fn author(&mut self, name: &str) -> Result<AuthorIndex, RpcError> {
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
    pub(super) fn notice(&mut self, put: &Written, origin: &str, author: &str) {
        if !self.is_watched {
            return;
        }
        let name = read::name_of(self, put.uid);
        self.notices.push(json!({
            "uid": put.uid.to_string(),
            "version": put.version,
            "origin": origin,
            "author": author,
            "name": name,
        }));
    }

    /// Why a request was not done.
    pub(super) fn fault(&mut self, failure: AnswerError<ImageError>) -> RpcError {
        match failure {
            AnswerError::Get(error) => fault::of_get(error),
            AnswerError::Put(error) => self.put_fault(error),
            AnswerError::Fault(fault) => fault::of_service(fault),
        }
    }

    /// The error of a change, with the disk's share in it.
    pub(super) fn put_fault(&mut self, error: PutError<ImageError>) -> RpcError {
        // A failed write has closed the image; that is what the client should hear.
        if self.access().is_over() {
            return self.refused(&fault::in_words(&error));
        }
        let fault = fault::of_put(error);
        match self.disk_full {
            Some(FullDisk { bytes, .. }) if fault.kind == ErrorKind::Full => fault
                .because(&format!("the disk has no room for {bytes} more bytes; make room on it"))
                .with(|data| data.disk_bytes_wanted = Some(bytes)),
            _ => fault,
        }
    }

    /// Whether everything said so far is on the disk.
    pub(super) fn is_written(&mut self) -> bool {
        !self.book.flash().is_dirty()
    }

    /// Puts everything said so far on the disk.
    pub(super) fn sync(&mut self) -> Result<(), RpcError> {
        let synced = self.book.flash().sync();
        synced.map_err(|error| self.refused(&error))?;
        if let Some(mark) = &mut self.mark {
            mark.keep_up(self.book.id(), self.book.time_max());
        }
        Ok(())
    }

    /// What changed since the last call, for watchers.
    pub(super) fn take_notices(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.notices)
    }

    /// A step of tidying. Returns whether nothing is left to do.
    pub(super) fn maintain(&mut self) -> bool {
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
    pub(super) fn checkpoint(&mut self) {
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
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.book.flash().close();
    }

    /// Whether changes are taken.
    pub fn access(&mut self) -> Access {
        self.book.flash().access()
    }

    /// The one contact a client means: all of an identity, or the first digits of it.
    pub(super) fn resolve(&mut self, text: &str) -> Result<Uid, RpcError> {
        let bad = || {
            RpcError::params(format!(
                "{:?} is no identity: give all of it, or at least its first 4 hex digits",
                text.chars().take(60).collect::<String>()
            ))
        };
        let digits = crate::jcard::digits(text);
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            || !(4..=32).contains(&digits.len())
        {
            return Err(bad());
        }
        if let Some(uid) = crate::jcard::hash_of_hex(&digits) {
            return Ok(Uid(uid));
        }
        let starts = |uid: Uid| crate::jcard::hex(&uid.0).starts_with(&digits);
        let mut found = [Uid([0; 16]); 2];
        match block_on(self.book.by_prefix(starts, &mut found)).map_err(fault::of_get)? {
            0 => {
                Err(RpcError::new(ErrorKind::NoSuchContact, format!("there is no contact {text}"))
                    .with(|data| data.uid = Some(text.to_owned())))
            }
            1 => Ok(found[0]),
            _ => Err(RpcError::new(
                ErrorKind::Ambiguous,
                format!("several contacts begin with {text}; give more digits"),
            )
            .with(|data| {
                data.uid = Some(text.to_owned());
                data.matches = Some(found.map(|uid| uid.to_string()).to_vec());
            })),
        }
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
