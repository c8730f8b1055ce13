//! The bytes of a file: header, records, cursors. Read from slices, written into words.

use std::sync::atomic::{AtomicU64, Ordering};

use super::map::WORD;

/// Where records begin.
pub(super) const HEADER: usize = 256;
/// What stands before a record's payload.
pub(super) const RECORD: usize = 16;
/// How many destinations have a cursor.
pub(crate) const CURSORS: usize = 8;
/// The largest file that is read.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;

const MAGIC: u64 = u64::from_le_bytes(*b"lianluFR");
const VERSION: u32 = 1;

/// Places of the header's words.
const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 1;
const AT_SIZE: usize = 2;
const AT_GENERATION: usize = 3;
/// Nanoseconds since 1970 at which the process was last seen alive.
pub(super) const AT_HEARTBEAT: usize = 4;
const AT_CURSORS: usize = 8;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum FileKind {
    /// The resource and the scopes of a run.
    Meta = 1,
    /// Spans that have ended.
    Spans = 2,
    /// Calls that have not.
    Calls = 3,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A resource's schema URL, and the encoded `Resource`.
    Resource = 1,
    /// A scope's schema URL, and the encoded `InstrumentationScope`.
    Scope = 2,
    /// `0x12 len Span`, of the scope that the record names.
    Span = 3,
}

