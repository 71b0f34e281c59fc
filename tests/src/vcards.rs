//! vCards for tests: the calls of the reader, owned and comparable, and the output of the writer.
use contactbox_core::contact::{Kind, Property, Types, Value};
use contactbox_core::vcard::{
    Charset, NoBlobs, Reader, Rejection, Span, VcardSink, VcardVersion, Warning, write_card,
};

/// The charsets that a desktop knows, the same as the daemon's.
pub struct Charsets;

impl Charset for Charsets {
    fn decode(&mut self, label: &str, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, out, true);
        let is_whole = result == encoding_rs::DecoderResult::InputEmpty && read == bytes.len();
        is_whole.then_some(written)
    }
}

/// A property that owns its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedProperty {
    /// The name, as it is written.
    pub name: String,
    /// The group.
    pub group: String,
    /// The types, as bits.
    pub types: u32,
    /// All other parameters.
    pub params: String,
    /// The value.
    pub value: Stored,
}

/// A value that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stored {
    /// A text or a UUID.
    Text(String),
    /// A binary value.
    Bytes(Vec<u8>),
}

impl OwnedProperty {
    /// Copies a property.
    pub fn of(content: &Property<'_>) -> Self {
        Self {
            name: content.name().to_string(),
            group: content.group.to_string(),
            types: content.types.0,
            params: content.params.to_string(),
            value: match content.value {
                Value::Text(text) => Stored::Text(text.to_string()),
                Value::Uuid(uuid) => Stored::Text(uuid.to_string()),
                Value::Bytes(bytes) => Stored::Bytes(bytes.to_vec()),
                Value::Blob(_) => panic!("a reader makes no blobs"),
            },
        }
    }

    /// Returns the property that this is a copy of.
    pub fn content(&self) -> Property<'_> {
        let kind = Kind::of(&self.name);
        Property {
            kind,
            other: if kind == Kind::OTHER { &self.name } else { "" },
            group: &self.group,
            types: Types(self.types),
            params: &self.params,
            value: match &self.value {
                Stored::Text(text) => Value::text(text),
                Stored::Bytes(bytes) => Value::Bytes(bytes),
            },
        }
    }

    /// Returns the property on one line for assertions: `group.NAME;TYPE=home,work;PARAMS:value`.
    pub fn line(&self) -> String {
        let group = if self.group.is_empty() { "" } else { "." };
        let types: Vec<_> = Types(self.types).names().collect();
        let types =
            if types.is_empty() { String::new() } else { format!(";TYPE={}", types.join(",")) };
        let params = if self.params.is_empty() { "" } else { ";" };
        let value = match &self.value {
            Stored::Text(text) => text.clone(),
            Stored::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
        };
        format!("{}{group}{}{types}{params}{}:{value}", self.group, self.name, self.params)
    }

    /// Returns the text; empty for another value.
    pub fn text(&self) -> &str {
        match &self.value {
            Stored::Text(text) => text,
            Stored::Bytes(_) => "",
        }
    }
}

/// One call of the reader to its sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A vCard begins.
    Begin(u32),
    /// A property.
    Content(OwnedProperty),
    /// The vCard is complete.
    End(Span),
    /// The vCard is rejected.
    Rejected(Rejection),
    /// Something was repaired.
    Warning(Warning),
}

/// A sink that records every call of a reader.
#[derive(Default)]
pub struct Listener(pub Vec<Said>);

impl VcardSink for Listener {
    fn begin(&mut self, line: u32) {
        self.0.push(Said::Begin(line));
    }

    fn content(&mut self, content: &Property<'_>) {
        self.0.push(Said::Content(OwnedProperty::of(content)));
    }

    fn end(&mut self, span: &Span) {
        self.0.push(Said::End(span.clone()));
    }

    fn rejected(&mut self, rejection: &Rejection) {
        self.0.push(Said::Rejected(rejection.clone()));
    }

