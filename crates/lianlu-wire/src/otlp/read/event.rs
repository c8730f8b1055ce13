//! Events of spans.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{KeyValue, ReadError};

/// Something that happened at a moment within a span.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    message: Input<'a>,
    /// Nanoseconds since 1970.
    pub unix_nanos: u64,
    /// The event's name.
    pub name: &'a str,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
}

impl<'a> Event<'a> {
    /// Field 3.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 0x1a, FIELDS)
    }
}

impl<'a> Element<'a> for Event<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut event = Self {
            message,
            unix_nanos: 0,
            name: "",
            dropped_attributes: 0,
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x09 => event.unix_nanos = rest.fixed64()?,
                0x12 => event.name = rest.text(tag, FIELDS)?,
                0x1a => rest.skip(tag)?,
                0x20 => event.dropped_attributes = rest.uint32()?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(event)
    }
}

static FIELDS: FieldNames = &[
    "",
    "Event.time_unix_nano",
    "Event.name",
    "Event.attributes",
    "Event.dropped_attributes_count",
];
