//! What a struct codec needs of a protocol to write.

use super::{EncodeError, Kind};

/// Appends thrift values. A field is written as [`field`](Self::field) and then its value, only a boolean field in one
/// step, because the compact protocol keeps its value in the header.
pub(crate) trait Write {
    /// Begins a struct. What it returns goes to the [`struct_end`](Self::struct_end) that closes it.
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
