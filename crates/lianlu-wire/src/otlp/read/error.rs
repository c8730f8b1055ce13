//! Errors of reading OTLP bytes.

/// Why bytes are not valid OTLP. `at` is a byte offset from the start of the input: the request,
/// the run, or the single message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input, or the enclosing message, ends within a field.
    #[error("byte {at}: {expected} of {needed} bytes expected, {left} left")]
    Truncated {
        /// Offset at which the bytes should begin.
        at: usize,
        /// What was being read.
        expected: &'static str,
        /// Bytes needed, at least.
        needed: u64,
        /// Bytes left.
        left: usize,
    },
    /// A variable-length integer of more than 64 bits.
    #[error("byte {at}: variable-length integer of at most 64 bits expected")]
    Varint {
        /// Offset of the integer.
        at: usize,
    },
    /// Not a valid tag: field 0, a field number over 2²⁹-1, an unknown wire type, the end of a
    /// group that never began, or, in a run of spans, another field.
    #[error("byte {at}: the tag of {expected} expected, found {found:#x}")]
    Tag {
        /// Offset of the tag.
        at: usize,
        /// What is allowed there.
        expected: &'static str,
        /// The number found.
        found: u64,
    },
    /// A known field with an unexpected wire type. Probably another message, or an incompatible
    /// version of it.
    #[error(
        "byte {at}: {field} expected, found it with the wire type {found} of another kind of value"
    )]
    WireType {
        /// Offset of the value.
        at: usize,
        /// Message and field as the `.proto` files name them, such as `Span.name`.
        field: &'static str,
        /// 0 to 5.
        found: u8,
    },
    /// Text that is not UTF-8.
    #[error("byte {at}: {field} is text, and not UTF-8 from here on")]
    Utf8 {
        /// Offset of the first invalid byte.
        at: usize,
        /// Message and field.
        field: &'static str,
    },
    /// An id of the wrong length.
    #[error("byte {at}: {field} of {expected} bytes expected, found {found}")]
    IdLength {
        /// Offset of the id.
        at: usize,
        /// Message and field.
        field: &'static str,
        /// 16 for a trace, 8 for a span. An empty field means no id.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// Values or groups of an unknown field are nested too deeply.
    #[error("byte {at}: at most {limit} levels of {what} expected")]
    TooDeep {
        /// Offset at which the limit was exceeded.
        at: usize,
        /// `values` or `groups`.
        what: &'static str,
        /// Maximum depth.
        limit: usize,
    },
}

impl ReadError {
    /// The byte offset in the error message.
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
