//! Links of spans.

use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{KeyValue, ReadError};

/// Another span, of the same trace or another, that a span has to do with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Link<'a> {
    message: Input<'a>,
    /// Big-endian. All zero when absent.
    pub trace_id: [u8; 16],
    /// Big-endian. All zero when absent.
    pub span_id: [u8; 8],
    /// The W3C `tracestate` of the linked span, not checked.
    pub trace_state: &'a str,
    /// The W3C flags, and whether the linked span is remote, see [`span_flags`](crate::otlp::span_flags).
    pub flags: u32,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
}

impl<'a> Link<'a> {
    /// Field 4.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 4, "Link.attributes")
    }
}

impl<'a> Element<'a> for Link<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut link = Self {
            message,
            trace_id: [0; 16],
            span_id: [0; 8],
            trace_state: "",
            flags: 0,
            dropped_attributes: 0,
        };
        let mut rest = message;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => link.trace_id = field.id("Link.trace_id")?,
                2 => link.span_id = field.id("Link.span_id")?,
                3 => link.trace_state = field.text("Link.trace_state")?,
                5 => link.dropped_attributes = field.uint32("Link.dropped_attributes_count")?,
                6 => link.flags = field.fixed32("Link.flags")?,
                _ => {}
            }
        }
        Ok(link)
    }
}
