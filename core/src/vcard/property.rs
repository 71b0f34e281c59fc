//! One property line to one content, in the form that [`crate::contact::Value`] describes.

use super::arena::Arena;
use super::base64;
use super::binary::{NO_MEDIA_TYPE, data_uri, image_of, is_uri, sniff};
use super::charset::{Charset, EXPANSION_MAX, Known, decode_mixed, decode_windows_1252};
use super::date::Moment;
use super::derived::is_mark_of;
use super::line::{Encoding, split};
use super::params::{IMAGES, OMIT_YEAR, Params, keep};
use super::quoted::{Marks, decode_in_place, marks_of};
use super::rejection::{Reason, VcardRepair};
use super::text::{Dialect, canonical};
use super::value_form::ValueForm;
use crate::contact::{Kind, Property, Value, ValueShape};
use crate::limits::PARAMS_BYTES_MAX;
use crate::text::SliceFull;

/// The name under which a line is kept that is not a property.
pub(super) const UNREADABLE_LINE: &str = "X-UNREADABLE-LINE";

/// The rules a card was written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    V2,
    V3,
    V4,
}

impl Syntax {
    /// Reads a `VERSION` line; `None` for unknown versions.
    pub(super) fn of(version: &str) -> Option<Self> {
        match version.trim_ascii().split('.').next()? {
            "2" => Some(Self::V2),
            "3" => Some(Self::V3),
            "4" => Some(Self::V4),
            _ => None,
        }
    }
}

/// The result of reading a line.
pub(super) enum Read<'r> {
    Property(Property<'r>),
    /// `VERSION`, with its value.
    Version(&'r str),
    /// A value that the writer made up last time, or a comment.
    Nothing,
}

/// Why a line cannot be read.
pub(super) enum LineFault {
    Full,
    Because(Reason),
}

impl From<SliceFull> for LineFault {
    fn from(SliceFull: SliceFull) -> Self {
        Self::Full
    }
}

/// Reads lines of one card.
pub(super) struct PropertyReader<'c, C, W> {
    pub syntax: Syntax,
    pub charsets: &'c mut C,
    pub warn: W,
}

