//! The interface between struct decoders and protocols.

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

/// Reads thrift values from a slice.
pub(crate) trait Read<'a> {
    /// Offset of the next byte.
    fn at(&self) -> usize;
    fn left(&self) -> usize;
    /// Begins a struct. Pass the result to the matching [`struct_end`](Self::struct_end).
    #[must_use]
    fn struct_begin(&mut self) -> i16;
    fn struct_end(&mut self, outer: i16);
    /// The next field of the struct, `None` at its end. Read or skip its value before the next
    /// call.
    fn field(&mut self) -> Result<Option<Field>, DecodeError>;
    fn bool(&mut self) -> Result<bool, DecodeError>;
    fn i32(&mut self) -> Result<i32, DecodeError>;
    fn i64(&mut self) -> Result<i64, DecodeError>;
    fn double(&mut self) -> Result<f64, DecodeError>;
    fn bytes(&mut self) -> Result<&'a [u8], DecodeError>;
    /// Kind and number of the elements of a list or a set; `container` is for the error. The number
    /// is checked: the remaining bytes can hold that many elements of the kind, and of
    /// `element_bytes` each where the caller knows more.
    fn list_begin(
        &mut self,
        container: &'static str,
        element_bytes: usize,
    ) -> Result<(Kind, usize), DecodeError>;
    /// Reserves bytes for elements still to be read; nested lists cannot claim them.
    fn reserve(&mut self, bytes: usize);
    /// Releases the reserved bytes of an element that is read next.
    fn release(&mut self, bytes: usize);
    /// Kinds of keys and values and the checked number of pairs; `None` for an empty map.
    fn map_begin(&mut self) -> Result<Option<(Kind, Kind, usize)>, DecodeError>;
    fn message_begin(&mut self) -> Result<Message<'a>, DecodeError>;
    /// Skips a value that is neither struct nor container.
    fn skip_scalar(&mut self, kind: Kind) -> Result<(), DecodeError>;
}
