//! What can be wrong with OTLP bytes.

/// Why bytes are not what they should be. `at` is a byte offset from the start of what was handed in: the request, the
/// run, or the one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input, or the message around a field, ends inside it.
    #[error("byte {at}: {expected} of {needed} bytes expected, {left} left")]
    Truncated {
        /// Where the bytes should begin.
        at: usize,
        /// What was being read.
        expected: &'static str,
        /// Bytes it takes, at least.
        needed: u64,
        /// Bytes left.
        left: usize,
    },
    /// A variable-length integer over 64 bits.
    #[error("byte {at}: variable-length integer of at most 64 bits expected")]
    Varint {
        /// Where the integer begins.
        at: usize,
    },
    /// A number that is no tag: field 0, a field over 2²⁹-1, an unknown wire type, the end of a group that never began,
    /// or in a run of spans another field.
    #[error("byte {at}: the tag of {expected} expected, found {found:#x}")]
    Tag {
        /// Where the tag begins.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// The number found.
        found: u64,
    },
    /// A known field with the wire type of another kind of value. Is this another message, or another version of it?
    #[error(
        "byte {at}: {field} expected, found it with the wire type {found} of another kind of value"
    )]
    WireType {
        /// Where the value begins.
        at: usize,
        /// Message and field as the `.proto` files name them, such as `Span.name`.
        field: &'static str,
        /// 0 to 5.
        found: u8,
    },
    /// Text that is not UTF-8.
    #[error("byte {at}: {field} is text, and not UTF-8 from here on")]
    Utf8 {
        /// The first byte that is wrong.
        at: usize,
        /// Message and field.
        field: &'static str,
    },
    /// An id of another length.
    #[error("byte {at}: {field} of {expected} bytes expected, found {found}")]
    IdLength {
        /// Where the id begins.
        at: usize,
        /// Message and field.
        field: &'static str,
        /// 16 for a trace, 8 for a span. No bytes at all are an absent id.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// Values in values, or groups of an unknown field, deeper than anyone needs.
    #[error("byte {at}: at most {limit} levels of {what} expected")]
    TooDeep {
        /// Where the limit was passed.
        at: usize,
        /// `values` or `groups`.
        what: &'static str,
        /// Most levels read.
        limit: usize,
    },
}

impl ReadError {
    /// The byte offset that the message names.
    #[must_use]
    pub const fn at(&self) -> usize {
        match self {
            Self::Truncated { at, .. }
            | Self::Varint { at }
            | Self::Tag { at, .. }
            | Self::WireType { at, .. }
            | Self::Utf8 { at, .. }
            | Self::IdLength { at, .. }
            | Self::TooDeep { at, .. } => *at,
        }
    }
}
