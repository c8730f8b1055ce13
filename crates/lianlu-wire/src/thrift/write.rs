//! The interface between struct encoders and protocols.

use super::{EncodeError, Kind};

/// Appends thrift values. A field is [`field`](Self::field) followed by its value. A boolean field
/// is a single call, because the compact protocol stores its value in the header.
pub(crate) trait Write {
    /// Begins a struct. Pass the result to the matching [`struct_end`](Self::struct_end).
    #[must_use]
    fn struct_begin(&mut self) -> i16;
    /// Writes the stop field.
    fn struct_end(&mut self, outer: i16);
    fn field(&mut self, id: i16, kind: Kind);
    fn bool_field(&mut self, id: i16, value: bool);
    fn i32(&mut self, value: i32);
    fn i64(&mut self, value: i64);
    fn double(&mut self, value: f64);
    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError>;
    fn list_begin(&mut self, elements: Kind, length: usize) -> Result<(), EncodeError>;
    /// Begins a one-way call.
    fn oneway_begin(&mut self, method: &str, sequence: i32) -> Result<(), EncodeError>;
}
