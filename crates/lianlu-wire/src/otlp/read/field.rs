//! The fields of a message: a tag, then a value whose kind depends on the tag.

use super::ReadError;
use super::input::Input;

/// Maximum depth of groups in an unknown field. OTLP has no groups, and proto3 cannot define them.
const GROUP_LIMIT: usize = 32;

/// The known fields of a message by number, as the `.proto` files name them; empty for unknown
/// numbers.
pub(super) type FieldNames = &'static [&'static str];

#[inline]
pub(super) fn name(names: FieldNames, tag: u32) -> &'static str {
    names.get(tag as usize >> 3).copied().unwrap_or_default()
}

/// Read the tag, match on it, read the value: one jump per field.
impl<'a> Input<'a> {
    /// The next tag of the message, `None` at its end.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<Option<u32>, ReadError> {
        match self.bytes() {
            [] => Ok(None),
            [8..=0x7f, ..] => self.array("a tag").map(|[tag]| Some(tag.into())),
            _ => self.long_tag().map(Some),
        }
    }

    fn long_tag(&mut self) -> Result<u32, ReadError> {
        let at = self.at();
        let found = self.varint()?;
        match u32::try_from(found) {
            Ok(tag) if tag >= 8 => Ok(tag),
            _ => Err(invalid_tag(at, found)),
        }
    }

    /// The next length-delimited field with this tag; skips other fields. `None` at the end.
    #[inline]
    pub(super) fn find(
        &mut self,
        wanted: u32,
        names: FieldNames,
    ) -> Result<Option<Self>, ReadError> {
        while let Some(tag) = self.tag()? {
            if tag == wanted {
                return self.delimited().map(Some);
            }
            if tag >> 3 == wanted >> 3 {
                return Err(self.wire_type(tag, name(names, tag)));
            }
            self.skip(tag)?;
        }
        Ok(None)
    }

    /// Skips a field that is not in `names`. A known field arrives here only with an unexpected
    /// wire type.
    #[inline]
    pub(super) fn unknown(&mut self, tag: u32, names: FieldNames) -> Result<(), ReadError> {
        match name(names, tag) {
            // An invalid wire type is an invalid tag, reported by `skip`.
            "" => self.skip(tag),
            _ if matches!(tag & 7, 4 | 6 | 7) => self.skip(tag),
            field => Err(self.wire_type(tag, field)),
        }
    }

    /// Skips a value.
    #[inline]
    pub(super) fn skip(&mut self, tag: u32) -> Result<(), ReadError> {
        match tag & 7 {
            0 => self.varint().map(drop),
            1 => self.array::<8>("a number").map(drop),
            2 => self.delimited().map(drop),
            5 => self.array::<4>("a number").map(drop),
            _ => self.skip_group(tag, GROUP_LIMIT),
        }
    }

    /// Skips the rest of a group, including its end tag, after its start tag was read. Also reports
    /// invalid tags.
    #[cold]
    fn skip_group(&mut self, tag: u32, levels: usize) -> Result<(), ReadError> {
        if tag & 7 != 3 {
            return Err(invalid_tag(self.before(tag), tag.into()));
        }
        let Some(levels) = levels.checked_sub(1) else {
            return Err(ReadError::TooDeep {
                at: self.before(tag),
                what: "groups",
                limit: GROUP_LIMIT,
            });
        };
        loop {
            let inner = self.long_tag()?;
            match inner & 7 {
                4 if inner >> 3 == tag >> 3 => return Ok(()),
                0..=2 | 5 => self.skip(inner)?,
                _ => self.skip_group(inner, levels)?,
            }
        }
    }

    #[cold]
    fn wire_type(&self, tag: u32, field: &'static str) -> ReadError {
        ReadError::WireType {
            at: self.at(),
            field,
            found: (tag & 7) as u8,
        }
    }

    /// The low 32 bits, as all protobuf readers do for an `int32` or an enum.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn int32(&mut self) -> Result<i32, ReadError> {
        self.varint().map(|value| value as i32)
    }

    /// The low 32 bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn uint32(&mut self) -> Result<u32, ReadError> {
        self.varint().map(|value| value as u32)
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Result<u64, ReadError> {
        self.array("a number").map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Result<u32, ReadError> {
        self.array("a number").map(u32::from_le_bytes)
    }

    /// Text; `tag` is the tag of the field, for error messages.
    #[inline]
    pub(super) fn text(&mut self, tag: u32, names: FieldNames) -> Result<&'a str, ReadError> {
        let text = self.delimited()?;
        text.utf8().map_err(|at| ReadError::Utf8 {
            at,
            field: name(names, tag),
        })
    }

    /// An id; all zero when the field is empty.
    #[inline]
    pub(super) fn id<const N: usize>(
        &mut self,
        tag: u32,
        names: FieldNames,
    ) -> Result<[u8; N], ReadError> {
        let input = self.delimited()?;
        match <[u8; N]>::try_from(input.bytes()) {
            Ok(id) => Ok(id),
            Err(_) if input.bytes().is_empty() => Ok([0; N]),
            Err(_) => Err(ReadError::IdLength {
                at: input.at(),
                field: name(names, tag),
                expected: N,
                found: input.bytes().len(),
            }),
        }
    }
}

#[cold]
fn invalid_tag(at: usize, found: u64) -> ReadError {
    ReadError::Tag {
        at,
        expected: "a field",
        found,
    }
}
