//! Rewrites a request so that prost reads it as we do.
//!
//! Of a singular message that is present twice we take the last, and prost merges both. We ignore
//! the fields of profiles, and prost reads them. A missing value is an empty one to us.

use prost::bytes::Buf;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// The kind of a message.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    KeyValue,
    AnyValue,
    Array,
    List,
    Status,
}

impl Kind {
    /// The kind of the message in a field.
    fn inside(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Request, 1) => Self::ResourceSpans,
            (Self::ResourceSpans, 1) => Self::Resource,
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::ScopeSpans, 1) => Self::Scope,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Span, 15) => Self::Status,
            (Self::Span, 9)
            | (Self::Resource | Self::List, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Link, 4) => Self::KeyValue,
            (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::List,
            _ => return None,
        })
    }

    /// True if the later field replaces the earlier one.
    fn replaces(self, later: u32, earlier: u32) -> bool {
        match self {
            // Fields of one `oneof`.
            Self::AnyValue => (1..=7).contains(&later) && (1..=7).contains(&earlier),
            Self::ResourceSpans | Self::ScopeSpans => later == 1 && earlier == 1,
            Self::Span => later == 15 && earlier == 15,
            Self::KeyValue => later == 2 && earlier == 2,
            _ => false,
        }
    }

    /// True for the fields of profiles: `key_strindex` and `string_value_strindex`.
    fn is_of_profiles(self, number: u32) -> bool {
        matches!((self, number), (Self::KeyValue, 3) | (Self::AnyValue, 8))
    }
}

/// An encoded field.
struct Field<'a> {
    number: u32,
    /// Including the tag.
    framed: &'a [u8],
    /// Including the length, if there is one.
    value: &'a [u8],
}

/// Rewrites a message that we have validated.
pub(super) fn normal(mut message: &[u8], kind: Kind) -> Vec<u8> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    while !message.is_empty() {
        let framed = message;
        let (number, wire_type) = decode_key(&mut message).expect("a tag that we have read");
        let value = message;
        skip_field(wire_type, number, &mut message, DecodeContext::default())
            .expect("a field that we have read");
        fields.retain(|earlier| !kind.replaces(number, earlier.number));
        if !kind.is_of_profiles(number) {
            fields.push(Field {
                number,
                framed: &framed[..framed.len() - message.len()],
                value: &value[..value.len() - message.len()],
            });
        }
    }
    let mut out = Vec::new();
    if kind == Kind::KeyValue && fields.iter().all(|field| field.number != 2) {
        out.extend_from_slice(&[0x12, 0]);
    }
    for field in fields {
        let Some(inside) = kind.inside(field.number) else {
            out.extend_from_slice(field.framed);
            continue;
        };
        let mut value = field.value;
        decode_varint(&mut value).expect("the length of a message");
        let value = normal(value.chunk(), inside);
        encode_key(field.number, WireType::LengthDelimited, &mut out);
        encode_varint(value.len() as u64, &mut out);
        out.extend_from_slice(&value);
    }
    out
}
