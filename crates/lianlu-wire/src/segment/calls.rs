//! Slots for calls that have started and not ended.

use std::sync::atomic::{AtomicU64, Ordering};

use super::words::{Copying, copy, put_at};
use super::{HEADER, WORD};
use crate::otlp::Attributes;

/// How many bytes a slot has.
pub const CALL_SLOT: usize = 1024;
/// What stands before the fields.
const HEAD: usize = 16;
const ROOM: usize = CALL_SLOT - HEAD;

type Slot<'a> = (&'a AtomicU64, &'a AtomicU64, &'a [AtomicU64]);

#[inline]
fn slot(words: &[AtomicU64], number: usize) -> Option<Slot<'_>> {
    let at = (HEADER + number * CALL_SLOT) / WORD;
    match words.get(at..)?.get(..CALL_SLOT / WORD)? {
        [commit, scope, fields @ ..] => Some((commit, scope, fields)),
        _ => None,
    }
}

/// Notes a call in the slot with this number, which is free: fields of a `Span`, of which there is room for 1,008 bytes.
/// From this one of them on they are attributes (`0x4a length KeyValue` again and again), which are left out where there
/// is no room for them.
pub fn put_call(words: &[AtomicU64], number: usize, scope: u16, fields: &[u8], attributes: usize) {
    put_call_by(copy, words, number, scope, fields, attributes);
}

/// The same where there is something better than [`copy`].
#[inline]
pub fn put_call_by(
    copy: Copying,
    words: &[AtomicU64],
    number: usize,
    scope: u16,
    fields: &[u8],
    attributes: usize,
) {
    let Some((commit, second, words)) = slot(words, number) else {
        return;
    };
    let fitting;
    let fields = match fields.len() <= ROOM {
        true => fields,
        false => {
            fitting = fit(fields, attributes);
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

/// As many of these as there is room for.
#[cold]
fn fit(fields: &[u8], attributes: usize) -> Vec<u8> {
    let (first, attributes) = fields.split_at_checked(attributes).unwrap_or((fields, &[]));
    let attributes = Attributes::new(attributes).map_while(Result::ok);
    let mut fitting = Vec::with_capacity(ROOM);
    for field in std::iter::once(first).chain(attributes.map(|attribute| attribute.framed)) {
        if fitting.len() + field.len() <= ROOM {
            fitting.extend_from_slice(field);
        }
    }
    fitting
}

/// Appends a field to a call, if it has room.
pub fn append_call(words: &[AtomicU64], number: usize, field: &[u8]) {
    let Some((commit, _, words)) = slot(words, number) else {
        return;
    };
    let before = commit.load(Ordering::Relaxed);
    let (length, crc) = (before as u32 as usize, (before >> 32) as u32);
    if length + field.len() <= ROOM {
        put_at(words, length, field);
        let crc = crc32c::crc32c_append(crc, field);
        let length = length + field.len();
        commit.store(length as u64 | u64::from(crc) << 32, Ordering::Release);
    }
}

/// The call has ended.
#[inline]
pub fn free_call(words: &[AtomicU64], number: usize) {
    if let Some((commit, ..)) = slot(words, number) {
        commit.store(0, Ordering::Release);
    }
}

/// The calls of a file that had not ended, each with its scope and its fields, and how many slots are damaged.
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
        match whole(first, rest) {
            Some(call) => calls.push(call),
            None => damaged += 1,
        }
    }
    (calls, damaged)
}

fn whole(first: u64, rest: &[u8]) -> Option<(u16, &[u8])> {
    let (length, wanted) = (first as u32 as usize, (first >> 32) as u32);
    let (scope, fields) = rest.split_first_chunk::<WORD>()?;
    let fields = fields.get(..length)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(scope), fields);
    let scope = u16::try_from(u64::from_le_bytes(*scope)).ok()?;
    (crc == wanted).then_some((scope, fields))
}
