//! The writer: contents out as vCard 3.0 or 4.0, property by property.

use super::base64;
use super::binary::{NO_MEDIA_TYPE, is_uri, media_type_of};
use super::date::Moment;
use super::derived::{Derived, NameSource};
use super::fold::LineFolder;
use super::params::{DERIVED, OMIT_YEAR};
use super::property::coordinates;
use super::spelling::{OneLine, before_param, write_name};
use super::value_form::ValueForm;
use crate::contact::{BlobRef, Kind, Property, Types, Uid, UuidText, Value, split_params};
use core::fmt::{self, Write};

/// The version of vCard to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VcardVersion {
    /// 3.0 (RFC 2426): what phones and mail programs exchange.
    V3,
    /// 4.0 (RFC 6350).
    V4,
}

/// The year that Apple writes where there is none. It has a 29th of February.
const NO_YEAR: &str = "1604";

/// Gives the bytes of blobs, for writing photos.
pub trait Blobs {
    /// Why it could not.
    type Error;

    /// Fills the front of `into` with bytes of the blob from `offset` on and returns how many; 0
    /// only when there are none.
    fn read(&mut self, blob: BlobRef, offset: u32, into: &mut [u8]) -> Result<usize, Self::Error>;
}

/// No blobs: a card that refers to one cannot be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBlobs;

/// A card refers to a blob and there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchBlob;

impl fmt::Display for NoSuchBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such blob")
    }
}

impl core::error::Error for NoSuchBlob {}

impl Blobs for NoBlobs {
    type Error = NoSuchBlob;

    fn read(&mut self, _: BlobRef, _: u32, _: &mut [u8]) -> Result<usize, NoSuchBlob> {
        Err(NoSuchBlob)
    }
}

/// Why a card could not be written; what was written of it is to be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteCardError<E> {
    /// The output takes no more.
    Output,
    /// A blob could not be read.
    Blob {
        /// The blob.
        blob: BlobRef,
        /// Why.
        error: E,
    },
    /// A blob ended early.
    BlobShort {
        /// The blob.
        blob: BlobRef,
        /// Bytes there were.
        bytes: u32,
    },
}

impl<E> From<fmt::Error> for WriteCardError<E> {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

impl<E: fmt::Display> fmt::Display for WriteCardError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output => f.write_str("the output takes no more"),
            Self::Blob { blob, error } => {
                write!(f, "a value of {} bytes could not be read: {error}", blob.len)
            }
            Self::BlobShort { blob, bytes } => {
                write!(f, "a value of {} bytes ends after {bytes} bytes", blob.len)
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WriteCardError<E> {}

/// Writes a whole card.
///
/// FN (and N in 3.0) are made up where they are missing, in a way that [`super::Reader`] does not
/// read back as said. `uid`, when given, is written for a card without a UID of its own, so that it
/// is the same contact when it comes back. The box's own marks are left out.
pub fn write_card<'a, B: Blobs>(
    contents: impl Iterator<Item = Property<'a>> + Clone,
    uid: Option<Uid>,
    version: VcardVersion,
    blobs: &mut B,
    out: &mut impl Write,
) -> Result<(), WriteCardError<B::Error>> {
    let mut writer = Writer::new(out, version);
    writer.begin()?;
    let find = |kind: Kind| contents.clone().find(|content| content.kind == kind);
    let is_blank = |content: &Property<'_>| {
        let text = content.value.as_text();
        content.kind == Kind::UID && text.is_some_and(|text| text.trim_ascii().is_empty())
    };
    let has_uid = contents.clone().any(|content| content.kind == Kind::UID && !is_blank(&content));
    if let (Some(uid), false) = (uid, has_uid) {
        let uuid = UuidText { urn: true, ..UuidText::plain(uid.0) };
        writer.content(&Property { value: Value::Uuid(uuid), ..Property::text(Kind::UID, "") })?;
    }
    let formatted = find(Kind::FN).and_then(|content| content.value.as_text());
    let has_formatted = find(Kind::FN).is_some();
    if !has_formatted {
        writer.derived("FN", &Derived::Formatted(NameSource::of(contents.clone())))?;
    }
    if version == VcardVersion::V3 && find(Kind::N).is_none() {
        let is_person = find(Kind::X_ADDRESSBOOKSERVER_KIND).is_none()
            && find(Kind::KIND).is_none_or(|kind| kind.value == Value::Text("individual"))
            && find(Kind::ORG).and_then(|org| org.value.as_text()) != formatted;
        writer.derived("N", &Derived::Components(formatted.filter(|_| is_person)))?;
    }
    for content in contents {
        match content.value {
            Value::Blob(blob) => writer.blob(&content, blob, blobs)?,
            _ => writer.content(&content)?,
        }
    }
    writer.end()?;
    Ok(())
}

