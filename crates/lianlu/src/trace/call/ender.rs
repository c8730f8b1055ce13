//! Ends a span, whatever happens on the way there.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanRef, Status};

#[cfg(feature = "pipeline")]
use crate::conventions::Totals;
use crate::conventions::description::Description;
#[cfg(feature = "pipeline")]
use crate::conventions::usual::Success;
use crate::trace::clock::system_time;
use crate::trace::direct::{Ending, Open, Users};

/// A span at its end. A user's hook may panic before all is said of it; it ends all the same, with what is known.
pub(super) struct Ender<'a> {
    pub(super) span: SpanRef<'a>,
    /// In nanoseconds since 1970.
    at: u64,
    status: Status,
    /// `None` where it ends through the API.
    direct: Option<Direct<'a>>,
    has_ended: bool,
}

/// A span that goes the short way, with its description.
#[cfg_attr(not(feature = "pipeline"), allow(dead_code))]
pub(super) struct Direct<'a> {
    pub(super) open: Open,
    pub(super) ending: &'a mut Ending,
    pub(super) users: &'a mut Option<Arc<Users>>,
}

impl<'a> Ender<'a> {
    #[inline]
    pub(super) fn new(span: SpanRef<'a>, at: u64, direct: Option<Direct<'a>>) -> Self {
        Self {
            span,
            at,
            status: Status::Unset,
            direct,
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
        if let Some(direct) = self.direct.as_mut().filter(|_| !is_read) {
            return Description::Bytes(direct.ending);
        }
        let _ = is_read;
        list.reserve(8);
        Description::KeyValues(list)
    }

    /// Describes the end of a call that went well, with what it has counted, to a span that goes the short way.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(super) fn went_well(&mut self, success: &'static Success, counted: [Totals; 2]) {
        if let Some(direct) = &mut self.direct {
            success.describe(counted, direct.ending);
        }
    }

    /// Gives a better name than that of the start.
    pub(super) fn rename(&mut self, name: Cow<'static, str>) {
        match &mut self.direct {
            #[cfg(feature = "pipeline")]
            Some(direct) => {
                direct.ending.last_name = Some(name);
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
        if let Some(direct) = &mut self.direct {
            direct.ending.repeats |= repeats;
        }
    }

    /// The last word on the status, said at the end.
    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    #[inline]
    fn end(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        #[cfg(feature = "pipeline")]
        if let Some(direct) = self.direct.take() {
            direct.ending.status = std::mem::take(&mut self.status);
            let span = self.span.span_context();
            *direct.users = Some(direct.open.end(span, direct.ending, self.at));
            return;
        }
        if self.status != Status::Unset {
            self.span.set_status(std::mem::take(&mut self.status));
        }
        self.span.end_with_timestamp(system_time(self.at));
    }

    /// Ends the span.
    pub(super) fn finish(mut self) {
        self.end();
    }
}

impl Drop for Ender<'_> {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}
