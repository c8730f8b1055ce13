//! Files that outlive their process: the flight recorder's segments. Read from slices, written into words.
//!
//! # A file
//!
//! Little-endian. A file is made as zeros, with its final size.
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
//! | 1 | `meta` | the resource and the scopes of this life of the process |
//! | 2 | `NNNNNN.spans`, `unfinished.spans` | spans that have ended |
//! | 3 | `calls` | none; slots, see below |
//!
//! The check of the generation is a CRC-32C of version, kind, size and generation; that of a cursor is one of name,
//! generation and offset. A cursor whose check is wrong is none: spans are then sent twice and not lost. A cursor is for one
//! destination, whose name is hashed: it has all that stands before the offset.
//!
//! # A record
//!
//! ```text
//! 0        4            8            12     13    14       16
//! ├ length ┼ generation ┼ CRC-32C ───┼ kind ┼ 0 ─┼ scope ─┼ payload ┄ 0 to the next multiple of 8
//!   u32      u32          u32          u8     u8    u16
//! ```
//!
//! The first eight bytes are one store and come last (`Release`), so a record is there as a whole or not at all. The CRC
//! is of the record's other bytes. The records end where the first word is zero or has another generation: a segment
//! that is used again begins with the next generation, which is one store, and what it had is gone.
//!
//! | kind | payload |
//! |--:|---|
//! | 1 | a resource: length of the schema URL (u32), that URL, OTLP's `Resource` |
//! | 2 | the scope with this number: the same, and OTLP's `InstrumentationScope` |
//! | 3 | a span of that scope: `0x12 length Span`, an element of OTLP's `ScopeSpans.spans` |
//!
//! The reader goes on behind a damaged record at the next multiple of 8 where a record of this generation with a right
//! checksum begins.
//!
//! # A slot of `calls`
//!
//! ```text
//! 0        4         8       16
//! ├ length ┼ CRC-32C ┼ scope ┼ fields of a Span, without its end ┄ to 1024
//! ```
//!
//! One for each call that has started and not ended. The first eight bytes are one store, and come last: a slot is there
//! as a whole or not at all. Zero is a free slot. What is learnt while the call runs is appended, and the first word
//! replaced. The CRC is of the scope and the fields.
//!
//! # Who writes
//!
//! The functions here that write take words, `&[AtomicU64]`: memory that is mapped from the file, or any other. The caller
//! sees to it that one thread at a time writes to a place, and that there is room.

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

/// The bytes of a word.
pub const WORD: usize = size_of::<u64>();