    fn warning(&mut self, warning: Warning) {
        self.0.push(Said::Warning(warning));
    }
}

/// Returns the calls of a reader with `memory_bytes` for an input that comes in pieces of the given
/// lengths, over and over.
pub fn listen(input: &[u8], pieces: &[usize], memory_bytes: usize) -> Vec<Said> {
    let mut memory = vec![0; memory_bytes];
    let mut reader = Reader::new(&mut memory, Charsets);
    let mut listener = Listener::default();
    let mut rest = input;
    for &length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(length.clamp(1, rest.len()));
        reader.push(piece, &mut listener);
        rest = after;
    }
    reader.finish(&mut listener);
    listener.0
}

/// The content of an input.
#[derive(Default)]
pub struct Reading {
    /// The accepted vCards, each with its properties in order.
    pub cards: Vec<Vec<OwnedProperty>>,
    /// The place of each of them.
    pub spans: Vec<Span>,
    /// The rejected vCards.
    pub rejections: Vec<Rejection>,
    /// The repairs.
    pub warnings: Vec<Warning>,
}

impl Reading {
    /// Puts the calls of a reader together; panics if they are not in the promised order.
    pub fn of(said: Vec<Said>) -> Self {
        let mut reading = Self::default();
        let mut open: Option<Vec<OwnedProperty>> = None;
        for one in said {
            match one {
                Said::Begin(_) => {
                    assert!(open.is_none(), "a card begins in a card");
                    open = Some(Vec::new());
                }
                Said::Content(property) => {
                    open.as_mut().expect("a property is in a card").push(property);
                }
                Said::End(span) => {
                    reading.cards.push(open.take().expect("what ends has begun"));
                    reading.spans.push(span);
                }
                Said::Rejected(rejection) => {
                    open = None;
                    reading.rejections.push(rejection);
                }
                Said::Warning(warning) => reading.warnings.push(warning),
            }
        }
        assert!(open.is_none(), "a card has no end");
        reading
    }

    /// Returns the properties of the only vCard, one on each line.
    pub fn lines(&self) -> Vec<String> {
        assert_eq!(self.rejections, [], "a card was rejected");
        assert_eq!(self.cards.len(), 1, "not one card");
        self.cards[0].iter().map(OwnedProperty::line).collect()
    }

    /// Returns the properties of each vCard, sorted, for comparisons without an order.
    pub fn sorted(&self) -> Vec<Vec<OwnedProperty>> {
        let mut cards = self.cards.clone();
        cards.iter_mut().for_each(|card| card.sort());
        cards
    }
}

/// The memory that holds every line of the corpus.
pub const MEMORY_BYTES: usize = 4 << 20;

/// Reads an input in one piece.
pub fn read(input: &[u8]) -> Reading {
    Reading::of(listen(input, &[input.len().max(1)], MEMORY_BYTES))
}

/// Writes vCards as one file.
pub fn write(cards: &[Vec<OwnedProperty>], version: VcardVersion) -> String {
    let mut out = String::new();
    for card in cards {
        let contents = card.iter().map(OwnedProperty::content);
        write_card(contents, None, version, &mut NoBlobs, &mut out)
            .expect("a string takes everything and there are no blobs");
    }
    out
}

/// Reads an input, and what both versions make of it, which must be the same.
pub fn read_back(input: &[u8]) -> Reading {
    let reading = read(input);
    for version in [VcardVersion::V3, VcardVersion::V4] {
        let again = read(write(&reading.cards, version).as_bytes());
        assert_eq!(reading.cards, again.cards, "{version:?}");
    }
    reading
}

/// Returns a vCard of a version with these lines, ended by CR LF.
pub fn card(version: &str, lines: &[&str]) -> Vec<u8> {
    let version = format!("VERSION:{version}");
    let all = [&["BEGIN:VCARD", &version], lines, &["END:VCARD"]].concat();
    all.iter().flat_map(|line| [line, "\r\n"]).collect::<String>().into_bytes()
}
