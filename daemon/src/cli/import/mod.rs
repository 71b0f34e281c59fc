//! `import`: streams files of cards to the daemon, a piece at a time, and tells
//! what became of them.

pub(super) mod files;
mod folder;
mod rejected;
mod repairs;

use super::Failure;
use super::text::{count, grouped, visible};
use crate::client::{Answered, Client, ClientError, DaemonLine};
use base64::{Engine, prelude::BASE64_STANDARD};
use contactbox_api::vcard::{Import, ImportReply, RejectedVcard};
use contactbox_api::{ApiError, Method};
use contactbox_formats::charset::{CharsetGuess, NamedCharset};
use contactbox_formats::vcard::decode::Decoded;
use contactbox_formats::vcard::split::{SplitEvent, Splitter, VcardChunk};
use repairs::Repairs;
use std::collections::VecDeque;
use std::io::Read;

/// Pieces on the way at once: while one is synced to disk the next is read and sent.
const IN_FLIGHT: usize = 2;

/// The outcome for the vCards of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTally {
    /// New contacts.
    pub added: u64,
    /// Contacts that now say more or something else.
    pub updated: u64,
    /// Cards that say what the box has.
    pub unchanged: u64,
    /// Cards that could not be taken.
    pub rejected: u64,
    /// Oddities that were repaired.
    pub warnings: u64,
    /// The repairs.
    pub repairs: Repairs,
    /// The charset that the file seems to have, where it does not say.
    pub guess: Option<NamedCharset>,
    /// The number of vCards taken whose contacts are in the trash.
    pub trashed: u64,
}

impl FileTally {
    /// All cards there were.
    pub fn cards(&self) -> u64 {
        self.added + self.updated + self.unchanged + self.rejected
    }

    /// These and those of another file.
    pub fn add(&mut self, other: &Self) {
        self.added += other.added;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.rejected += other.rejected;
        self.warnings += other.warnings;
        self.trashed += other.trashed;
        self.repairs.add(&other.repairs);
    }

    fn count(&mut self, answer: &ImportReply) {
        self.added += answer.added;
        self.updated += answer.updated;
        self.unchanged += answer.unchanged;
        self.rejected += answer.rejected.len() as u64 + answer.rejected_untold.unwrap_or(0);
        self.warnings += answer.warnings;
        self.trashed += answer.trashed.unwrap_or(0);
        self.repairs.read(&answer.repairs);
    }

    /// A repair that was made on this side.
    fn repaired(&mut self, kind: &str, what: &str, count: u64, line: u64) {
        self.warnings += count;
        self.repairs.count(kind, what, count, line);
    }
}

/// Hears of an import as it goes.
pub trait ImportObserver {
    /// So many bytes of the file have been read, and this is what became of the cards so far.
    fn progress(&mut self, bytes: u64, tally: &FileTally);
    /// A card was not taken; `text` is the next part of it, as it stands in the file.
    fn rejected(&mut self, rejection: Option<&RejectedCard>, text: &[u8]) -> Result<(), Failure>;
}

/// Why a card was not taken.
pub struct RejectedCard {
    /// The line the card begins at, from 1.
    pub line: u64,
    /// The line of the fault.
    pub at: u64,
    /// The fault, and the cure.
    pub reason: String,
}