/// Writes cards property by property.
pub struct Writer<W> {
    out: LineFolder<W>,
    version: VcardVersion,
    /// Bytes of a binary value that do not make a group yet.
    rest: [u8; 3],
    rest_len: usize,
}

impl<W: Write> Writer<W> {
    /// A writer of one version.
    pub fn new(out: W, version: VcardVersion) -> Self {
        Self { out: LineFolder::new(out), version, rest: [0; 3], rest_len: 0 }
    }

    /// Begins a card.
    pub fn begin(&mut self) -> fmt::Result {
        for line in [
            "BEGIN:VCARD",
            if self.version == VcardVersion::V3 { "VERSION:3.0" } else { "VERSION:4.0" },
        ] {
            self.out.write_str(line)?;
            self.out.end()?;
        }
        Ok(())
    }

    /// Ends it.
    pub fn end(&mut self) -> fmt::Result {
        self.out.write_str("END:VCARD")?;
        self.out.end()
    }

    /// Writes a property; nothing for the box's own marks. A blob's bytes are not at hand here: it
    /// comes out empty, so those go through [`Writer::begin_binary`].
    pub fn content(&mut self, content: &Property<'_>) -> fmt::Result {
        if content.kind.is_internal() {
            return Ok(());
        }
        match content.value {
            Value::Text(text) => self.text(content, text),
            Value::Uuid(uuid) => {
                self.head(content, content.types, "", None)?;
                write!(self.out, ":{uuid}")?;
                self.out.end()
            }
            Value::Bytes(bytes) => {
                self.begin_binary(content)?;
                self.binary(bytes)?;
                self.end_binary()
            }
            Value::Blob(_) => {
                self.begin_binary(content)?;
                self.end_binary()
            }
        }
    }

    /// Writes a property up to its binary value, which follows in pieces.
    pub fn begin_binary(&mut self, content: &Property<'_>) -> fmt::Result {
        self.rest_len = 0;
        if self.version == VcardVersion::V3 || !content.kind.shape().is_binary() {
            self.head(content, content.types, "ENCODING=b", None)?;
            return self.out.write_str(":");
        }
        let said = content.param("MEDIATYPE").map(|said| said.trim_matches('"'));
        let said = said.filter(|said| {
            !said.contains(|c: char| c.is_control() || matches!(c, ',' | '"' | '\\'))
        });
        let image = media_type_of(content.types).filter(|_| content.param("MEDIATYPE").is_none());
        let types = image.map_or(content.types, |(image, _)| content.types.without(image));
        let media_type = said.or(image.map(|(_, name)| name)).unwrap_or(NO_MEDIA_TYPE);
        self.head(content, types, "", said.map(|_| "MEDIATYPE"))?;
        write!(self.out, ":data:{media_type};base64,")
    }

