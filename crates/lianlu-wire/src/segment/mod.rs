//! Files that outlive their process: the flight recorder's segments. Read from slices, written to
//! words.
//!
//! # File layout
//!
//! Little-endian. A file is created at its final size, filled with zeros.
//!
//! ```text
//! 0        8         12     16     24           28      32          40      64
//! ├ magic ─┼ version ┼ kind ┼ size ┼ generation ┼ check ┼ heartbeat ┼ 0 … ──┼ cursors: 8 × (name, offset, check) ┄ 256
//!  lianluFR  u32 = 1   u32    u64    u32          u32     u64                 u64 u32 u32
//! 256
//! ├ record ─┼ record ─┼ record ─┼ 0 …
//! ```
//!
//! | kind | file | records |
//! |--:|---|---|
//! | 1 | `meta` | the resource and the scopes of this process run |
//! | 2 | `NNNNNN.spans`, `unfinished.spans` | ended spans |
//! | 3 | `calls` | none; slots, see below |
//!
//! The check of the generation is a CRC-32C of version, kind, size and generation; the check of a
//! cursor is one of name, generation and offset. A cursor with a wrong check is ignored: spans are
//! then sent twice instead of lost. A cursor belongs to one destination, identified by the hash of
//! its name, which has received everything before the offset.
//!
//! # Record layout
//!
//! ```text
//! 0        4            8            12     13    14       16
//! ├ length ┼ generation ┼ CRC-32C ───┼ kind ┼ 0 ─┼ scope ─┼ payload ┄ 0 to the next multiple of 8
//!   u32      u32          u32          u8     u8    u16
//! ```
//!
//! The first eight bytes are one store and are written last (`Release`), so a record is either
//! complete or absent. The CRC covers the other bytes of the record. The records end where the
//! first word is zero or has another generation: reusing a segment starts the next generation by
//! one store, which invalidates the old records.
//!
//! | kind | payload |
//! |--:|---|
//! | 1 | a resource: length of the schema URL (u32), that URL, OTLP's `Resource` |
//! | 2 | the scope with this number: length of the schema URL, that URL, OTLP's `InstrumentationScope` |
//! | 3 | a span of that scope: `0x12 length Span`, an element of OTLP's `ScopeSpans.spans` |
//!
//! After a damaged record the reader continues at the next multiple of 8 where a record of this
//! generation with a valid checksum begins.
//!
//! # Slot layout of `calls`
//!
//! ```text
//! 0        4         8       16
//! ├ length ┼ CRC-32C ┼ scope ┼ fields of a Span without its end time ┄ to 1024
//! ```
//!
//! One slot for each call in flight. The first eight bytes are one store and are written last: a
//! slot is either complete or absent. Zero marks a free slot. Fields learnt during the call are
//! appended, then the first word is replaced. The CRC covers the scope and the fields.
//!
//! # Writers
//!
//! The writing functions take words, `&[AtomicU64]`: memory mapped from the file, or any other. The
//! caller must ensure that only one thread at a time writes to a position, and that the words
//! suffice.

mod calls;
mod header;
mod record;
mod words;

pub use calls::{CALL_SLOT, append_call, free_call, open_calls, put_call, put_call_by};
pub use header::{
    CURSORS, FileKind, HEADER, Header, HeaderError, cursor_bytes, put_cursor, put_generation,
    put_header, put_heartbeat,
};
pub use record::{Record, RecordKind, Records, put_record, put_record_by, record_len};
pub use words::{Copying, Head, copy, copy_by};

/// Size of a word in bytes.
pub const WORD: usize = size_of::<u64>();
