//! Cards in: a batch of them, each in or out as a whole; or the one card of a `contact.put`.

use super::error::{CallError, ParamsError, VcardError};
use crate::rpc::Import;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contactbox_api::vcard::{ImportReply, ImportRest, RejectedVcard, RepairNote};
use contactbox_core::contact::{
    AuthorIndex, Contents, Draft, Origin, Property, Uid, Value, WriteError,
};
use contactbox_core::limits::BLOB_BYTES_MAX;
use contactbox_core::store::book::{Outcome, PutError};
use contactbox_core::vcard::{Reader, Rejection, Span, VcardRepair, VcardSink, Warning};
use contactbox_engine::{BoxError, Host, PROPERTIES_MAX};
use contactbox_formats::charset::Charsets;
use embassy_futures::block_on;

/// Texts of rejected cards that are sent back, all together, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The box is asked whether it has room for more once in so many bytes of cards.
const ROOM_BYTES: usize = 64 * 1024;

/// Rejections told one by one; the others are counted, or asked for in another part.
const REJECTIONS_MAX: usize = 1000;

/// Repairs that are kept until it is known whether their card is left to another part.
const REPAIRS_MAX: usize = 64 * 1024;

/// Bytes read before it is looked whether the batch has ended early.
const STEP_BYTES: usize = 64 * 1024;

/// Memory for a card that is kept from one to the next, in bytes.
const KEPT_BYTES: usize = 2 * 1024 * 1024;

/// Least memory for a card, in bytes.
const CARD_BYTES_MIN: usize = 64 * 1024;

/// The outcome for the vCards of a batch.
#[derive(Default)]
pub(super) struct VcardCounts {
    pub(super) added: u32,
    pub(super) updated: u32,
    pub(super) unchanged: u32,
    /// Cards taken whose contacts are in the trash, and stay there.
    trashed: u32,
    /// The repairs: of each kind how often, and the first line.
    repairs: RepairSummary,
    rejected: Vec<RejectedVcard>,
    rejected_untold: u32,
    /// Byte and line of the first card that was left to another part.
    rest: Option<(u64, u32)>,
    /// The error that ended the batch before its end.
    failed: Option<BoxError>,
}

/// Repairs: of each kind how often, and the first line.
#[derive(Default)]
struct RepairSummary(Vec<(VcardRepair, u32, u32)>);

impl RepairSummary {
    fn count(&mut self, kind: VcardRepair, line: u32) {
        match self.0.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, count, first)) => {
                (*count, *first) = (count.saturating_add(1), line.min(*first))
            }
            // No more than there are kinds.
            None => self.0.push((kind, 1, line)),
        }
    }

    /// How many there are.
    fn sum(&self) -> u32 {
        self.0.iter().fold(0, |sum, (_, count, _)| sum.saturating_add(*count))
    }
}

/// Bytes of a content's texts.
pub(super) fn bytes_of(content: &Property<'_>) -> usize {
    let value = match content.value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Uuid(_) | Value::Blob(_) => 0,
    };
    content.name().len() + content.group.len() + content.params.len() + value
}

/// Memory of at least `bytes`. What was not touched before costs nothing.
pub(super) fn fit(memory: &mut Vec<u8>, bytes: usize) {
    let bytes = bytes.max(CARD_BYTES_MIN);
    if memory.len() < bytes {
        *memory = vec![0; bytes];
    }
}

/// The memory for the next card; not that of an unusually large one.
pub(super) fn kept(memory: Vec<u8>) -> Vec<u8> {
    if memory.len() > KEPT_BYTES { Vec::new() } else { memory }
}

/// Memory that a card of so many bytes of vCard may take as a draft: charsets take up to four times
/// their bytes, and each property a little.
fn draft_bytes(card_bytes: usize) -> usize {
    (4 * card_bytes + CARD_BYTES_MIN).min(2 * BLOB_BYTES_MAX as usize)
}

/// The one card of a text.
pub(super) fn one<'m>(text: &str, memory: &'m mut Vec<u8>) -> Result<Contents<'m>, CallError> {
    fit(memory, draft_bytes(text.len()));
    let mut line = vec![0; (4 * text.len() + CARD_BYTES_MIN).min(2 * BLOB_BYTES_MAX as usize)];
    let mut only = Only { draft: Draft::new(memory), cards: 0, failed: None };
    let mut reader = Reader::new(&mut line, Charsets);
    reader.push(text.as_bytes(), &mut only);
    reader.finish(&mut only);
    match (only.failed, only.cards) {
        (Some(fault), _) => Err(fault),
        (None, 1) => Ok(only.draft.finish()),
        (None, count) => Err(VcardError::NotOne { count }.into()),
    }
}