impl<C: Charset, W: FnMut(VcardRepair)> PropertyReader<'_, C, W> {
    /// Reads one line, decoding it where it stands and in `free`.
    pub(super) fn read<'r>(
        &mut self,
        line: &'r mut [u8],
        free: &'r mut [u8],
    ) -> Result<Read<'r>, LineFault> {
        let mut room = Arena::new(free);
        let room = &mut room;
        let is_marker =
            |name: &[u8]| name.eq_ignore_ascii_case(b"BEGIN") || name.eq_ignore_ascii_case(b"END");
        let parts = split(line).filter(|parts| !is_marker(parts.name));
        let Some(value_at) = parts.map(|parts| parts.value_at) else {
            return self.unreadable(line, room);
        };
        let (head, value) = line.split_at_mut(value_at);
        let head = match core::str::from_utf8(head) {
            Ok(head) => head,
            Err(_) => self.decode_head(head, room)?,
        };
        let Some(parts) = split(head.as_bytes()) else {
            return Ok(Read::Nothing);
        };
        // They were cut out of a string, at ASCII characters.
        let [group, name, params] = [parts.group, parts.name, parts.params]
            .map(|part| core::str::from_utf8(part).unwrap_or_default());
        if name.eq_ignore_ascii_case("VERSION") {
            return Ok(Read::Version(core::str::from_utf8(value).unwrap_or_default()));
        }
        let params = Params::parse(params, room)?;
        let kind = Kind::of(name);
        let content = Property {
            kind,
            other: if kind == Kind::OTHER { name } else { "" },
            group,
            types: params.types,
            params: params.text,
            value: Value::Text(""),
        };
        let content = self.value(content, params, value, room)?;
        match content {
            Some(content) if content.params.len() > PARAMS_BYTES_MAX => {
                Err(LineFault::Because(Reason::ParametersTooLong {
                    bytes: content.params.len(),
                    bytes_max: PARAMS_BYTES_MAX,
                }))
            }
            Some(content) => Ok(Read::Property(content)),
            None => Ok(Read::Nothing),
        }
    }

    /// A line that is no property: a comment, or something to keep for a person to look at.
    fn unreadable<'r>(
        &mut self,
        line: &'r [u8],
        room: &mut Arena<'r>,
    ) -> Result<Read<'r>, LineFault> {
        let line = line.trim_ascii();
        if line.starts_with(b"#") {
            (self.warn)(VcardRepair::Comment);
            return Ok(Read::Nothing);
        }
        (self.warn)(VcardRepair::UnreadableLine);
        let (text, _) = self.decode(line, None, room)?;
        let text = canonical(text, ValueForm::Text, Dialect::OldDecoded, room)?;
        let unreadable = Property { other: UNREADABLE_LINE, ..Property::text(Kind::OTHER, text) };
        Ok(Read::Property(unreadable))
    }

    fn value<'r>(
        &mut self,
        mut content: Property<'r>,
        mut params: Params<'r>,
        value: &'r mut [u8],
        room: &mut Arena<'r>,
    ) -> Result<Option<Property<'r>>, LineFault> {
        let form = ValueForm::of(content.kind, params.value_type);
        let mut dialect = match self.syntax {
            Syntax::V2 => Dialect::Old,
            Syntax::V3 | Syntax::V4 => Dialect::Modern,
        };
        let mut value = value;
        match params.encoding {
            Some((_, Some(Encoding::Base64))) => {
                if base64::is_valid(value) {
                    let len = base64::decode_in_place(value);
                    let bytes = &value[..len];
                    return binary(content, params, None, bytes, room).map(Some);
                }
                (self.warn)(VcardRepair::NotBase64);
            }
            Some((_, Some(Encoding::QuotedPrintable))) => {
                let has_ascii = Known::of(params.charset.unwrap_or("UTF-8")) != Known::Other;
                let is_structured = form.has_components() && has_ascii;
                let marks = if is_structured { marks_of(value) } else { Marks::Plain };
                let len = decode_in_place(value, marks);
                value = value.split_at_mut(len).0;
                params.encoding = None;
                if self.syntax == Syntax::V2 {
                    dialect = Dialect::OldDecoded;
                }
            }
            Some((_, Some(Encoding::Plain))) => params.encoding = None,
            Some((_, None)) => {}
            None if content.kind.shape().is_binary() => {
                if let Some((media_type, data_at)) = data_uri(value)
                    && let Some(media_type) = own_media_type(&value[media_type], &params)
                {
                    let media_type =
                        room.text(|out| out.push(media_type).map_err(LineFault::from))?;
                    let (_, data) = value.split_at_mut(data_at);
                    let len = base64::decode_in_place(data);
                    let bytes = &data[..len];
                    return binary(content, params, Some(media_type), bytes, room).map(Some);
                }
            }
            None => {}
        }
        let (text, unknown_charset) = self.decode(value, params.charset, room)?;
        let form = if params.encoding.is_some() { ValueForm::AsItCame } else { form };
        let mut text = canonical(text, form, dialect, room)?;
        if let Some(other) = other_spelling(content.kind, form, &mut params, text, room)? {
            text = other;
        }
        if content.kind.shape().is_binary() && is_uri(text) {
            // Only 3.0 has to say so, and does.
            params.value_type = params.value_type.filter(|it| !it.eq_ignore_ascii_case("uri"));
        }
        if params.derived.is_some_and(|mark| is_mark_of(text, mark)) {
            return Ok(None);
        }
        content.params = with_late_params(&params, unknown_charset, room)?;
        content.value = Value::text(text);
        Ok(Some(content))
    }

    /// Bytes to text, with the label to keep when nobody knew it.
    fn decode<'r>(
        &mut self,
        bytes: &'r [u8],
        charset: Option<&'r str>,
        room: &mut Arena<'r>,
    ) -> Result<(&'r str, Option<&'r str>), LineFault> {
        let utf8 = core::str::from_utf8(bytes);
        if let (Ok(text), true) = (utf8, bytes.is_ascii() && !is_stateful(charset)) {
            return Ok((text, None));
        }
        let enough = bytes.len().saturating_mul(EXPANSION_MAX);
        let known = charset.map(Known::of);
        match (known, utf8) {
            (None | Some(Known::Utf8), Ok(text)) => return Ok((text, None)),
            (Some(Known::Windows1252), _) => {
                let text = room.decode(|out| decode_windows_1252(bytes, out)).ok_or(SliceFull)?;
                return Ok((text, None));
            }
            _ => {}
        }
        if room.len() < enough {
            return Err(LineFault::Full);
        }
        let is_other = known == Some(Known::Other);
        let label = charset.filter(|_| is_other);
        if known.is_none() || is_other {
            let charsets = &mut *self.charsets;
            let label = label.unwrap_or("");
            if let Some(text) = room.decode(|out| charsets.decode(label, bytes, out)) {
                return Ok((text, None));
            }
        }
        (self.warn)(if known.is_none() {
            VcardRepair::NotUtf8
        } else {
            VcardRepair::UnknownCharset
        });
        if let (true, Ok(text)) = (is_other, utf8) {
            return Ok((text, label));
        }
        let text = room.decode(|out| decode_mixed(bytes, out)).ok_or(SliceFull)?;
        Ok((text, label))
    }

    /// Group, name and parameters that are not UTF-8; they may say themselves what they are.
    fn decode_head<'r>(
        &mut self,
        head: &'r [u8],
        room: &mut Arena<'r>,
    ) -> Result<&'r str, LineFault> {
        let label = head.split(|&byte| byte == b';').find_map(|param| {
            let (name, value) = param.split_at_checked(b"CHARSET=".len())?;
            name.eq_ignore_ascii_case(b"CHARSET=")
                .then_some(value.strip_suffix(b":").unwrap_or(value))
        });
        let label = label.and_then(|label| core::str::from_utf8(label).ok());
        let (text, _) = self.decode(head, label, room)?;
        if !text.contains(['\0', '\n', '\r']) {
            return Ok(text);
        }
        // The charset it names cannot be right, or the line would not be one.
        Ok(room.decode(|out| decode_mixed(head, out)).ok_or(SliceFull)?)
    }
}

