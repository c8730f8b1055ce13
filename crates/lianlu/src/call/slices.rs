//! The slices of a long-lived stream.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::alarm::Alarm;
use super::options::Options;
use crate::describe::response::Totals;

/// What the next span of a sliced stream is made of, and when it starts.
#[derive(Debug)]
pub(crate) struct Slices {
    options: Arc<Options>,
    every: Duration,
    /// When the current slice ends. `None`: never.
    due: Option<Instant>,
    alarm: Option<Alarm>,
    /// The number of the running slice.
    pub(crate) number: u32,
    /// The parent of the next slice.
    parent: Context,
    kind: SpanKind,
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    /// The counts of all earlier slices.
    pub(crate) counted: [Totals; 2],
}

/// The shortest slice. A shorter one would only produce many spans.
const SHORTEST: Duration = Duration::from_millis(10);

impl Slices {
    pub(crate) fn new(
        options: &Arc<Options>,
        every: Duration,
        parent: Context,
        kind: SpanKind,
        name: Cow<'static, str>,
        attributes: Vec<KeyValue>,
    ) -> Self {
        let every = every.max(SHORTEST);
        Self {
            options: Arc::clone(options),
            every,
            due: Instant::now().checked_add(every),
            alarm: None,
            number: 0,
            parent,
            kind,
            name,
            attributes,
            counted: [None; 2],
        }
    }

    /// If there is no parent, the trace's first span becomes the parent of the others.
    pub(crate) fn set_first(&mut self, first: &SpanContext) {
        if !self.parent.span().span_context().is_valid() {
            self.parent = self.parent.with_remote_span_context(first.clone());
        }
    }

    pub(crate) fn set_name(&mut self, name: Cow<'static, str>) {
        self.name = name;
    }

    /// Adds attributes of the response to all later slices.
    pub(crate) fn add_attributes(&mut self, attributes: &[KeyValue]) {
        self.attributes.extend_from_slice(attributes);
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Wakes the stream's task when the slice is over.
    pub(crate) fn wake(&mut self, waker: &Waker) {
        let Some(due) = self.due else { return };
        match &self.alarm {
            Some(alarm) if alarm.at() == due => alarm.update(waker),
            _ => self.alarm = Some(Alarm::set(due, waker)),
        }
    }

    /// Starts the next slice's span.
    pub(crate) fn next(&mut self, last: &SpanContext, now: Instant, start: SystemTime) -> Context {
        self.number = self.number.saturating_add(1);
        self.due = now.checked_add(self.every);
        let span = SpanBuilder::from_name(self.name.clone())
            .with_kind(self.kind.clone())
            .with_attributes(self.attributes.clone())
            .with_links(vec![Link::with_context(last.clone())])
            .with_start_time(start)
            .start_with_context(&self.options.tracer.find().tracer, &self.parent);
        self.parent.with_span(span)
    }
}