struct Only<'m> {
    draft: Draft<'m>,
    cards: u32,
    failed: Option<CallError>,
}

impl VcardSink for Only<'_> {
    fn begin(&mut self, _: u32) {}

    fn content(&mut self, content: &Property<'_>) {
        // A second card is refused at the end; its contents are not mixed with the first.
        if self.cards == 0
            && let Err(error) = self.draft.push(content)
        {
            self.failed.get_or_insert(CallError::DraftFull(error));
        }
    }

    fn end(&mut self, _: &Span) {
        self.cards += 1;
    }

    fn rejected(&mut self, rejection: &Rejection) {
        self.failed.get_or_insert(VcardError::Rejected(rejection.clone()).into());
    }
}

/// `contact.import`
pub(super) fn batch(
    host: &mut Host,
    asked: Import,
    author: &str,
) -> Result<ImportReply, CallError> {
    host.writable()?;
    let bytes = match (asked.vcard, asked.base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(text)) => BASE64.decode(text).map_err(ParamsError::Base64)?,
        _ => {
            let (one, other) = ("vcard", "base64");
            return Err(ParamsError::Either { method: "contact.import", one, other }.into());
        }
    };
    let by = host.author(author)?;
    let mut memory = std::mem::take(&mut host.draft);
    let mut line = std::mem::take(&mut host.line);
    fit(&mut memory, draft_bytes(bytes.len()));
    fit(&mut line, draft_bytes(bytes.len()));
    let mut batch = ImportBatch {
        host: &mut *host,
        author,
        by,
        draft: Draft::new(&mut memory),
        unfit: None,
        properties: 0,
        source: &bytes,
        line_offset: asked.first_line.unwrap_or(1).max(1) - 1,
        text_bytes: 0,
        unaccounted: ROOM_BYTES,
        is_in_parts: asked.in_parts,
        repairs: Vec::new(),
        cards: VcardCounts::default(),
    };
    let mut reader = Reader::new(&mut line, Charsets);
    for step in bytes.chunks(STEP_BYTES) {
        reader.push(step, &mut batch);
        if batch.cards.is_over() {
            break;
        }
    }
    if !batch.cards.is_over() {
        reader.finish(&mut batch);
        batch.settle_repairs(u32::MAX);
    }
    let cards = batch.cards;
    host.draft = kept(memory);
    host.line = kept(line);

    let source = asked.source.as_deref().unwrap_or("");
    let rejected = cards.rejected.len() + cards.rejected_untold as usize;
    tracing::debug!(
        source,
        author,
        cards.added,
        cards.updated,
        cards.unchanged,
        rejected,
        "imported"
    );
    if let Some(error) = cards.failed {
        let VcardCounts { added, updated, unchanged, .. } = cards;
        return Err(CallError::ImportStopped { error, added, updated, unchanged });
    }
    let repairs = cards.repairs.0.iter().map(|(repair, count, line)| RepairNote {
        kind: format!("{repair:?}"),
        what: repair.to_string(),
        count: (*count).into(),
        line: (*line).into(),
    });
    let some = |count: u32| (count > 0).then(|| count.into());
    Ok(ImportReply {
        added: cards.added.into(),
        updated: cards.updated.into(),
        unchanged: cards.unchanged.into(),
        warnings: cards.repairs.sum().into(),
        trashed: some(cards.trashed),
        repairs: repairs.collect(),
        rejected_untold: some(cards.rejected_untold),
        rest: cards.rest.map(|(byte, line)| ImportRest { byte, line: line.into() }),
        rejected: cards.rejected,
    })
}

fn is_trashed(host: &mut Host, uid: Uid) -> bool {
    // With an empty trash nothing need be read.
    host.book.counts().trashed > 0
        && matches!(block_on(host.book.get(uid, &mut host.record)), Ok(Some(found)) if found.contact.is_trashed())
}

struct ImportBatch<'d, 'm> {
    host: &'d mut Host,
    author: &'d str,
    by: AuthorIndex,
    draft: Draft<'m>,
    /// Why the card being read does not fit its memory.
    unfit: Option<WriteError>,
    /// Properties of it so far.
    properties: usize,
    source: &'d [u8],
    line_offset: u32,
    text_bytes: usize,
    /// Bytes of cards since the box was last asked whether it has room.
    unaccounted: usize,
    is_in_parts: bool,
    /// Repairs and their lines, of cards of which nothing was told yet. With a card that is left to
    /// another part its repairs are: they are counted there.
    repairs: Vec<(VcardRepair, u32)>,
    cards: VcardCounts,
}

