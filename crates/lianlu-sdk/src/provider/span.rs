//! A span while it runs.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, Status};
use opentelemetry_sdk::trace::SpanLimits;

use super::data::{self, Data};
use super::note;
use super::record::{Ended, Fate, Start, record};
use super::tracer::Recorder;
use crate::encode;
use crate::flight_recorder::Slot;

/// A span of a [`Tracer`](super::Tracer). It ends when it is told to, or when it is dropped.
pub struct Span {
    context: SpanContext,
    /// `None` when nothing is recorded, or no more.
    recording: Option<Recording>,
}

pub(super) struct Recording {
    pub(super) recorder: Arc<Recorder>,
    pub(super) start: Start,
    pub(super) name: Cow<'static, str>,
    pub(super) data: Option<Box<Data>>,
    /// Where the flight recorder has noted it.
    pub(super) slot: Option<Slot>,
}

impl Recording {
    #[inline]
    pub(super) fn new(recorder: Arc<Recorder>, start: Start, name: Cow<'static, str>) -> Self {
        if start.fate == Fate::Export
            && let Some(pipeline) = &recorder.tracer.provider.pipeline
        {
            pipeline.count_started();
        }
        Self {
            recorder,
            start,
            name,
            data: None,
            slot: None,
        }
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

    /// What is noted of it, and where.
    #[inline]
    fn noted(&self) -> Option<(&Recording, Slot)> {
        let recording = self.recording.as_ref()?;
        Some((recording, recording.slot?))
    }

    /// What users have set, with the limits; not once the span has ended.
    #[inline]
    fn with_data(&mut self, set: impl FnOnce(&mut Data, &SpanLimits)) {
        if let Some(recording) = &mut self.recording {
            let data = recording.data.get_or_insert_with(data::fresh);
            set(data, &recording.recorder.tracer.provider.limits);
        }
    }

    /// Ends the span, and sends it off as it is to be.
    #[inline]
    fn finish(&mut self, at: u64) {
        if let Some(recording) = self.recording.take() {
            let ended = Ended {
                context: &self.context,
                start: &recording.start,
                name: &recording.name,
                slot: recording.slot,
                at,
                is_early: false,
            };
            record(&recording.recorder.tracer, &ended, recording.data, None);
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
        self.recording.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some((recording, slot)) = self.noted() {
            note::attribute(&recording.recorder.tracer, slot, &attribute);
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
        if let Some((recording, slot)) = self.noted() {
            note::name(&recording.recorder.tracer, slot, &name);
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
        self.finish(encode::unix_nanos(timestamp));
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.recording.is_some() {
            self.finish(encode::unix_nanos(opentelemetry::time::now()));
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