/// Returns whether ASCII bytes may mean other characters (ISO-2022-JP, UTF-7, HZ).
fn is_stateful(charset: Option<&str>) -> bool {
    charset.is_some_and(|label| Known::of(label) == Known::Other)
}

/// A value that has other spellings of the same in the one that is kept.
fn other_spelling<'r>(
    kind: Kind,
    form: ValueForm,
    params: &mut Params<'r>,
    text: &'r str,
    room: &mut Arena<'r>,
) -> Result<Option<&'r str>, SliceFull> {
    if kind == Kind::GEO && params.value_type.is_none() {
        return match coordinates(text, ';') {
            Some((latitude, longitude)) => room
                .text(|out| {
                    ["geo:", latitude, ",", longitude].iter().try_for_each(|part| out.push(part))
                })
                .map(Some),
            None => Ok(None),
        };
    }
    if form != ValueForm::Date && !kind.shape().is_day() {
        return Ok(None);
    }
    let Some(moment) = Moment::parse(text) else {
        return Ok(None);
    };
    let is_day = moment.is_day() && kind.shape().is_day();
    if is_day && params.omit_year.is_some() && params.omit_year == moment.year {
        params.omit_year = None;
        return moment.without_year().basic(room).map(Some);
    }
    if form == ValueForm::Date || (is_day && moment.year.is_none()) {
        return moment.basic(room).map(Some);
    }
    Ok(None)
}

/// Two numbers with `separator` between them.
pub(super) fn coordinates(text: &str, separator: char) -> Option<(&str, &str)> {
    let is_number = |text: &str| {
        text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte))
    };
    text.split_once(separator).filter(|(a, b)| is_number(a) && is_number(b))
}

/// The parameters that are kept behind all others, because what becomes of them
/// depends on the value.
fn with_late_params<'r>(
    params: &Params<'r>,
    unknown_charset: Option<&str>,
    room: &mut Arena<'r>,
) -> Result<&'r str, SliceFull> {
    let late = [
        // Read back it is one of those before, so it comes first here.
        ("X-CHARSET", unknown_charset),
        ("VALUE", params.value_type),
        ("ENCODING", params.encoding.map(|(text, _)| text)),
        ("MEDIATYPE", params.media_type),
        (OMIT_YEAR, params.omit_year),
    ];
    if late.iter().all(|(_, value)| value.is_none()) {
        return Ok(params.text);
    }
    room.text(|out| {
        out.push(params.text)?;
        late.iter().try_for_each(|(name, value)| match value {
            Some(value) => keep(out, name, value, false),
            None => Ok(()),
        })
    })
}

/// The media type of a `data:` URI, unless a parameter says another.
fn own_media_type<'v>(media_type: &'v [u8], params: &Params<'_>) -> Option<&'v str> {
    let media_type = core::str::from_utf8(media_type).ok()?;
    let agrees = params.media_type.is_none_or(|said| said.eq_ignore_ascii_case(media_type))
        || media_type == NO_MEDIA_TYPE;
    let is_whole = media_type.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    (agrees && is_whole).then_some(media_type)
}

/// A content with a binary value.
fn binary<'r>(
    mut content: Property<'r>,
    mut params: Params<'r>,
    media_type: Option<&'r str>,
    bytes: &'r [u8],
    room: &mut Arena<'r>,
) -> Result<Property<'r>, LineFault> {
    params.encoding = None;
    let is_known = |it: &&str| !it.is_empty() && *it != NO_MEDIA_TYPE;
    params.media_type = media_type.filter(is_known).or(params.media_type).filter(is_known);
    if content.kind.shape().is_binary()
        && let Some(image) = params.media_type.and_then(image_of)
    {
        content.types = content.types.with(image);
        params.media_type = None;
    }
    let says_so = |it: &str| ["uri", "binary", "inline"].iter().any(|w| w.eq_ignore_ascii_case(it));
    params.value_type = params.value_type.filter(|it| !says_so(it));
    let is_unnamed = IMAGES.iter().all(|&image| content.types.without(image) == content.types)
        && params.media_type.is_none()
        && content.param("TYPE").is_none();
    if content.kind.shape() == ValueShape::Picture && is_unnamed {
        content.types = content.types.with(sniff(bytes).unwrap_or_default());
    }
    content.params = with_late_params(&params, None, room)?;
    content.value = Value::Bytes(bytes);
    Ok(content)
}
