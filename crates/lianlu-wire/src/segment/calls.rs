//! Slots for calls in flight.

use std::sync::atomic::{AtomicU64, Ordering};

use super::words::{Copying, copy, put_at};
use super::{HEADER, WORD};
use crate::otlp::Attributes;

/// Size of a slot in bytes.
pub const CALL_SLOT: usize = 1024;
/// Bytes before the fields.
const HEAD: usize = 16;
const MAX_FIELDS: usize = CALL_SLOT - HEAD;

type Slot<'a> = (&'a AtomicU64, &'a AtomicU64, &'a [AtomicU64]);

#[inline]
fn slot_words(words: &[AtomicU64], number: usize) -> Option<Slot<'_>> {
    let at = (HEADER + number * CALL_SLOT) / WORD;
    match words.get(at..)?.get(..CALL_SLOT / WORD)? {
        [commit, scope, fields @ ..] => Some((commit, scope, fields)),
        _ => None,
    }
}

/// Writes a call into the free slot with this number. `fields` are fields of a `Span`, 1,008 bytes
/// at most. From offset `attributes` on they are attributes (repeated `0x4a length KeyValue`);
/// attributes that do not fit are dropped.
pub fn put_call(words: &[AtomicU64], number: usize, scope: u16, fields: &[u8], attributes: usize) {
    put_call_by(copy, words, number, scope, fields, attributes);
}

/// As [`put_call`], with a replacement for [`copy`].
#[inline]
pub fn put_call_by(
    copy: Copying,
    words: &[AtomicU64],
    number: usize,
    scope: u16,
    fields: &[u8],
    attributes: usize,
) {
    let Some((commit, second, words)) = slot_words(words, number) else {
        return;
    };
    let fitting;
    let fields = match fields.len() <= MAX_FIELDS {
        true => fields,
        false => {
            fitting = drop_attributes(fields, attributes);
            &fitting
        }
    };
    let scope = u64::from(scope);
    second.store(scope, Ordering::Relaxed);
    let crc = copy(words, (scope, None), fields);
    commit.store(
        fields.len() as u64 | u64::from(crc) << 32,
        Ordering::Release,
    );
}

/// Drops the attributes that do not fit.
#[cold]
fn drop_attributes(fields: &[u8], attributes: usize) -> Vec<u8> {
    let (first, attributes) = fields.split_at_checked(attributes).unwrap_or((fields, &[]));
    let attributes = Attributes::new(attributes).map_while(Result::ok);
    let mut fitting = Vec::with_capacity(MAX_FIELDS);
    for field in std::iter::once(first).chain(attributes.map(|attribute| attribute.framed)) {
        if fitting.len() + field.len() <= MAX_FIELDS {
            fitting.extend_from_slice(field);
        }
    }
    fitting
}

/// Appends a field to a call, if it fits.
pub fn append_call(words: &[AtomicU64], number: usize, field: &[u8]) {
    let Some((commit, _, words)) = slot_words(words, number) else {
        return;
    };
    let before = commit.load(Ordering::Relaxed);
    let (length, crc) = (before as u32 as usize, (before >> 32) as u32);
    if length + field.len() <= MAX_FIELDS {
        put_at(words, length, field);
        let crc = crc32c::crc32c_append(crc, field);
        let length = length + field.len();
        commit.store(length as u64 | u64::from(crc) << 32, Ordering::Release);
    }
}

/// Frees the slot of a call that has ended.
#[inline]
pub fn free_call(words: &[AtomicU64], number: usize) {
    if let Some((commit, ..)) = slot_words(words, number) {
        commit.store(0, Ordering::Release);
    }
}

/// The calls in flight of a file, each with its scope and its fields, and the number of damaged
/// slots.
#[must_use]
pub fn open_calls(file: &[u8]) -> (Vec<(u16, &[u8])>, u64) {
    let mut damaged = 0;
    let mut calls = Vec::new();
    for slot in file.get(HEADER..).unwrap_or_default().chunks(CALL_SLOT) {
        let Some((commit, rest)) = slot.split_first_chunk::<WORD>() else {
            continue;
        };
        let first = u64::from_le_bytes(*commit);
        if first == 0 {
            continue;
        }
        match parse_slot(first, rest) {
            Some(call) => calls.push(call),
            None => damaged += 1,
        }
    }
    (calls, damaged)
}

fn parse_slot(first: u64, rest: &[u8]) -> Option<(u16, &[u8])> {
    let (length, wanted) = (first as u32 as usize, (first >> 32) as u32);
    let (scope, fields) = rest.split_first_chunk::<WORD>()?;
    let fields = fields.get(..length)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(scope), fields);
    let scope = u16::try_from(u64::from_le_bytes(*scope)).ok()?;
    (crc == wanted).then_some((scope, fields))
}