/// Sends all cards of `source`; `name` is what it is called in the box's diary.
pub fn stream(
    client: &mut Client,
    source: impl Read,
    name: &str,
    charset: Option<NamedCharset>,
    listener: &mut impl ImportObserver,
) -> Result<FileTally, Failure> {
    // Base64 of bytes that are no UTF-8 takes a third more, escapes of line ends a little.
    let card_bytes_max = client.frame_bytes_max() / 4 * 3 - 4096;
    let mut import = Sending {
        client,
        name,
        waiting: VecDeque::new(),
        tally: FileTally::default(),
        detector: CharsetGuess::default(),
        listener,
    };
    let mut decoded = Decoded::new(source, charset);
    let mut memory = Splitter::memory(card_bytes_max);
    let mut splitter = Splitter::new(card_bytes_max, &mut memory);
    let mut chunk = Vec::new();
    let mut bytes_read = 0;
    loop {
        let read = decoded
            .next_into(&mut chunk)
            .map_err(|error| Failure::other(format!("{name} cannot be read: {error}")))?;
        splitter.push(&chunk);
        if read == 0 {
            splitter.finish();
        }
        bytes_read += read as u64;
        while let Some(event) = splitter.next_event() {
            import.take(event, card_bytes_max)?;
        }
        import.listener.progress(bytes_read, &import.tally);
        if read == 0 {
            break;
        }
    }
    while !import.waiting.is_empty() {
        import.settle_one()?;
        import.listener.progress(bytes_read, &import.tally);
    }
    if !splitter.has_cards() {
        let name = visible(name);
        return Err(Failure::other(match bytes_read {
            0 => format!("{name} is empty"),
            _ => format!(
                "{name} holds no vCard: none of its lines is BEGIN:VCARD. Export it as vCard (.vcf) where it comes from"
            ),
        }));
    }
    let mut tally = import.tally;
    if tally.repairs.has("NotUtf8") {
        tally.guess = Some(import.detector.guess());
    }
    if let Some(line) = splitter.outside_at() {
        let what = "text before the first card was left out";
        tally.repaired("OutsideCard", what, splitter.outside_lines(), line);
    }
    if decoded.had_errors() {
        let what = "bytes that mean nothing in the charset were replaced; is it the right one?";
        tally.repaired("WrongCharset", what, 1, 1);
    }
    Ok(tally)
}

struct Sending<'a, L> {
    client: &'a mut Client,
    name: &'a str,
    waiting: VecDeque<(u64, VcardChunk)>,
    tally: FileTally,
    /// Has seen what is not UTF-8.
    detector: CharsetGuess,
    listener: &'a mut L,
}

