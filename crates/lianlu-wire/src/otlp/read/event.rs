//! Events of spans.

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
    /// How many attributes were left out.
    pub dropped_attributes: u32,
}

impl<'a> Event<'a> {
    /// Field 3.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 3, "Event.attributes")
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
        while let Some(field) = rest.field()? {
            match field.number {
                1 => event.unix_nanos = field.fixed64("Event.time_unix_nano")?,
                2 => event.name = field.text("Event.name")?,
                4 => event.dropped_attributes = field.uint32("Event.dropped_attributes_count")?,
                _ => {}
            }
        }
        Ok(event)
    }
}
