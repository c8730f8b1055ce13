//! Ends a span, whatever happens on the way there.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{SpanRef, Status};

use crate::conventions::description::Description;
use crate::trace::direct::{self, Ending};

/// A span at its end. A user's hook may panic before all is said of it; it ends all the same, with what is known.
pub(super) struct Ender<'a> {
    pub(super) span: SpanRef<'a>,
    at: SystemTime,
    status: Status,
    ending: Option<Box<Ending>>,
    has_ended: bool,
}

impl<'a> Ender<'a> {
    pub(super) fn new(span: SpanRef<'a>, at: SystemTime, ending: Option<Box<Ending>>) -> Self {
        Self {
            span,
            at,
            status: Status::Unset,
            ending,
            has_ended: false,
        }
    }

    /// What the attributes of the end are to be written into. `is_read`: somebody may set others after them.
    pub(super) fn description(&mut self, is_read: bool) -> Description {
        #[cfg(feature = "pipeline")]
        if let Some(ending) = self.ending.as_mut().filter(|_| !is_read) {
            return Description::Bytes(crate::conventions::description::Bytes {
                bytes: std::mem::take(&mut ending.attributes),
                count: ending.count,
            });
        }
        let _ = is_read;
        Description::KeyValues(Vec::with_capacity(8))
    }

    pub(super) fn set_attributes(&mut self, attributes: Description) {
        match attributes {
            Description::KeyValues(attributes) if !attributes.is_empty() => {
                self.span.set_attributes(attributes);
            }
            #[cfg(feature = "pipeline")]
            Description::Bytes(attributes) => {
                if let Some(ending) = &mut self.ending {
                    ending.attributes = attributes.bytes;
                    ending.count = attributes.count;
                }
            }
            _ => {}
        }
    }

    /// Gives a better name than that of the start.
    pub(super) fn rename(&mut self, name: Cow<'static, str>) {
        match &mut self.ending {
            #[cfg(feature = "pipeline")]
            Some(ending) => {
                ending.name = name;
                ending.is_last_name = true;
            }
            _ => self.span.update_name(name),
        }
    }

    /// Says that attributes of the end may stand over some of the start.
    #[cfg_attr(
        not(feature = "pipeline"),
        allow(clippy::unused_self, unused_variables)
    )]
    pub(super) fn set_repeats(&mut self, repeats: bool) {
        #[cfg(feature = "pipeline")]
        if let Some(ending) = &mut self.ending {
            ending.repeats = repeats;
        }
    }

    /// The last word on the status, said at the end.
    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let status = std::mem::take(&mut self.status);
        if let Some(ending) = self.ending.take() {
            self.ending = Some(direct::end(&self.span, ending, status, self.at));
            return;
        }
        if status != Status::Unset {
            self.span.set_status(status);
        }
        self.span.end_with_timestamp(self.at);
    }

    /// Ends the span. Gives back what was handed over with it, empty room for the next one.
    pub(super) fn finish(mut self) -> Option<Box<Ending>> {
        self.end();
        self.ending.take()
    }
}

impl Drop for Ender<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
