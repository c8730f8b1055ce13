//! What a struct codec needs of a protocol to read.

use super::{DecodeError, Kind, MessageKind};

/// Header of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) id: i16,
    pub(crate) kind: Kind,
}

/// Header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) kind: MessageKind,
}

/// Reads thrift values out of a slice that lives for `'a`.
pub(crate) trait Read<'a> {
    /// Offset of the next byte.
    fn at(&self) -> usize;
    fn left(&self) -> usize;
    /// Begins a struct. What it returns goes to the [`struct_end`](Self::struct_end) that closes it.
    #[must_use]
    fn struct_begin(&mut self) -> i16;
    fn struct_end(&mut self, outer: i16);
    /// The next field of the struct, `None` at its end. Its value must be read or skipped before the next call.
    fn field(&mut self) -> Result<Option<Field>, DecodeError>;
    fn bool(&mut self) -> Result<bool, DecodeError>;
    fn i32(&mut self) -> Result<i32, DecodeError>;
    fn i64(&mut self) -> Result<i64, DecodeError>;
    fn double(&mut self) -> Result<f64, DecodeError>;
    fn bytes(&mut self) -> Result<&'a [u8], DecodeError>;
    /// Kind and number of the elements of a list or a set, `container` for the error. The number is checked: the bytes
    /// left hold so many of the kind, and of `element_bytes` each where the caller knows better.
    fn list_begin(
        &mut self,
        container: &'static str,
        element_bytes: usize,
    ) -> Result<(Kind, usize), DecodeError>;
    /// Says that elements to come take so many bytes at least; lists in front of them then may not claim these.
    fn promise(&mut self, bytes: usize);
    /// Takes back what was promised of an element that is up to be read.
    fn redeem(&mut self, bytes: usize);
    /// Kinds of keys and values and the checked number of pairs; `None` for an empty map.
    fn map_begin(&mut self) -> Result<Option<(Kind, Kind, usize)>, DecodeError>;
    fn message_begin(&mut self) -> Result<Message<'a>, DecodeError>;
    /// Passes over a value that holds no other: neither struct nor container.
    fn skip_scalar(&mut self, kind: Kind) -> Result<(), DecodeError>;
}
