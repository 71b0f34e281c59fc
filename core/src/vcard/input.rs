//! UTF-16 to UTF-8, told by the first two bytes; everything else passes as it is.

/// The encoding of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Unknown,
    Bytes,
    Utf16 { is_big: bool },
}

/// Gives the input on as bytes that contain ASCII.
pub(super) struct Input {
    form: Encoding,
    first: Option<u8>,
    /// The high half of a character outside the basic plane.
    surrogate: Option<u16>,
    /// Bytes taken.
    offset: u64,
}

/// Bytes to read on with, and where in the input they are.
pub(super) struct InputPiece<'i> {
    pub bytes: InputBytes<'i>,
    pub offset: u64,
}

/// Bytes of the input, or of one or two characters of it in UTF-8.
pub(super) enum InputBytes<'i> {
    Input(&'i [u8]),
    Decoded([u8; 8], usize),
}

impl InputBytes<'_> {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            InputBytes::Input(bytes) => bytes,
            InputBytes::Decoded(bytes, len) => &bytes[..*len],
        }
    }
}

impl Input {
    pub(super) fn new() -> Self {
        Self { form: Encoding::Unknown, first: None, surrogate: None, offset: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes a piece off the front of `input`; `None` when more is needed.
    pub(super) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Option<InputPiece<'i>> {
        if self.form == Encoding::Bytes {
            let bytes = core::mem::take(input);
            let offset = self.offset;
            self.offset += bytes.len() as u64;
            return (!bytes.is_empty())
                .then_some(InputPiece { bytes: InputBytes::Input(bytes), offset });
        }
        loop {
            let (&byte, rest) = input.split_first()?;
            *input = rest;
            self.offset += 1;
            let Some(first) = self.first.take() else {
                self.first = Some(byte);
                continue;
            };
            let offset = self.offset - 2;
            let is_big = match self.form {
                Encoding::Utf16 { is_big } => is_big,
                _ => {
                    self.form = match [first, byte] {
                        [0xFF, 0xFE] | [b'B' | b'b', 0] => Encoding::Utf16 { is_big: false },
                        [0xFE, 0xFF] | [0, b'B' | b'b'] => Encoding::Utf16 { is_big: true },
                        _ => Encoding::Bytes,
                    };
                    match self.form {
                        Encoding::Utf16 { is_big } => is_big,
                        _ => {
                            let bytes = [first, byte, 0, 0, 0, 0, 0, 0];
                            return Some(InputPiece {
                                bytes: InputBytes::Decoded(bytes, 2),
                                offset,
                            });
                        }
                    }
                }
            };
            let unit = if is_big {
                u16::from_be_bytes([first, byte])
            } else {
                u16::from_le_bytes([first, byte])
            };
            let is_mark = offset == 0 && unit == 0xFEFF;
            if let Some(bytes) = (!is_mark).then(|| self.unit(unit)).flatten() {
                return Some(InputPiece { bytes, offset });
            }
        }
    }

    /// Returns the rest when the input ends.
    pub(super) fn finish(&mut self) -> Option<InputPiece<'static>> {
        let offset = self.offset.saturating_sub(1);
        let first = self.first.take()?;
        let bytes = match self.form {
            Encoding::Utf16 { .. } => self.unit(0xFFFD)?,
            _ => InputBytes::Decoded([first, 0, 0, 0, 0, 0, 0, 0], 1),
        };
        Some(InputPiece { bytes, offset })
    }

    /// One unit of UTF-16: a character, half of one, or a half without the other.
    fn unit(&mut self, unit: u16) -> Option<InputBytes<'static>> {
        let pending = self.surrogate.take();
        if pending.is_none() && (0xD800..0xDC00).contains(&unit) {
            self.surrogate = Some(unit);
            return None;
        }
        let units = [pending.unwrap_or(unit), unit];
        let units = if pending.is_some() { &units[..] } else { &units[..1] };
        let mut bytes = [0; 8];
        let mut len = 0;
        for decoded in char::decode_utf16(units.iter().copied()) {
            let decoded = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            // Two units are at most two characters of the basic plane: six bytes.
            len += decoded.encode_utf8(&mut bytes[len..]).len();
        }
        Some(InputBytes::Decoded(bytes, len))
    }
}
