//! A span of a layer's: users reach it through the context, its layer describes and ends it.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, Status};
use opentelemetry_sdk::trace::SpanLimits;

use super::data::{self, Data};
use super::direct::Ending;
use super::note;
use super::record::{Ended, Fate, Start, record};
use super::tracer::{Recorder, Tracer};
use crate::encode;
use crate::flight_recorder::Slot;

/// What users do with a layer's span while it runs, mostly nothing. A layer keeps it for its thread's next span.
pub struct Users {
    recorder: Arc<Recorder>,
    /// Whether there is anything in `said`.
    is_touched: AtomicBool,
    /// Whether nothing more is taken: the layer has ended the span, or users have.
    is_over: AtomicBool,
    /// Whether it is recorded: its layer has ended it, or it was dropped before that.
    is_recorded: AtomicBool,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    data: Option<Box<Data>>,
    /// When users have ended the span, which its layer had not described yet.
    ended: Option<u64>,
}

impl Users {
    fn new(recorder: Arc<Recorder>) -> Self {
        Self {
            recorder,
            is_touched: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            is_recorded: AtomicBool::new(false),
            said: Mutex::default(),
        }
    }

    /// Nothing that holds this lock can panic half-way, so a poisoned one is as good.
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What users say, with the limits; not once the span has ended.
    #[cold]
    fn say(&self, say: impl FnOnce(&mut Said, &SpanLimits)) {
        let mut said = self.said();
        if !self.is_over.load(Ordering::Acquire) {
            say(&mut said, &self.recorder.tracer.provider.limits);
            self.is_touched.store(true, Ordering::Release);
        }
    }

    /// The span is recorded: what users have said is not changed any more. `None` if it is already.
    ///
    /// A layer ends a span whose context it holds, so never while that is dropped, and there is no need to swap.
    #[inline]
    fn take(&self) -> Option<Said> {
        if self.is_recorded.load(Ordering::Acquire) {
            return None;
        }
        self.is_over.store(true, Ordering::Release);
        self.is_recorded.store(true, Ordering::Release);
        Some(if self.is_touched.load(Ordering::Acquire) {
            std::mem::take(&mut *self.said())
        } else {
            Said::default()
        })
    }

