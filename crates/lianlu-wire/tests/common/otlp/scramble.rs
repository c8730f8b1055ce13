//! Rewrites a message to equivalent bytes: fields reordered, unknown fields added, scalars
//! duplicated, and varints padded.

use prost::encoding::{decode_varint, encode_varint};

/// The type of a message, needed to find its nested messages.
#[derive(Clone, Copy)]
pub enum Kind {
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
    /// Contains no messages.
    Plain,
}

impl Kind {
    fn inside(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Request, 1) => Self::ResourceSpans,
            (Self::ResourceSpans, 1) => Self::Resource,
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::Resource, 1) => Self::KeyValue,
            (Self::Resource, 3) | (Self::Span, 15) => Self::Plain,
            (Self::ScopeSpans, 1) => Self::Scope,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Span, 9)
            | (Self::Scope | Self::Event, 3)
            | (Self::Link, 4)
            | (Self::List, 1) => Self::KeyValue,
            (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::List,
            _ => return None,
        })
    }
}

/// A random number generator: splitmix64.
pub struct Rng(pub u64);

impl Rng {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

struct Field {
    number: u64,
    wire_type: u64,
    /// Without the length.
    value: Vec<u8>,
}

pub fn scramble(message: &[u8], kind: Kind, rng: &mut Rng) -> Vec<u8> {
    let mut fields = split(message);
    for field in &mut fields {
        if let Some(inside) = kind.inside(field.number) {
            field.value = scramble(&field.value, inside, rng);
        }
    }
    let mut fields = decoys(fields, kind, rng);
    // The members of a `oneof` keep their order.
    if !matches!(kind, Kind::AnyValue) {
        fields = shuffle(fields, rng);
    }
    let mut out = Vec::new();
    for field in &fields {
        while rng.below(8) == 0 {
            unknown(&mut out, rng, 3);
        }
        put(&mut out, field, rng);
    }
    if rng.below(4) == 0 {
        unknown(&mut out, rng, 3);
    }
    out
}

fn split(mut message: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = decode_varint(&mut message).unwrap();
        let before = message;
        let length = match tag & 7 {
            0 => {
                decode_varint(&mut message).unwrap();
                before.len() - message.len()
            }
            1 => 8,
            2 => decode_varint(&mut message).unwrap() as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let value = if tag & 7 == 0 { before } else { message };
        let (value, rest) = value.split_at(length);
        message = rest;
        fields.push(Field {
            number: tag >> 3,
            wire_type: tag & 7,
            value: value.to_owned(),
        });
    }
    fields
}

/// Duplicates some scalars, the first copy with another value.
fn decoys(fields: Vec<Field>, kind: Kind, rng: &mut Rng) -> Vec<Field> {
    let mut out = Vec::new();
    for field in fields {
        let is_scalar = kind.inside(field.number).is_none() && !matches!(kind, Kind::Plain);
        if is_scalar && rng.below(4) == 0 {
            out.push(Field {
                value: match field.wire_type {
                    0 => vec![1],
                    1 => vec![1; 8],
                    5 => vec![1; 4],
                    _ => vec![],
                },
                ..field
            });
        }
        if matches!(kind, Kind::AnyValue) && field.number != 2 && rng.below(4) == 0 {
            out.push(Field {
                number: 2,
                wire_type: 0,
                value: vec![1],
            });
        }
        out.push(field);
    }
    out
}

/// Shuffles the fields; fields with the same number keep their relative order.
fn shuffle(mut fields: Vec<Field>, rng: &mut Rng) -> Vec<Field> {
    let mut numbers: Vec<u64> = fields.iter().map(|field| field.number).collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, rng.below(at as u64 + 1) as usize);
    }
    let mut out = Vec::new();
    for number in numbers {
        let at = fields
            .iter()
            .position(|field| field.number == number)
            .unwrap();
        out.push(fields.remove(at));
    }
    out
}

fn put(out: &mut Vec<u8>, field: &Field, rng: &mut Rng) {
    padded(out, field.number << 3 | field.wire_type, rng);
    if field.wire_type == 2 {
        padded(out, field.value.len() as u64, rng);
    }
    out.extend_from_slice(&field.value);
}

/// Sometimes pads the varint with redundant bytes.
fn padded(out: &mut Vec<u8>, number: u64, rng: &mut Rng) {
    encode_varint(number, out);
    // At most ten bytes.
    if number < 1 << 56 && rng.below(8) == 0 {
        *out.last_mut().unwrap() |= 0x80;
        out.extend_from_slice(&[0x80, 0]);
    }
}

fn unknown(out: &mut Vec<u8>, rng: &mut Rng, levels: u64) {
    let number = [100, 1000, 19_000, (1 << 29) - 1][rng.below(4) as usize];
    let wire_type = [0, 1, 2, 3, 5][rng.below(if levels > 0 { 5 } else { 3 }) as usize];
    padded(out, number << 3 | wire_type, rng);
    match wire_type {
        0 => padded(out, u64::MAX >> rng.below(64), rng),
        1 => out.extend_from_slice(&[0xff; 8]),
        2 => {
            let length = rng.below(200) as usize;
            padded(out, length as u64, rng);
            out.resize(out.len() + length, 0xff);
        }
        3 => {
            for _ in 0..rng.below(3) {
                unknown(out, rng, levels - 1);
            }
            padded(out, number << 3 | 4, rng);
        }
        _ => out.extend_from_slice(&[0xff; 4]),
    }
}