impl VcardCounts {
    /// Returns whether no more of the batch is to be taken.
    fn is_over(&self) -> bool {
        self.failed.is_some() || self.rest.is_some()
    }
}

impl ImportBatch<'_, '_> {
    /// Counts the repairs before a line. A missing end noted at that line belongs to the vCard
    /// before.
    fn settle_repairs(&mut self, end: u32) {
        let Self { repairs, cards, line_offset, .. } = self;
        let is_before = |(repair, line): &mut (VcardRepair, u32)| {
            *line < end || *line == end && *repair == VcardRepair::MissingEnd
        };
        for (repair, line) in repairs.extract_if(.., is_before) {
            cards.repairs.count(repair, line.saturating_add(*line_offset));
        }
    }

    fn reject(&mut self, line: u32, at: u32, reason: &str, bytes: &std::ops::Range<u64>) {
        if self.cards.is_over() {
            return;
        }
        if self.cards.rejected.len() == REJECTIONS_MAX {
            if self.is_in_parts {
                self.cards.rest = Some((bytes.start, line.saturating_add(self.line_offset)));
                self.settle_repairs(line);
                self.repairs.clear();
            } else {
                self.cards.rejected_untold += 1;
            }
            return;
        }
        let range = usize::try_from(bytes.start).ok().zip(usize::try_from(bytes.end).ok());
        let text = range.and_then(|(start, end)| self.source.get(start..end)).unwrap_or_default();
        self.text_bytes += text.len();
        let is_told = self.text_bytes <= TEXT_BYTES_MAX;
        let text = if is_told { String::from_utf8_lossy(text) } else { Default::default() };
        self.cards.rejected.push(RejectedVcard {
            line: line.saturating_add(self.line_offset).into(),
            at: at.saturating_add(self.line_offset).into(),
            reason: reason.to_owned(),
            bytes: [bytes.start, bytes.end],
            text: text.into_owned(),
        });
    }
}

impl VcardSink for ImportBatch<'_, '_> {
    fn begin(&mut self, line: u32) {
        self.settle_repairs(line);
        self.draft.clear();
        self.unfit = None;
        self.properties = 0;
    }

    fn content(&mut self, content: &Property<'_>) {
        self.properties += 1;
        if self.unfit.is_none() {
            self.unfit = match self.properties > PROPERTIES_MAX {
                true => Some(WriteError::TooManyProperties { items_max: PROPERTIES_MAX }),
                false => self.draft.push(content).err(),
            };
        }
    }

    fn end(&mut self, span: &Span) {
        if self.cards.is_over() {
            return;
        }
        if let Some(error) = self.unfit {
            return self.reject(span.line, span.line, &error.to_string(), &span.bytes);
        }
        self.unaccounted += usize::try_from(span.bytes.end - span.bytes.start).unwrap_or(0);
        if self.unaccounted >= ROOM_BYTES {
            self.host.grow_image(2 * self.unaccounted);
            self.unaccounted = 0;
        }
        let contents = self.draft.contents();
        match block_on(self.host.book.import(&contents, self.by, Host::now())) {
            Ok(put) => {
                if put.outcome != Outcome::Added && is_trashed(self.host, put.uid) {
                    self.cards.trashed += 1;
                }
                match put.outcome {
                    Outcome::Added => self.cards.added += 1,
                    Outcome::Updated => self.cards.updated += 1,
                    Outcome::Unchanged => {
                        self.cards.unchanged += 1;
                        return;
                    }
                }
                self.host.notice(&put, Origin::Import, self.author);
            }
            // A fault of one vCard costs one vCard.
            Err(
                error @ (PutError::Write(_)
                | PutError::BlobTooLarge { .. }
                | PutError::NoSuchBlob
                | PutError::Conflict { .. }
                | PutError::Crowded(_)
                | PutError::Exists(_)),
            ) => self.reject(span.line, span.line, &error.to_string(), &span.bytes),
            Err(error) => self.cards.failed = Some(self.host.put_fault(error)),
        }
    }

    fn rejected(&mut self, rejection: &Rejection) {
        let reason = rejection.reason.to_string();
        self.reject(rejection.line, rejection.at, &reason, &rejection.bytes);
    }

    fn warning(&mut self, warning: Warning) {
        // Repairs of vCards that are left to another part are told with that.
        if self.cards.rest.is_some() {
            return;
        }
        let Warning { line, repair } = warning;
        if self.repairs.len() == REPAIRS_MAX {
            self.settle_repairs(u32::MAX);
        }
        self.repairs.push((repair, line));
    }
}