impl Kind {
    fn of(number: u8) -> Option<Self> {
        [Self::Resource, Self::Scope, Self::Span]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormatError {
    #[error("no file of a flight recorder: it begins with {0:02x?}")]
    Magic([u8; 8]),
    #[error("version {0} of the format, and this program knows version {VERSION}")]
    Version(u32),
    #[error("a file of kind {found} where kind {wanted} should be")]
    Kind { found: u32, wanted: u32 },
    #[error("the header is damaged")]
    Header,
    #[error("only {0} bytes long")]
    Short(usize),
}

/// Writes a file's header. The generation comes last: without it, the file has no records.
pub(super) fn put_header(words: &[AtomicU64], kind: FileKind, generation: u32) {
    let size = (words.len() * WORD) as u64;
    let set = |at: usize, value| {
        if let Some(word) = words.get(at) {
            word.store(value, Ordering::Relaxed);
        }
    };
    set(AT_MAGIC, MAGIC);
    set(
        AT_VERSION,
        u64::from(VERSION) | u64::from(kind as u32) << 32,
    );
    set(AT_SIZE, size);
    put_generation(words, generation);
}

/// Starts a file over: what it had is no record any more, by one store.
pub(super) fn put_generation(words: &[AtomicU64], generation: u32) {
    let load = |at: usize| words.get(at).map_or(0, |word| word.load(Ordering::Relaxed));
    let check = header_check(load(AT_VERSION), load(AT_SIZE), generation);
    if let Some(word) = words.get(AT_GENERATION) {
        let value = u64::from(generation) | u64::from(check) << 32;
        word.store(value, Ordering::Release);
    }
}

fn header_check(version: u64, size: u64, generation: u32) -> u32 {
    let crc = crc32c::crc32c(&version.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &size.to_le_bytes());
    crc32c::crc32c_append(crc, &generation.to_le_bytes())
}

/// A destination's cursor: it has all that stands before `offset`.
pub(super) fn put_cursor(
    words: &[AtomicU64],
    at: usize,
    generation: u32,
    destination: u64,
    offset: usize,
) {
    let at = AT_CURSORS + 2 * (at % CURSORS);
    if let (Some(name), Some(cursor)) = (words.get(at), words.get(at + 1)) {
        name.store(destination, Ordering::Relaxed);
        cursor.store(
            cursor_word(generation, destination, offset),
            Ordering::Release,
        );
    }
}

/// The cursor's place in a file, and its bytes.
pub(super) fn cursor_bytes(
    at: usize,
    generation: u32,
    destination: u64,
    offset: usize,
) -> (u64, [u8; 2 * WORD]) {
    let mut bytes = [0; 2 * WORD];
    bytes[..WORD].copy_from_slice(&destination.to_le_bytes());
    bytes[WORD..].copy_from_slice(&cursor_word(generation, destination, offset).to_le_bytes());
    (((AT_CURSORS + 2 * (at % CURSORS)) * WORD) as u64, bytes)
}

/// One word, so that it is never half there; with a check, because a wrong cursor would lose spans.
fn cursor_word(generation: u32, destination: u64, offset: usize) -> u64 {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    let crc = crc32c::crc32c(&destination.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &generation.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
    u64::from(offset) | u64::from(crc) << 32
}

/// How many bytes a record of this payload takes.
#[inline]
pub(super) const fn record_len(payload: usize) -> usize {
    RECORD + payload.next_multiple_of(WORD)
}

/// Writes a record at this byte, which the caller knows to have room. It is there once its first word is.
#[inline]
pub(super) fn put_record(
    words: &[AtomicU64],
    at: usize,
    generation: u32,
    (kind, scope): (Kind, u16),
    payload: &[u8],
) {
    let first = payload.len() as u64 | u64::from(generation) << 32;
    let tail = u32::from(kind as u8) | u32::from(scope) << 16;
    let crc = record_crc(first, tail, payload);
    let Some([commit, second, rest @ ..]) = words.get(at / WORD..) else {
        return;
    };
    put_bytes(rest, payload);
    second.store(u64::from(crc) | u64::from(tail) << 32, Ordering::Relaxed);
    commit.store(first, Ordering::Release);
}

#[inline]
fn record_crc(first: u64, tail: u32, payload: &[u8]) -> u32 {
    let mut head = [0; 12];
    head[..8].copy_from_slice(&first.to_le_bytes());
    head[8..].copy_from_slice(&tail.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), payload)
}

/// Copies bytes into words; the last word is filled up with zeros.
#[inline]
pub(super) fn put_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    let mut words = words.iter();
    // In this order: the iterator that ends first must not cost the other an element.
    for (chunk, word) in whole.iter().zip(&mut words) {
        word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty()
        && let Some(word) = words.next()
    {
        let mut last = [0; WORD];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        word.store(u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

/// A file's header, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) generation: u32,
    /// What the file was made with; it may have been cut since.
    pub(super) size: u64,
    pub(super) heartbeat: u64,
    cursors: Vec<(u64, usize)>,
}

impl Header {
    /// # Errors
    ///
    /// When the bytes are no file of this kind and version, or the header is damaged.
    pub(super) fn read(bytes: &[u8], wanted: FileKind) -> Result<Self, FormatError> {
        if bytes.len() < HEADER {
            return Err(FormatError::Short(bytes.len()));
        }
        let word = |at: usize| word(bytes, at * WORD).unwrap_or_default();
        if word(AT_MAGIC) != MAGIC {
            return Err(FormatError::Magic(word(AT_MAGIC).to_le_bytes()));
        }
        let (version, size, generation) = (word(AT_VERSION), word(AT_SIZE), word(AT_GENERATION));
        if version as u32 != VERSION {
            return Err(FormatError::Version(version as u32));
        }
        let (found, wanted) = ((version >> 32) as u32, wanted as u32);
        let (generation, check) = (generation as u32, (generation >> 32) as u32);
        let is_whole = check == header_check(version, size, generation);
        if found != wanted && is_whole {
            return Err(FormatError::Kind { found, wanted });
        }
        let generation = if is_whole {
            generation
        } else {
            // The first record, if it is whole, knows it too.
            let first = word(HEADER / WORD);
            let generation = (first >> 32) as u32;
            match record(bytes, HEADER, generation) {
                Some(_) if found == wanted => generation,
                _ => return Err(FormatError::Header),
            }
        };
        let cursors = (0..CURSORS).filter_map(|at| {
            let (name, cursor) = (word(AT_CURSORS + 2 * at), word(AT_CURSORS + 2 * at + 1));
            let offset = cursor as u32 as usize;
            (cursor == cursor_word(generation, name, offset)).then_some((name, offset))
        });
        Ok(Self {
            generation,
            size,
            heartbeat: word(AT_HEARTBEAT),
            cursors: cursors.collect(),
        })
    }

    /// How far a destination has got. What it does not have begins at [`HEADER`], or later.
    pub(super) fn cursor(&self, destination: u64) -> usize {
        let mine = |(name, _): &&(u64, usize)| *name == destination;
        let cursor = self.cursors.iter().find(mine);
        cursor.map_or(HEADER, |(_, offset)| *offset).max(HEADER)
    }
}

/// A record, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Where it begins.
    pub(super) at: usize,
    /// Where the next one does.
    pub(super) next: usize,
    pub(super) kind: Kind,
    pub(super) scope: u16,
    pub(super) payload: &'a [u8],
}

/// The records of a file, or of a part of one, in their order. What is damaged is passed over and counted.
#[derive(Debug, Clone)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    generation: u32,
    /// Places at which one record or more are missing.
    pub(super) damaged: u64,
    /// How many bytes may still be looked at in search of a record behind a damaged one: nobody gets to make this
    /// take for ever.
    patience: usize,
}

impl<'a> Records<'a> {
    /// From this byte on, which must be where a record begins.
    pub(super) fn new(bytes: &'a [u8], at: usize, generation: u32) -> Self {
        Self {
            bytes,
            at,
            generation,
            damaged: 0,
            patience: bytes.len().saturating_mul(8),
        }
    }

    /// The next whole record behind this place.
    fn search(&mut self) -> Option<Record<'a>> {
        let from = self.at + WORD;
        let words = self.bytes.get(from..)?.as_chunks::<WORD>().0;
        for (number, chunk) in words.iter().enumerate() {
            let first = u64::from_le_bytes(*chunk);
            if (first >> 32) as u32 != self.generation || first == 0 {
                continue;
            }
            let cost = RECORD + first as u32 as usize;
            self.patience = self.patience.checked_sub(cost.min(self.bytes.len()))?;
            if let Some(found) = record(self.bytes, from + number * WORD, self.generation) {
                return Some(found);
            }
        }
        None
    }

    /// Whether a record was here, or the beginning of one, before something happened to it.
    fn is_damage(&self) -> bool {
        let first = word(self.bytes, self.at).unwrap_or_default();
        if first == 0 {
            return false;
        }
        // A word of an earlier generation is the end; one that was ours until a bit of it changed is not.
        (first >> 32) as u32 == self.generation
            || record_as(self.bytes, self.at, first, self.generation).is_some()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let found = match record(self.bytes, self.at, self.generation) {
            Some(found) => found,
            None => {
                let is_damage = self.is_damage();
                let found = self.search();
                self.damaged += u64::from(found.is_some() || is_damage);
                let Some(found) = found else {
                    self.at = self.bytes.len();
                    return None;
                };
                found
            }
        };
        self.at = found.next;
        Some(found)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The whole record of this generation at this byte.
fn record(bytes: &[u8], at: usize, generation: u32) -> Option<Record<'_>> {
    let first = word(bytes, at)?;
    ((first >> 32) as u32 == generation && generation != 0)
        .then(|| record_as(bytes, at, first, generation))?
}

/// The same, if it had this generation.
fn record_as(bytes: &[u8], at: usize, first: u64, generation: u32) -> Option<Record<'_>> {
    let length = first as u32;
    let second = word(bytes, at + WORD)?;
    let payload = bytes.get(at + RECORD..)?.get(..length as usize)?;
    let (crc, tail) = (second as u32, (second >> 32) as u32);
    let first = u64::from(length) | u64::from(generation) << 32;
    if crc != record_crc(first, tail, payload) {
        return None;
    }
    Some(Record {
        at,
        next: at + record_len(payload.len()),
        kind: Kind::of(tail as u8)?,
        scope: (tail >> 16) as u16,
        payload,
    })
}