impl<L: ImportObserver> Sending<'_, L> {
    fn take(&mut self, event: SplitEvent, card_bytes_max: usize) -> Result<(), Failure> {
        match event {
            SplitEvent::Cards(piece) => self.send(piece),
            SplitEvent::TooLarge { first_line, bytes, is_end, is_head } => {
                let size = grouped(card_bytes_max as u64);
                let reason = match is_head {
                    false => format!(
                        "the card is larger than {size} bytes; make its longest value (a photo, a note) shorter"
                    ),
                    true => format!(
                        "more than {size} bytes stand before the first BEGIN:VCARD; if that is a card, put the line BEGIN:VCARD before it and make its longest value (a photo, a note) shorter"
                    ),
                };
                let rejection =
                    is_end.then_some(RejectedCard { line: first_line, at: first_line, reason });
                self.tally.rejected += u64::from(is_end);
                self.listener.rejected(rejection.as_ref(), &bytes)
            }
        }
    }

    fn send(&mut self, piece: VcardChunk) -> Result<(), Failure> {
        while self.waiting.len() >= IN_FLIGHT {
            self.settle_one()?;
        }
        let mut import = Import {
            source: Some(self.name.to_owned()),
            first_line: Some(u32::try_from(piece.first_line).unwrap_or(u32::MAX)),
            in_parts: true,
            ..Import::default()
        };
        match std::str::from_utf8(&piece.bytes) {
            Ok(text) => import.vcard = Some(text.to_owned()),
            Err(_) => {
                self.detector.feed(&piece.bytes);
                import.base64 = Some(BASE64_STANDARD.encode(&piece.bytes));
            }
        }
        match self.client.send(&import) {
            Ok(id) => {
                self.waiting.push_back((id, piece));
                Ok(())
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    /// Waits for the answer to any piece on the way.
    fn settle_one(&mut self) -> Result<(), Failure> {
        let (id, result) = loop {
            match self.client.receive(Import::NAME).map_err(|error| self.broken(error))? {
                DaemonLine::Reply { id, result } => break (id, result),
                DaemonLine::Notification(_) => {}
            }
        };
        let Some(place) = self.waiting.iter().position(|(waiting, _)| *waiting == id) else {
            return Ok(());
        };
        let Some((_, piece)) = self.waiting.remove(place) else { return Ok(()) };
        match result {
            Ok(raw) => match Answered::parse(Import::NAME, raw) {
                Ok(answer) => self.settle(piece, &answer.reply),
                Err(error) => Err(self.broken(error)),
            },
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    fn settle(&mut self, piece: VcardChunk, answer: &ImportReply) -> Result<(), Failure> {
        self.tally.count(answer);
        for rejected in &answer.rejected {
            let RejectedVcard { line, at, reason, .. } = rejected.clone();
            self.listener
                .rejected(Some(&RejectedCard { line, at, reason }), text_of(&piece, rejected))?;
        }
        match rest_of(piece, answer) {
            Some(rest) => self.send(rest),
            None => Ok(()),
        }
    }

    fn refused(&mut self, refusal: ApiError) -> Failure {
        self.tally.added += refusal.data.added.unwrap_or(0);
        self.tally.updated += refusal.data.updated.unwrap_or(0);
        self.tally.unchanged += refusal.data.unchanged.unwrap_or(0);
        self.broken(ClientError::Refused(refusal))
    }

    fn broken(&mut self, error: ClientError) -> Failure {
        let failure = Failure::from(error);
        let done = count(self.tally.cards(), "card");
        let name = visible(self.name);
        let message = format!(
            "{}\n{done} of {name} were taken in; the same import again goes on from there",
            failure.message
        );
        Failure::new(failure.exit, message)
    }
}

/// Returns the part of a piece that was left, because more of its vCards were rejected than one
/// answer tells.
fn rest_of(mut piece: VcardChunk, answer: &ImportReply) -> Option<VcardChunk> {
    let rest = answer.rest?;
    let byte = usize::try_from(rest.byte).ok()?;
    // An answer that leaves all of it would be given for ever.
    if byte == 0 || byte >= piece.bytes.len() {
        return None;
    }
    let bytes = piece.bytes.split_off(byte);
    Some(VcardChunk { bytes, first_line: rest.line, cards: piece.cards })
}

/// A rejected card as it stands in the piece that was sent.
fn text_of<'p>(piece: &'p VcardChunk, rejected: &RejectedVcard) -> &'p [u8] {
    let [from, to] = rejected.bytes.map(|place| usize::try_from(place).unwrap_or(usize::MAX));
    let text = piece.bytes.get(from..to);
    // A daemon that does not say which of its bytes were rejected means all: no text is lost.
    text.unwrap_or(&piece.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::{FRAME_BYTES, Fake};
    use contactbox_api::vcard::ImportRest;
    use serde_json::json;

    #[derive(Default)]
    struct Heard {
        texts: Vec<String>,
        reasons: Vec<String>,
        bytes: u64,
    }

    impl ImportObserver for Heard {
        fn progress(&mut self, bytes: u64, _: &FileTally) {
            self.bytes = bytes;
        }

        fn rejected(
            &mut self,
            rejection: Option<&RejectedCard>,
            text: &[u8],
        ) -> Result<(), Failure> {
            if let Some(rejection) = rejection {
                self.reasons
                    .push(format!("{}/{}: {}", rejection.line, rejection.at, rejection.reason));
                self.texts.push(String::from_utf8_lossy(text).into_owned());
            }
            Ok(())
        }
    }

    /// Counts cards, and rejects those that say so.
    fn fake() -> Fake {
        Fake::start(|method, params| {
            assert_eq!(method, "contact.import");
            let text = match params["base64"].as_str() {
                Some(data) => BASE64_STANDARD.decode(data).unwrap(),
                None => params["vcard"].as_str().unwrap().as_bytes().to_vec(),
            };
            let text = String::from_utf8_lossy(&text).into_owned();
            let first = params["first_line"].as_u64().unwrap();
            if text.contains("FULL") {
                return Err((-32004, "the box is full", json!({ "kind": "Full", "added": 1 })));
            }
            let (mut begin, mut start, mut at) = (0, 0, 0);
            let (mut added, mut rejected) = (0, Vec::new());
            let mut bad = None;
            for (index, line) in text.lines().enumerate() {
                let line_number = first + index as u64;
                at += line.len() + 1;
                match line {
                    "BEGIN:VCARD" => (begin, start) = (line_number, at - line.len() - 1),
                    "BAD" => bad = Some(line_number),
                    "END:VCARD" => {
                        added += 1;
                        rejected.extend(bad.take().map(|bad| {
                            json!({ "line": begin, "at": bad, "reason": "bad", "bytes": [start, at], "text": "" })
                        }));
                    }
                    _ => {}
                }
            }
            let added = added - rejected.len();
            Ok(
                json!({ "added": added, "updated": 0, "unchanged": 0, "rejected": rejected, "warnings": 0 }),
            )
        })
    }

    fn import(input: &[u8]) -> (Result<FileTally, Failure>, Heard) {
        let fake = fake();
        let mut client = Client::connect(fake.socket()).unwrap();
        let mut heard = Heard::default();
        let done = stream(&mut client, input, "test.vcf", None, &mut heard);
        (done, heard)
    }

    #[test]
    fn many_pieces_are_one_tally_and_lines_are_those_of_the_file() {
        let mut input = "BEGIN:VCARD\nFN:a\nEND:VCARD\n".repeat(2000);
        input.push_str("BEGIN:VCARD\nFN:b\nBAD\nEND:VCARD\n");
        let (done, heard) = import(input.as_bytes());
        assert_eq!(done.unwrap(), FileTally { added: 2000, rejected: 1, ..FileTally::default() });
        assert_eq!(heard.reasons, ["6001/6003: bad"]);
        assert_eq!(heard.texts, ["BEGIN:VCARD\nFN:b\nBAD\nEND:VCARD\n"]);
        assert_eq!(heard.bytes, input.len() as u64);
    }

    #[test]
    fn a_card_no_frame_can_carry_is_rejected_alone() {
        let large = format!("BEGIN:VCARD\nPHOTO:{}\nEND:VCARD\n", "x".repeat(FRAME_BYTES));
        let input = format!("BEGIN:VCARD\nEND:VCARD\n{large}BEGIN:VCARD\nEND:VCARD\n");
        let (done, heard) = import(input.as_bytes());
        assert_eq!(done.unwrap(), FileTally { added: 2, rejected: 1, ..FileTally::default() });
        assert!(
            heard.reasons[0].starts_with("3/3: the card is larger than "),
            "{:?}",
            heard.reasons
        );
    }

    #[test]
    fn what_an_answer_leaves_is_sent_again() {
        let piece =
            |text: &str, first_line| VcardChunk { bytes: text.into(), first_line, cards: 2 };
        let rest = |rest: Option<ImportRest>| {
            let answer = ImportReply { rest, ..ImportReply::default() };
            rest_of(piece("BEGIN:VCARD\nBEGIN:VCARD\n", 7), &answer)
        };
        let left = Some(ImportRest { byte: 12, line: 8 });
        assert_eq!(rest(left), Some(piece("BEGIN:VCARD\n", 8)));
        for odd in [None, Some(0), Some(99)] {
            assert_eq!(rest(odd.map(|byte| ImportRest { byte, line: 7 })), None);
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_come_as_they_are() {
        assert_eq!(import(b"BEGIN:VCARD\nFN:\xff\nEND:VCARD\n").0.unwrap().added, 1);
    }

    #[test]
    fn what_is_no_vcard_is_told() {
        assert!(import(b"").0.unwrap_err().message.contains("is empty"));
        assert!(import(b"name,tel\n").0.unwrap_err().message.contains("holds no vCard"));
    }

    #[test]
    fn a_full_box_says_how_far_it_came() {
        let message = import(b"BEGIN:VCARD\nFULL\nEND:VCARD\n").0.unwrap_err().message;
        assert!(message.contains("full") && message.contains("1 card of test.vcf"), "{message}");
    }
}
