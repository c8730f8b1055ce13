//! Spans, their events, links and status.

use serde::{Serialize, Serializer};

use super::object::Object;
use crate::otlp::{Event, Link, Span, Status};

impl Serialize for Span<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.id("traceId", &self.trace_id)?;
        object.id("spanId", &self.span_id)?;
        object.text("traceState", self.trace_state)?;
        object.id("parentSpanId", &self.parent_span_id)?;
        object.number("flags", self.flags)?;
        object.text("name", self.name)?;
        object.number("kind", self.kind)?;
        object.long("startTimeUnixNano", self.start_unix_nanos)?;
        object.long("endTimeUnixNano", self.end_unix_nanos)?;
        object.list("attributes", self.attributes())?;
        object.number("droppedAttributesCount", self.dropped_attributes)?;
        object.list("events", self.events())?;
        object.number("droppedEventsCount", self.dropped_events)?;
        object.list("links", self.links())?;
        object.number("droppedLinksCount", self.dropped_links)?;
        if self.status.is_present {
            object.any("status", &self.status)?;
        }
        object.end()
    }
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.text("message", self.message)?;
        object.number("code", self.code)?;
        object.end()
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.long("timeUnixNano", self.unix_nanos)?;
        object.text("name", self.name)?;
        object.list("attributes", self.attributes())?;
        object.number("droppedAttributesCount", self.dropped_attributes)?;
        object.end()
    }
}

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.id("traceId", &self.trace_id)?;
        object.id("spanId", &self.span_id)?;
        object.text("traceState", self.trace_state)?;
        object.list("attributes", self.attributes())?;
        object.number("droppedAttributesCount", self.dropped_attributes)?;
        object.number("flags", self.flags)?;
        object.end()
    }
}
