//! The same message in other bytes: fields in another order, unknown fields between them, scalars sent twice, and
//! numbers with more bytes than they need.

use prost::encoding::{decode_varint, encode_varint};

/// Which message, so that the messages in it are found.
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
    /// No messages in it.
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

/// Dice: splitmix64.
pub struct Dice(pub u64);

impl Dice {
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

pub fn scramble(message: &[u8], kind: Kind, dice: &mut Dice) -> Vec<u8> {
    let mut fields = split(message);
    for field in &mut fields {
        if let Some(inside) = kind.inside(field.number) {
            field.value = scramble(&field.value, inside, dice);
        }
    }
    let mut fields = decoys(fields, kind, dice);
    // The members of a `oneof` keep their order.
    if !matches!(kind, Kind::AnyValue) {
        fields = shuffle(fields, dice);
    }
    let mut out = Vec::new();
    for field in &fields {
        while dice.below(8) == 0 {
            unknown(&mut out, dice, 3);
        }
        put(&mut out, field, dice);
    }
    if dice.below(4) == 0 {
        unknown(&mut out, dice, 3);
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

/// Sends some scalars twice, first with another value.
fn decoys(fields: Vec<Field>, kind: Kind, dice: &mut Dice) -> Vec<Field> {
    let mut out = Vec::new();
    for field in fields {
        let is_scalar = kind.inside(field.number).is_none() && !matches!(kind, Kind::Plain);
        if is_scalar && dice.below(4) == 0 {
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
        if matches!(kind, Kind::AnyValue) && field.number != 2 && dice.below(4) == 0 {
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

/// Another order, in which fields of the same number keep theirs.
fn shuffle(mut fields: Vec<Field>, dice: &mut Dice) -> Vec<Field> {
    let mut places: Vec<u64> = fields.iter().map(|field| field.number).collect();
    for at in (1..places.len()).rev() {
        places.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut out = Vec::new();
    for number in places {
        let at = fields
            .iter()
            .position(|field| field.number == number)
            .unwrap();
        out.push(fields.remove(at));
    }
    out
}

fn put(out: &mut Vec<u8>, field: &Field, dice: &mut Dice) {
    padded(out, field.number << 3 | field.wire_type, dice);
    if field.wire_type == 2 {
        padded(out, field.value.len() as u64, dice);
    }
    out.extend_from_slice(&field.value);
}

/// At times with bytes in front of the last that add nothing.
fn padded(out: &mut Vec<u8>, number: u64, dice: &mut Dice) {
    encode_varint(number, out);
    // Ten bytes are the most.
    if number < 1 << 56 && dice.below(8) == 0 {
        *out.last_mut().unwrap() |= 0x80;
        out.extend_from_slice(&[0x80, 0]);
    }
}

fn unknown(out: &mut Vec<u8>, dice: &mut Dice, levels: u64) {
    let number = [100, 1000, 19_000, (1 << 29) - 1][dice.below(4) as usize];
    let wire_type = [0, 1, 2, 3, 5][dice.below(if levels > 0 { 5 } else { 3 }) as usize];
    padded(out, number << 3 | wire_type, dice);
    match wire_type {
        0 => padded(out, u64::MAX >> dice.below(64), dice),
        1 => out.extend_from_slice(&[0xff; 8]),
        2 => {
            let length = dice.below(200) as usize;
            padded(out, length as u64, dice);
            out.resize(out.len() + length, 0xff);
        }
        3 => {
            for _ in 0..dice.below(3) {
                unknown(out, dice, levels - 1);
            }
            padded(out, number << 3 | 4, dice);
        }
        _ => out.extend_from_slice(&[0xff; 4]),
    }
}
