//! A span, of users or of layers.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, Status};

use super::record::{self, SpanRecord};
use crate::encode;

/// A span of a [`Tracer`](super::Tracer). It ends when [`end`](opentelemetry::trace::Span::end) is
/// called, or when it is dropped.
pub struct Span {
    context: SpanContext,
    hold: Hold,
}

/// The owner of a span's record.
enum Hold {
    /// Not recorded, or already ended.
    Nothing,
    Own(Box<SpanRecord>),
    /// The layer that made the span has the other half, and ends it.
    Shared(Arc<SharedRecord>),
}

/// The record of a layer's span, which users reach through the context.
#[derive(Debug)]
pub(super) struct SharedRecord {
    record: Mutex<SpanRecord>,
    /// Whether the span is recorded. Read without the lock.
    is_recorded: AtomicBool,
}

impl SharedRecord {
    pub(super) fn new(record: SpanRecord) -> Self {
        Self {
            record: Mutex::new(record),
            is_recorded: AtomicBool::new(true),
        }
    }

    /// Code that holds this lock cannot panic half-way, so a poisoned record is still valid.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, SpanRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record, for a span that is about to start.
    #[inline]
    pub(super) fn start(&mut self) -> &mut SpanRecord {
        *self.is_recorded.get_mut() = false;
        self.record
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the span, unless it is already written.
    #[inline]
    pub(super) fn finish(
        &self,
        context: &SpanContext,
        at: impl FnOnce() -> u64,
        before: impl FnOnce(&mut SpanRecord),
    ) {
        let mut record = self.lock();
        if record.is_ended {
            return;
        }
        let at = match record.ended_early {
            Some(at) => at,
            None => {
                before(&mut record);
                at()
            }
        };
        record.finish(context, at);
        self.is_recorded.store(true, Ordering::Release);
    }
}

impl Span {
    #[inline]
    pub(super) fn not_recording(context: SpanContext) -> Self {
        Self {
            context,
            hold: Hold::Nothing,
        }
    }

    #[inline]
    pub(super) fn own(context: SpanContext, record: Box<SpanRecord>) -> Self {
        Self {
            context,
            hold: Hold::Own(record),
        }
    }

    #[inline]
    pub(super) fn shared(context: SpanContext, record: Arc<SharedRecord>) -> Self {
        Self {
            context,
            hold: Hold::Shared(record),
        }
    }

    /// Changes the span, unless it has ended.
    #[inline]
    fn edit(&mut self, edit: impl FnOnce(&mut SpanRecord)) {
        match &mut self.hold {
            Hold::Nothing => {}
            Hold::Own(record) => edit(record),
            Hold::Shared(shared) => {
                let mut record = shared.lock();
                if record.is_open() {
                    edit(&mut record);
                }
            }
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
        let event = Event::new(name, timestamp, attributes, 0);
        self.edit(|record| record.add_event(event));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    #[inline]
    fn is_recording(&self) -> bool {
        match &self.hold {
            Hold::Nothing => false,
            Hold::Own(_) => true,
            Hold::Shared(shared) => shared.lock().is_open(),
        }
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.edit(|record| record.set_attribute(&attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.edit(|record| record.set_status(status));
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        self.edit(|record| record.set_name(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        let link = Link::new(span_context, attributes, 0);
        self.edit(|record| record.add_link(link));
    }

    /// Closes a layer's span for changes. It is written when its layer ends it, with this end time.
    #[inline]
    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        let at = encode::unix_nanos(timestamp);
        if matches!(self.hold, Hold::Shared(_)) {
            self.edit(|record| record.ended_early = Some(at));
        } else if let Hold::Own(mut record) = std::mem::replace(&mut self.hold, Hold::Nothing) {
            record.finish(&self.context, at);
            record::recycle(record);
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        let now = || encode::unix_nanos(opentelemetry::time::now());
        match std::mem::replace(&mut self.hold, Hold::Nothing) {
            Hold::Nothing => {}
            Hold::Own(mut record) => {
                record.finish(&self.context, now());
                record::recycle(record);
            }
            // The layer has not ended its call, because a hook has panicked.
            Hold::Shared(shared) => {
                if !shared.is_recorded.load(Ordering::Acquire) {
                    shared.finish(&self.context, now, |_| {});
                }
            }
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("context", &self.context)
            .field("recording", &opentelemetry::trace::Span::is_recording(self))
            .finish()
    }
}
