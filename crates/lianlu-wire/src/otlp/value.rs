//! Attributes: `KeyValue` with its `AnyValue`.

use super::key::StaticKey;
use super::varint::{low_byte, put_len_prefixed, put_varint, varint_len};

/// The owner of an attribute, which determines the tag of its `KeyValue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum AttributeOf {
    /// `Resource.attributes`, field 1.
    Resource = 0x0a,
    /// `InstrumentationScope.attributes`, field 3; also `Event.attributes`.
    Scope = 0x1a,
    /// `Span.attributes`, field 9.
    Span = 0x4a,
    /// `Span.Link.attributes`, field 4.
    Link = 0x22,
}

impl AttributeOf {
    /// `Span.Event.attributes`, field 3 like a scope's.
    pub const EVENT: Self = Self::Scope;

    #[inline]
    const fn tag(self) -> u8 {
        self as u8
    }
}

const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
const STRING: u8 = 0x0a;
const BOOL: u8 = 0x10;
const INT: u8 = 0x18;
const DOUBLE: u8 = 0x21;
const ARRAY: u8 = 0x2a;
const BYTES: u8 = 0x3a;

/// An attribute key: a constant with its encoding, or any string.
pub trait AttributeKey: Copy {
    /// Length of field 1 of the `KeyValue`.
    #[doc(hidden)]
    fn key_len(self) -> usize;

    /// Appends field 1 of the `KeyValue`.
    #[doc(hidden)]
    fn put_key(self, out: &mut Vec<u8>);

    /// Appends tag and length of the `KeyValue`, which is shorter than 128 bytes, then its field 1.
    #[doc(hidden)]
    fn put_short(self, out: &mut Vec<u8>, tag: u8, length: usize);

    /// The key itself.
    #[doc(hidden)]
    fn text(&self) -> &str;

    /// One of 128 marks that tells most keys apart.
    #[doc(hidden)]
    fn mark(self) -> u8;
}

impl AttributeKey for StaticKey {
    #[inline]
    fn key_len(self) -> usize {
        self.encoded().len()
    }

    #[inline]
    fn put_key(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.encoded());
    }

    #[inline]
    fn put_short(self, out: &mut Vec<u8>, tag: u8, length: usize) {
        out.extend_from_slice(&[tag, low_byte(length as u64)]);
        self.put_key(out);
    }

    #[inline]
    fn text(&self) -> &str {
        self.as_str()
    }

    #[inline]
    fn mark(self) -> u8 {
        StaticKey::mark(&self)
    }
}

impl AttributeKey for &str {
    #[inline]
    fn key_len(self) -> usize {
        1 + varint_len(self.len() as u64) + self.len()
    }

    #[inline]
    fn put_key(self, out: &mut Vec<u8>) {
        out.push(KEY);
        put_varint(out, self.len() as u64);
        out.extend_from_slice(self.as_bytes());
    }

    #[inline]
    fn put_short(self, out: &mut Vec<u8>, tag: u8, length: usize) {
        let [length, own] = [length, self.len()].map(|it| low_byte(it as u64));
        out.extend_from_slice(&[tag, length, KEY, own]);
        out.extend_from_slice(self.as_bytes());
    }

    #[inline]
    fn text(&self) -> &str {
        self
    }

    #[inline]
    fn mark(self) -> u8 {
        super::key::mark(self)
    }
}

/// Appends an attribute with a string value.
#[inline]
pub fn put_str(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, value: &str) {
    put_delimited(out, of, key, STRING, value.as_bytes());
}

/// Appends an attribute with a bytes value.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, value: &[u8]) {
    put_delimited(out, of, key, BYTES, value);
}

#[inline]
fn put_delimited(
    out: &mut Vec<u8>,
    of: AttributeOf,
    key: impl AttributeKey,
    kind: u8,
    value: &[u8],
) {
    let short = key.key_len() + value.len() + 4;
    if short < 0x80 {
        out.reserve(short + 2);
        key.put_short(out, of.tag(), short);
        let length = low_byte(value.len() as u64);
        out.extend_from_slice(&[VALUE, length + 2, kind, length]);
        out.extend_from_slice(value);
        return;
    }
    let inner = 1 + varint_len(value.len() as u64) + value.len();
    put_head(out, of, key, inner);
    out.push(kind);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends tag, length and key of an attribute whose `AnyValue` has `inner` bytes, and that value's
/// tag and length.
#[inline]
fn put_head(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, inner: usize) {
    let value = 1 + varint_len(inner as u64) + inner;
    let length = key.key_len() + value;
    out.reserve(length + 11);
    out.push(of.tag());
    put_varint(out, length as u64);
    key.put_key(out);
    out.push(VALUE);
    put_varint(out, inner as u64);
}

/// Appends an attribute with a boolean value.
#[inline]
pub fn put_bool(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, value: bool) {
    put_head(out, of, key, 2);
    out.extend_from_slice(&[BOOL, u8::from(value)]);
}

/// Appends an attribute with an integer value.
#[inline]
pub fn put_int(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, value: i64) {
    let bits = value.cast_unsigned();
    let number = varint_len(bits);
    let short = key.key_len() + 3 + number;
    if short < 0x80 {
        out.reserve(short + 2);
        key.put_short(out, of.tag(), short);
        out.extend_from_slice(&[VALUE, 1 + low_byte(number as u64), INT]);
        put_varint(out, bits);
        return;
    }
    put_head(out, of, key, 1 + number);
    out.push(INT);
    put_varint(out, bits);
}

/// Appends an attribute with a floating-point value.
#[inline]
pub fn put_double(out: &mut Vec<u8>, of: AttributeOf, key: impl AttributeKey, value: f64) {
    put_head(out, of, key, 9);
    out.push(DOUBLE);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends an attribute with an array value; `fill` adds the elements.
pub fn put_array(
    out: &mut Vec<u8>,
    of: AttributeOf,
    key: impl AttributeKey,
    fill: impl FnOnce(&mut Elements<'_>),
) {
    put_len_prefixed(out, of.tag(), 2, |out| {
        key.put_key(out);
        put_len_prefixed(out, VALUE, 2, |out| {
            put_len_prefixed(out, ARRAY, 2, |out| fill(&mut Elements(out)));
        });
    });
}

/// The elements of an array, each an `AnyValue`.
#[derive(Debug)]
pub struct Elements<'a>(&'a mut Vec<u8>);

impl Elements<'_> {
    const ELEMENT: u8 = 0x0a;

    /// Appends a string.
    pub fn str(&mut self, value: &str) {
        put_len_prefixed(self.0, Self::ELEMENT, 1, |out| {
            out.push(STRING);
            put_varint(out, value.len() as u64);
            out.extend_from_slice(value.as_bytes());
        });
    }

    /// Appends a boolean.
    pub fn bool(&mut self, value: bool) {
        self.0
            .extend_from_slice(&[Self::ELEMENT, 2, BOOL, u8::from(value)]);
    }

    /// Appends an integer.
    pub fn int(&mut self, value: i64) {
        put_len_prefixed(self.0, Self::ELEMENT, 1, |out| {
            out.push(INT);
            put_varint(out, value.cast_unsigned());
        });
    }

    /// Appends a floating-point number.
    pub fn double(&mut self, value: f64) {
        self.0.extend_from_slice(&[Self::ELEMENT, 9, DOUBLE]);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
}