    /// Writes the next bytes of a binary value.
    pub fn binary(&mut self, bytes: &[u8]) -> fmt::Result {
        let mut bytes = bytes;
        while self.rest_len > 0 && self.rest_len < 3 {
            let Some((&byte, after)) = bytes.split_first() else {
                return Ok(());
            };
            self.rest[self.rest_len] = byte;
            self.rest_len += 1;
            bytes = after;
        }
        if self.rest_len == 3 {
            self.group(3)?;
        }
        let (groups, rest) = bytes.as_chunks::<3>();
        for &group in groups {
            self.rest = group;
            self.group(3)?;
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_len = rest.len();
        Ok(())
    }

    /// Ends the property of a binary value.
    pub fn end_binary(&mut self) -> fmt::Result {
        if self.rest_len > 0 {
            self.group(self.rest_len)?;
        }
        self.out.end()
    }

    fn group(&mut self, len: usize) -> fmt::Result {
        self.rest_len = 0;
        let digits = base64::encode(&self.rest[..len]);
        self.out.write_str(core::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }

    fn blob<B: Blobs>(
        &mut self,
        content: &Property<'_>,
        blob: BlobRef,
        blobs: &mut B,
    ) -> Result<(), WriteCardError<B::Error>> {
        self.begin_binary(content)?;
        let mut piece = [0; 768];
        let mut offset = 0;
        while offset < blob.len {
            let wanted = piece.len().min((blob.len - offset) as usize);
            let into = &mut piece[..wanted];
            let read = blobs
                .read(blob, offset, into)
                .map_err(|error| WriteCardError::Blob { blob, error })?;
            if read == 0 {
                return Err(WriteCardError::BlobShort { blob, bytes: offset });
            }
            let read = read.min(wanted);
            self.binary(&into[..read])?;
            offset += read as u32;
        }
        self.end_binary()?;
        Ok(())
    }

    fn text(&mut self, content: &Property<'_>, text: &str) -> fmt::Result {
        if self.version == VcardVersion::V3 {
            let moment = Moment::parse(text);
            let form = ValueForm::of(content.kind, content.param("VALUE"));
            match moment {
                Some(day)
                    if content.kind.shape().is_day() && day.is_day() && day.year.is_none() =>
                {
                    self.head(content, content.types, "", None)?;
                    write!(self.out, ";{OMIT_YEAR}={NO_YEAR}:")?;
                    day.write_in_year(NO_YEAR, &mut self.out)?;
                    return self.out.end();
                }
                Some(moment) if form == ValueForm::Date => {
                    self.head(content, content.types, "", None)?;
                    self.out.write_str(":")?;
                    moment.write_extended(&mut self.out)?;
                    return self.out.end();
                }
                _ => {}
            }
            let place = text.strip_prefix("geo:").and_then(|place| coordinates(place, ','));
            if let (Kind::GEO, Some((latitude, longitude)), None) =
                (content.kind, place, content.param("VALUE"))
            {
                self.head(content, content.types, "", None)?;
                write!(self.out, ":{latitude};{longitude}")?;
                return self.out.end();
            }
        }
        // An address must say that it is one where 3.0 expects bytes.
        let is_address = self.version == VcardVersion::V3
            && content.kind.shape().is_binary()
            && is_uri(text)
            && ["VALUE", "ENCODING"].iter().all(|name| content.param(name).is_none());
        self.head(content, content.types, if is_address { "VALUE=uri" } else { "" }, None)?;
        self.out.write_str(":")?;
        // A line end can only come from a client that did not escape it.
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.out.write_str("\\n")?;
            }
            self.plain(line)?;
        }
        self.out.end()
    }

    /// A property that was made up, with the mark that tells so.
    fn derived(&mut self, name: &str, derived: &Derived<'_>) -> fmt::Result {
        write!(self.out, "{name};{DERIVED}={:08x}:", derived.mark()?)?;
        derived.write(&mut self.out)?;
        self.out.end()
    }

    /// Group, name and parameters, without `left_out`.
    fn head(
        &mut self,
        content: &Property<'_>,
        types: Types,
        first: &str,
        left_out: Option<&str>,
    ) -> fmt::Result {
        write_name(content.group, content.name(), &mut self.out)?;
        if !first.is_empty() {
            write!(self.out, ";{first}")?;
        }
        let listed = match self.version {
            VcardVersion::V3 => types,
            VcardVersion::V4 => types.without(Types::PREF),
        };
        for (at, name) in listed.names().enumerate() {
            self.out.write_str(if at == 0 { ";TYPE=" } else { "," })?;
            match self.version {
                // As Apple, Google and Microsoft write them.
                VcardVersion::V3 => {
                    name.chars().try_for_each(|c| self.out.write_char(c.to_ascii_uppercase()))?
                }
                VcardVersion::V4 => self.out.write_str(name)?,
            }
        }
        if listed != types {
            self.out.write_str(";PREF=1")?;
        }
        for param in split_params(content.params) {
            let is_left_out = left_out.is_some_and(|name| {
                param.split_once('=').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
            });
            if let (false, Some(before)) = (is_left_out, before_param(param)) {
                write!(self.out, ";{before}")?;
                self.plain(param)?;
            }
        }
        Ok(())
    }

    /// Writes what may not hold a line end.
    fn plain(&mut self, text: &str) -> fmt::Result {
        OneLine(&mut self.out).write_str(text)
    }
}
