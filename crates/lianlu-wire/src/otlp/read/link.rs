//! Links of spans.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{KeyValue, ReadError};

/// A reference to a related span, of the same trace or another.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Link<'a> {
    message: Input<'a>,
    /// Big-endian. All zero when absent.
    pub trace_id: [u8; 16],
    /// Big-endian. All zero when absent.
    pub span_id: [u8; 8],
    /// The W3C `tracestate` of the linked span, not validated.
    pub trace_state: &'a str,
    /// The W3C flags, and whether the linked span is remote, see
    /// [`span_flags`](crate::otlp::span_flags).
    pub flags: u32,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

impl<'a> Link<'a> {
    /// Field 4.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 0x22, FIELDS)
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
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => link.trace_id = rest.id(tag, FIELDS)?,
                0x12 => link.span_id = rest.id(tag, FIELDS)?,
                0x1a => link.trace_state = rest.text(tag, FIELDS)?,
                0x22 => rest.skip(tag)?,
                0x28 => link.dropped_attributes = rest.uint32()?,
                0x35 => link.flags = rest.fixed32()?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(link)
    }
}

static FIELDS: FieldNames = &[
    "",
    "Link.trace_id",
    "Link.span_id",
    "Link.trace_state",
    "Link.attributes",
    "Link.dropped_attributes_count",
    "Link.flags",
];
