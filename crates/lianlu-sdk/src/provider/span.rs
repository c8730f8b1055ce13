//! A span while it runs.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, Status};
use opentelemetry_sdk::trace::SpanLimits;

use super::data::{self, Data};
use super::direct;
use super::record::record;
use super::tracer::Recorder;
use crate::encode;
use crate::flight_recorder::Slot;

/// A span of a [`Tracer`](super::Tracer). It ends when it is told to, or when it is dropped.
pub struct Span {
    context: SpanContext,
    /// `None` when nothing is recorded, or no more.
    recording: Option<Recording>,
}

/// What becomes of a span at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sampled.
    Export,
    /// It isn't; see [`KeepIf`](super::KeepIf).
    Judge,
}

pub(super) struct Recording {
    pub(super) recorder: Arc<Recorder>,
    pub(super) fate: Fate,
    pub(super) parent_span_id: [u8; 8],
    pub(super) parent_is_remote: bool,
    pub(super) kind: u8,
    /// Nanoseconds since 1970.
    pub(super) start: u64,
    pub(super) name: Cow<'static, str>,
    pub(super) data: Option<Box<Data>>,
    /// Whether a layer will hand over the rest of the span, and how it was ended before that.
    is_direct: bool,
    pub(super) ended: Option<u64>,
    /// Where the flight recorder has noted it.
    pub(super) slot: Option<Slot>,
}

impl Recording {
    #[inline]
    pub(super) fn new(
        recorder: Arc<Recorder>,
        fate: Fate,
        parent: Option<(SpanId, bool)>,
        kind: u8,
        start: u64,
        name: Cow<'static, str>,
    ) -> Self {
        if fate == Fate::Export
            && let Some(pipeline) = &recorder.tracer.provider.pipeline
        {
            pipeline.count_started();
        }
        Self {
            recorder,
            fate,
            parent_span_id: parent.map_or([0; 8], |(id, _)| id.to_bytes()),
            parent_is_remote: parent.is_some_and(|(_, is_remote)| is_remote),
            kind,
            start,
            name,
            data: None,
            is_direct: false,
            ended: None,
            slot: None,
        }
    }

    #[inline]
    pub(super) fn direct(mut self) -> Self {
        self.is_direct = true;
        self
    }
}

impl Span {
    #[inline]
    pub(super) fn not_recording(context: SpanContext) -> Self {
        Self {
            context,
            recording: None,
        }
    }

    #[inline]
    pub(super) fn recording(context: SpanContext, recording: Recording) -> Self {
        Self {
            context,
            recording: Some(recording),
        }
    }

    /// Has the flight recorder note the span, if there is one.
    #[inline]
    pub(super) fn note(&mut self, name: &str, attributes: &[u8]) {
        if let Some(recording) = self.recording.as_mut().filter(|it| it.is_noted()) {
            recording.note(&self.context, name, attributes);
        }
    }

    /// What users have set, with the limits; not once the span has ended.
    #[inline]
    fn with_data(&mut self, set: impl FnOnce(&mut Data, &SpanLimits)) {
        if let Some(recording) = self.recording.as_mut().filter(|it| it.ended.is_none()) {
            let data = recording.data.get_or_insert_with(data::fresh);
            set(data, &recording.recorder.tracer.provider.limits);
        }
    }

    /// Ends the span, and sends it off as it is to be.
    #[inline]
    fn finish(&mut self, end: u64, ending: Option<&direct::Ending>) {
        if let Some(recording) = self.recording.take() {
            record(&self.context, recording, end, ending);
        }
    }
}

impl opentelemetry::trace::Span for Span {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        self.with_data(|data, limits| {
            data.add_event(Event::new(name, timestamp, attributes, 0), limits);
        });
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    #[inline]
    fn is_recording(&self) -> bool {
        let recording = self.recording.as_ref();
        recording.is_some_and(|recording| recording.ended.is_none())
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(recording) = self.recording.as_ref().filter(|it| it.ended.is_none()) {
            recording.note_attribute(&attribute);
        }
        self.with_data(|data, limits| data.push(attribute, limits));
    }

    fn set_status(&mut self, status: Status) {
        if status != Status::Unset {
            self.with_data(|data, _| data.set_status(status));
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        if let Some(recording) = self.recording.as_ref().filter(|it| it.ended.is_none()) {
            recording.note_name(&name);
        }
        self.with_data(|data, _| data.name = Some(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.with_data(|data, limits| {
            data.add_link(Link::new(span_context, attributes, 0), limits);
        });
    }

    #[inline]
    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        if recording.is_direct
            && let Some(ending) = direct::handed(&self.context)
        {
            self.finish(ending.at, Some(&ending));
            direct::give_back(ending);
            return;
        }
        let end = encode::unix_nanos(timestamp);
        if recording.is_direct {
            // Its layer has not described it yet, and will.
            recording.ended.get_or_insert(end);
        } else {
            self.finish(end, None);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.recording.is_some() {
            let now = encode::unix_nanos(opentelemetry::time::now());
            self.finish(now, None);
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("context", &self.context)
            .field("recording", &self.recording.is_some())
            .finish()
    }
}