    /// As new, for another span. Nobody else has it.
    #[inline]
    fn reset(&self) {
        if self.is_touched.load(Ordering::Relaxed) {
            *self.said() = Said::default();
            self.is_touched.store(false, Ordering::Relaxed);
        }
        self.is_over.store(false, Ordering::Relaxed);
        self.is_recorded.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("is_touched", &self.is_touched)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// The layer's hold on a span that it has begun.
#[derive(Debug)]
#[must_use = "a span that nobody ends is recorded without its description"]
pub struct Open {
    users: Arc<Users>,
    start: Start,
    /// Where the flight recorder has noted it.
    slot: Option<Slot>,
}

impl Tracer {
    /// Opens a span that [`begin`](Self::begin) has given: its one end is for the context, the other for the layer.
    /// `spare` is what [`Open::end`] has given back.
    #[inline]
    pub fn open(
        &self,
        context: SpanContext,
        start: Start,
        spare: &mut Option<Arc<Users>>,
    ) -> (LayerSpan, Open) {
        if start.fate == Fate::Export
            && let Some(pipeline) = &self.shared.provider.pipeline
        {
            pipeline.count_started();
        }
        let users = match spare.take() {
            Some(users) if self.may_use(&users) => users,
            _ => Arc::new(Users::new(self.shared.recorder())),
        };
        let span = LayerSpan {
            context,
            start,
            slot: None,
            users: Arc::clone(&users),
        };
        let open = Open {
            users,
            start,
            slot: None,
        };
        (span, open)
    }

    /// Whether nobody has it any more, not even a context that was kept beyond its call.
    #[inline]
    fn may_use(&self, users: &Arc<Users>) -> bool {
        let is_free =
            Arc::strong_count(users) == 1 && Arc::ptr_eq(&users.recorder.tracer, &self.shared);
        if is_free {
            // What the last holder did with it was before it let go.
            fence(Ordering::Acquire);
            users.reset();
        }
        is_free
    }
}

impl Open {
    /// Has the flight recorder, if there is one, note the span with what is known of it.
    #[inline]
    pub fn note(&mut self, span: &mut LayerSpan, ending: &Ending) {
        let tracer = &self.users.recorder.tracer;
        if note::is_wanted(tracer, self.start.fate) {
            let (name, attributes) = (&ending.name, &ending.attributes);
            self.slot = note::start(tracer, &span.context, &self.start, name, attributes);
            span.slot = self.slot;
        }
    }

    /// Adds a link to another span.
    pub fn add_link(&self, link: Link) {
        self.users.say(|said, limits| {
            let data = said.data.get_or_insert_with(data::fresh);
            data.add_link(link, limits);
        });
    }

    /// Ends the span, `at` nanoseconds since 1970, unless users have: then it ends at their time, and what the layer says
    /// of its end nobody asked for. One whose [`LayerSpan`] is gone was recorded when that was dropped, and is not once
    /// more. Gives back what the next [`open`](Tracer::open) can use.
    #[inline]
    #[must_use]
    pub fn end(self, context: &SpanContext, ending: &Ending, at: u64) -> Arc<Users> {
        let Self { users, start, slot } = self;
        let Some(said) = users.take() else {
            return users;
        };
        let ended = Ended {
            context,
            start: &start,
            name: "",
            slot,
            at: said.ended.unwrap_or(at),
            is_early: said.ended.is_some(),
        };
        record(&users.recorder.tracer, &ended, said.data, Some(ending));
        users
    }
}

/// A layer's span as the context has it. It ends when its layer says so, or at the latest when it is dropped.
pub struct LayerSpan {
    context: SpanContext,
    start: Start,
    slot: Option<Slot>,
    users: Arc<Users>,
}

impl LayerSpan {
    fn say(&self, say: impl FnOnce(&mut Data, &SpanLimits)) {
        self.users.say(|said, limits| {
            say(said.data.get_or_insert_with(data::fresh), limits);
        });
    }

    /// The tracer and the note's place, if there is a note to add to.
    fn noted(&self) -> Option<(&Recorder, Slot)> {
        let slot = self
            .slot
            .filter(|_| !self.users.is_over.load(Ordering::Acquire))?;
        Some((&self.users.recorder, slot))
    }
}

impl opentelemetry::trace::Span for LayerSpan {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let event = Event::new(name, timestamp, attributes, 0);
        self.say(|data, limits| data.add_event(event, limits));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        !self.users.is_over.load(Ordering::Acquire)
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some((recorder, slot)) = self.noted() {
            note::attribute(&recorder.tracer, slot, &attribute);
        }
        self.say(|data, limits| data.push(attribute, limits));
    }

    fn set_status(&mut self, status: Status) {
        if status != Status::Unset {
            self.say(|data, _| data.set_status(status));
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        if let Some((recorder, slot)) = self.noted() {
            note::name(&recorder.tracer, slot, &name);
        }
        self.say(|data, _| data.name = Some(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        let link = Link::new(span_context, attributes, 0);
        self.say(|data, limits| data.add_link(link, limits));
    }

    /// Its layer has not described it yet, and will.
    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        let end = encode::unix_nanos(timestamp);
        self.users.say(|said, _| said.ended = Some(end));
        self.users.is_over.store(true, Ordering::Release);
    }
}

/// Of a call that its layer has not ended, because a hook has panicked: it is recorded with what is known.
impl Drop for LayerSpan {
    #[inline]
    fn drop(&mut self) {
        if !self.users.is_recorded.load(Ordering::Acquire) {
            self.record();
        }
    }
}

impl LayerSpan {
    #[cold]
    fn record(&self) {
        let Some(said) = self.users.take() else {
            return;
        };
        let now = || encode::unix_nanos(opentelemetry::time::now());
        let ended = Ended {
            context: &self.context,
            start: &self.start,
            name: "",
            slot: self.slot,
            at: said.ended.unwrap_or_else(now),
            is_early: said.ended.is_some(),
        };
        record(&self.users.recorder.tracer, &ended, said.data, None);
    }
}

impl fmt::Debug for LayerSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerSpan")
            .field("context", &self.context)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}
