//! Binary values: `data:` URIs of 4.0, and what kind of picture bytes are.

use super::base64;
use super::params::IMAGES;
use crate::contact::Types;

/// Written where nothing better is known, and read as nothing known.
pub(super) const NO_MEDIA_TYPE: &str = "application/octet-stream";

/// Returns the places of the media type and the base64 of a `data:` URI; `None` when it is none, or
/// not in base64. Some writers escape its separators as if it were text.
pub(super) fn data_uri(value: &[u8]) -> Option<(core::ops::Range<usize>, usize)> {
    const SCHEME: &[u8] = b"data:";
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let comma = rest.iter().position(|&byte| byte == b',')?;
    let head = rest[..comma].strip_suffix(b"\\").unwrap_or(&rest[..comma]);
    let (media, base64) = head.split_at_checked(head.len().checked_sub(7)?)?;
    if !base64.eq_ignore_ascii_case(b";base64") {
        return None;
    }
    let media = media.strip_suffix(b"\\").unwrap_or(media);
    if media.contains(&b'\\') {
        return None;
    }
    let data = SCHEME.len() + comma + 1;
    base64::is_valid(&value[data..]).then_some((SCHEME.len()..SCHEME.len() + media.len(), data))
}

/// Returns whether a value begins with a scheme, as every URI does.
pub(super) fn is_uri(value: &str) -> bool {
    value.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// The type bit of a media type that has one.
pub(super) fn image_of(media_type: &str) -> Option<Types> {
    let (family, format) = media_type.split_once('/')?;
    Types::of(format).filter(|it| family.eq_ignore_ascii_case("image") && IMAGES.contains(it))
}

/// The media type of the first image format in a set of types.
pub(super) fn media_type_of(types: Types) -> Option<(Types, &'static str)> {
    let names = ["image/jpeg", "image/png", "image/gif"];
    IMAGES.into_iter().zip(names).find(|&(image, _)| types.has(image))
}

/// The picture format that the first bytes tell.
pub(super) fn sniff(bytes: &[u8]) -> Option<Types> {
    let signatures: [&[u8]; 3] = [b"\xFF\xD8\xFF", b"\x89PNG", b"GIF8"];
    let found = signatures.iter().position(|signature| bytes.starts_with(signature))?;
    IMAGES.get(found).copied()
}
