//! The header of a file.

use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;
use super::record::record;
use super::words::{store, word};

/// Offset of the first record.
pub const HEADER: usize = 256;
/// Maximum number of destinations with a cursor.
pub const CURSORS: usize = 8;

const MAGIC: u64 = u64::from_le_bytes(*b"lianluFR");
const VERSION: u32 = 1;

/// Word offsets in the header.
const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 1;
const AT_SIZE: usize = 2;
const AT_GENERATION: usize = 3;
const AT_HEARTBEAT: usize = 4;
const AT_CURSORS: usize = 8;

/// The content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum FileKind {
    /// The resource and the scopes of one process run.
    Meta = 1,
    /// Ended spans.
    Spans = 2,
    /// Calls in flight.
    Calls = 3,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not a flight recorder file.
    #[error("not a file of a flight recorder: it begins with {0:02x?}")]
    Magic([u8; 8]),
    /// Written by an incompatible, newer or older, version.
    #[error("version {0} of the format, but this program supports version {VERSION}")]
    Version(u32),
    /// A file of another kind.
    #[error("a file of kind {found} where kind {wanted} was expected")]
    Kind {
        /// The kind in the file.
        found: u32,
        /// The expected kind.
        wanted: u32,
    },
    /// The checksum is wrong, and the file does not contain the right value elsewhere.
    #[error("the header is damaged")]
    Damaged,
    /// Shorter than a header.
    #[error("only {0} bytes long")]
    Short(usize),
}

/// Writes a file's header. The generation is written last: without it, the file has no records.
pub fn put_header(words: &[AtomicU64], kind: FileKind, generation: u32) {
    let size = (words.len() * WORD) as u64;
    store(words, AT_MAGIC, MAGIC);
    store(
        words,
        AT_VERSION,
        u64::from(VERSION) | u64::from(kind as u32) << 32,
    );
    store(words, AT_SIZE, size);
    put_generation(words, generation);
}

/// Starts a new generation, which invalidates the existing records by one store. Generations are
/// above 0.
pub fn put_generation(words: &[AtomicU64], generation: u32) {
    let load = |at: usize| words.get(at).map_or(0, |word| word.load(Ordering::Relaxed));
    let check = header_check(load(AT_VERSION), load(AT_SIZE), generation);
    if let Some(word) = words.get(AT_GENERATION) {
        let value = u64::from(generation) | u64::from(check) << 32;
        word.store(value, Ordering::Release);
    }
}

/// Sets the time at which the process was alive, in nanoseconds since 1970.
pub fn put_heartbeat(words: &[AtomicU64], nanos: u64) {
    store(words, AT_HEARTBEAT, nanos);
}

fn header_check(version: u64, size: u64, generation: u32) -> u32 {
    let crc = crc32c::crc32c(&version.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &size.to_le_bytes());
    crc32c::crc32c_append(crc, &generation.to_le_bytes())
}

/// Sets the cursor of the destination with this number and this name: it has received all records
/// before `offset`.
pub fn put_cursor(words: &[AtomicU64], number: usize, generation: u32, name: u64, offset: usize) {
    let at = AT_CURSORS + 2 * (number % CURSORS);
    store(words, at, name);
    if let Some(cursor) = words.get(at + 1) {
        cursor.store(cursor_word(generation, name, offset), Ordering::Release);
    }
}

/// As [`put_cursor`] for a file that is not mapped: the offset of the cursor and its bytes.
#[must_use]
pub fn cursor_bytes(
    number: usize,
    generation: u32,
    name: u64,
    offset: usize,
) -> (u64, [u8; 2 * WORD]) {
    let mut bytes = [0; 2 * WORD];
    let (first, second) = bytes.split_at_mut(WORD);
    first.copy_from_slice(&name.to_le_bytes());
    second.copy_from_slice(&cursor_word(generation, name, offset).to_le_bytes());
    let at = AT_CURSORS + 2 * (number % CURSORS);
    ((at * WORD) as u64, bytes)
}

/// A single word, so a cursor is never half written; with a checksum, because a wrong cursor would
/// lose spans.
fn cursor_word(generation: u32, destination: u64, offset: usize) -> u64 {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    let crc = crc32c::crc32c(&destination.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &generation.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
    u64::from(offset) | u64::from(crc) << 32
}

/// A parsed file header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The generation of the valid records.
    pub generation: u32,
    /// The size at creation; the file may have been truncated since.
    pub size: u64,
    /// When the process was last known to be alive, in nanoseconds since 1970.
    pub heartbeat: u64,
    cursors: Vec<(u64, usize)>,
}

impl Header {
    /// Reads the header from a file's bytes, or from its first ones.
    ///
    /// # Errors
    ///
    /// When the bytes are not a file of this kind and version, or the header is damaged.
    pub fn read(bytes: &[u8], wanted: FileKind) -> Result<Self, HeaderError> {
        if bytes.len() < HEADER {
            return Err(HeaderError::Short(bytes.len()));
        }
        let word = |at: usize| word(bytes, at * WORD).unwrap_or_default();
        if word(AT_MAGIC) != MAGIC {
            return Err(HeaderError::Magic(word(AT_MAGIC).to_le_bytes()));
        }
        let (version, size, generation) = (word(AT_VERSION), word(AT_SIZE), word(AT_GENERATION));
        if version as u32 != VERSION {
            return Err(HeaderError::Version(version as u32));
        }
        let (found, wanted) = ((version >> 32) as u32, wanted as u32);
        let (generation, check) = (generation as u32, (generation >> 32) as u32);
        let is_whole = check == header_check(version, size, generation);
        if found != wanted && is_whole {
            return Err(HeaderError::Kind { found, wanted });
        }
        let generation = if is_whole {
            generation
        } else {
            // The first record, if intact, contains the generation too.
            let first = word(HEADER / WORD);
            let generation = (first >> 32) as u32;
            match record(bytes, HEADER, generation) {
                Some(_) if found == wanted => generation,
                _ => return Err(HeaderError::Damaged),
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

    /// The cursor of a destination. The records that it has not received begin at [`HEADER`] or
    /// later.
    #[must_use]
    pub fn cursor(&self, destination: u64) -> usize {
        let mine = |(name, _): &&(u64, usize)| *name == destination;
        let cursor = self.cursors.iter().find(mine);
        cursor.map_or(HEADER, |(_, offset)| *offset).max(HEADER)
    }
}
