//! Reads tags, text and lists.

use std::borrow::Cow;

use super::{DecodeError, Tag, TagValue};
use crate::thrift::{Kind, Read, skip};

/// The element type of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    /// Its name in jaeger.thrift.
    pub(super) name: &'static str,
    /// Smallest size of an element with its required fields, in the compact protocol: header and
    /// one byte for each field (two headers for a list), and the stop field. The binary protocol
    /// takes more.
    pub(super) min_bytes: usize,
}

/// Key and vType.
const TAG: Element = Element {
    name: "Tag",
    min_bytes: 5,
};

/// Reads a list of structs, each with `read`.
///
/// Reserves memory for all declared elements. That is safe: the reader has checked that the
/// remaining bytes hold as many elements of the minimum size, and a nested list cannot claim bytes
/// reserved for its siblings.
pub(super) fn list<'a, R: Read<'a>, T>(
    r: &mut R,
    element: Element,
    read: impl Fn(&mut R) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let at = r.at();
    let (kind, elements) = r.list_begin("list", element.min_bytes)?;
    if elements > 0 && kind != Kind::Struct {
        return Err(DecodeError::WrongElements {
            at,
            expected: element.name,
        });
    }
    let mut items = Vec::with_capacity(elements);
    r.reserve(elements * element.min_bytes);
    for _ in 0..elements {
        r.release(element.min_bytes);
        items.push(read(r)?);
    }
    Ok(items)
}

pub(super) fn tags<'a, R: Read<'a>>(r: &mut R) -> Result<Vec<Tag<'a>>, DecodeError> {
    list(r, TAG, tag)
}

/// A string, with invalid UTF-8 replaced by U+FFFD.
pub(super) fn text<'a>(r: &mut impl Read<'a>) -> Result<Cow<'a, str>, DecodeError> {
    r.bytes().map(String::from_utf8_lossy)
}

/// The value field that a tag uses.
enum TagType {
    String,
    Double,
    Bool,
    Long,
    Binary,
}

fn tag_type<'a>(r: &mut impl Read<'a>) -> Result<TagType, DecodeError> {
    let at = r.at();
    Ok(match r.i32()? {
        0 => TagType::String,
        1 => TagType::Double,
        2 => TagType::Bool,
        3 => TagType::Long,
        4 => TagType::Binary,
        found => {
            return Err(DecodeError::UnknownEnumValue {
                at,
                name: "TagType",
                found,
            });
        }
    })
}

/// The value fields are optional in jaeger.thrift; as in Jaeger, a missing one is empty, 0 or
/// false.
fn tag<'a, R: Read<'a>>(r: &mut R) -> Result<Tag<'a>, DecodeError> {
    let at = r.at();
    let (mut key, mut of_type) = (None, None);
    let (mut string, mut double, mut boolean, mut long, mut binary) =
        (Cow::default(), 0.0, false, 0, &[][..]);
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match (field.id, field.kind) {
            (1, Kind::String) => key = Some(text(r)?),
            (2, Kind::I32) => of_type = Some(tag_type(r)?),
            (3, Kind::String) => string = text(r)?,
            (4, Kind::Double) => double = r.double()?,
            (5, Kind::Bool) => boolean = r.bool()?,
            (6, Kind::I64) => long = r.i64()?,
            (7, Kind::String) => binary = r.bytes()?,
            (_, other) => skip(r, other)?,
        }
    }
    r.struct_end(outer);
    let value = match of_type.ok_or(DecodeError::MissingField {
        at,
        field: "Tag.vType",
    })? {
        TagType::String => TagValue::String(string),
        TagType::Double => TagValue::Double(double),
        TagType::Bool => TagValue::Bool(boolean),
        TagType::Long => TagValue::Long(long),
        TagType::Binary => TagValue::Binary(binary.into()),
    };
    Ok(Tag {
        key: key.ok_or(DecodeError::MissingField {
            at,
            field: "Tag.key",
        })?,
        value,
    })
}
