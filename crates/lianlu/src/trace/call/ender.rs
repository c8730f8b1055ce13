//! Ends a span, whatever happens on the way there.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanRef, Status};

use crate::conventions::description::Description;
use crate::trace::clock::system_time;
use crate::trace::direct::{self, Ending};

/// A span at its end. A user's hook may panic before all is said of it; it ends all the same, with what is known.
pub(super) struct Ender<'a> {
    pub(super) span: SpanRef<'a>,
    /// In nanoseconds since 1970.
    at: u64,
    status: Status,
    /// Where what is to be handed over with it is; `None` in there if nothing is.
    ending: &'a mut Option<Box<Ending>>,
    has_ended: bool,
}

impl<'a> Ender<'a> {
    pub(super) fn new(span: SpanRef<'a>, at: u64, ending: &'a mut Option<Box<Ending>>) -> Self {
        Self {
            span,
            at,
            status: Status::Unset,
            ending,
            has_ended: false,
        }
    }

    /// Where the attributes of the end go. `is_read`: somebody may set others after them, so that they have to go
    /// through the API.
    pub(super) fn description<'d>(
        &'d mut self,
        is_read: bool,
        list: &'d mut Vec<KeyValue>,
    ) -> Description<'d> {
        #[cfg(feature = "pipeline")]
        if let Some(ending) = self.ending.as_mut().filter(|_| !is_read) {
            return Description::Bytes(ending);
        }
        let _ = is_read;
        list.reserve(8);
        Description::KeyValues(list)
    }

    /// Gives a better name than that of the start.
    pub(super) fn rename(&mut self, name: Cow<'static, str>) {
        match self.ending {
            #[cfg(feature = "pipeline")]
            Some(ending) => {
                ending.last_name = Some(name);
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
        if let Some(ending) = self.ending {
            ending.repeats |= repeats;
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
            *self.ending = Some(direct::end(&self.span, ending, status, self.at));
            return;
        }
        if status != Status::Unset {
            self.span.set_status(status);
        }
        self.span.end_with_timestamp(system_time(self.at));
    }

    /// Ends the span.
    pub(super) fn finish(mut self) {
        self.end();
    }
}

impl Drop for Ender<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
