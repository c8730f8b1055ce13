//! The spans of calls. Only these files distinguish the two kinds of tracer providers: lianlu's
//! own, which takes attributes as OTLP bytes and decides early, and any other, used through the
//! API.
//!
//! ```text
//! SpanPlan::of ─► writer ─► describe::start ─► SpanPlan::start
//!     ─► SpanHandle ─► write · rename · end
//! ```

#[cfg(feature = "pipeline")]
mod direct;
pub(crate) mod parent;
pub(crate) mod source;

use std::borrow::Cow;

use lianlu_wire::otlp::EncodedAttributes;
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::call::clock::system_time;
use crate::describe::writer::AttributeWriter;
pub(crate) use parent::Parent;
use source::TracerSource;

/// Buffers for the attributes of a span, reused by the thread's next call.
#[derive(Debug, Default)]
pub(crate) struct SpanScratch {
    attributes: Box<EncodedAttributes>,
    pub(crate) key_values: Vec<KeyValue>,
    #[cfg(feature = "pipeline")]
    spare: Option<lianlu_sdk::described::SpareRecord>,
}

impl SpanScratch {
    /// Discards attributes that no span has taken.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.attributes.is_empty() {
            self.attributes.clear();
        }
        self.key_values.clear();
    }
}

/// How a call's span will be made. Known before the call is described.
#[derive(Debug)]
pub(crate) enum SpanPlan<'t> {
    /// By lianlu's own provider.
    #[cfg(feature = "pipeline")]
    Direct(direct::DirectPlan<'t>),
    /// By the API: the provider decides when the call has been described.
    Api(&'t TracerSource),
}

/// What a span starts with, besides its attributes.
#[cfg(feature = "pipeline")]
pub(crate) use lianlu_sdk::described::SpanStart;

/// What a span starts with, besides its attributes.
#[cfg(not(feature = "pipeline"))]
#[derive(Debug)]
pub(crate) struct SpanStart {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: opentelemetry::trace::SpanKind,
    /// Nanoseconds since 1970.
    pub(crate) at: u64,
}

impl<'t> SpanPlan<'t> {
    /// Decides as early as possible. `needs_api`: the call may have more than one span.
    #[inline]
    pub(crate) fn of(source: &'t TracerSource, parent: &Parent, needs_api: bool) -> Self {
        #[cfg(feature = "pipeline")]
        if !needs_api
            && let Some(tracer) = source.find().direct.as_ref()
            && let Some(plan) = direct::DirectPlan::of(tracer, parent)
        {
            return Self::Direct(plan);
        }
        let _ = (parent, needs_api);
        Self::Api(source)
    }

    /// Completes the context in which the call starts.
    #[inline]
    pub(crate) fn complete(&self, parent: &mut Parent) {
        match self {
            Self::Api(_) => parent.remote.move_into(&mut parent.base),
            #[cfg(feature = "pipeline")]
            Self::Direct(_) => parent.remote.move_level2(&mut parent.base, false),
        }
    }

    /// True if the span is known not to be recorded.
    #[inline]
    pub(crate) fn is_unrecorded(&self) -> bool {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(plan) => !plan.records(),
            Self::Api(_) => false,
        }
    }

    /// The destination of the start's attributes.
    #[inline]
    pub(crate) fn writer<'s>(&self, scratch: &'s mut SpanScratch) -> AttributeWriter<'s> {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(plan) if !plan.records() => AttributeWriter::Nothing,
            #[cfg(feature = "pipeline")]
            Self::Direct(plan) => {
                scratch.attributes.set_limits(plan.attribute_limits());
                AttributeWriter::Bytes(&mut scratch.attributes)
            }
            Self::Api(_) => {
                scratch.key_values.reserve(16);
                AttributeWriter::KeyValues(&mut scratch.key_values)
            }
        }
    }

    /// True if a template may replace the description.
    #[inline]
    pub(crate) fn takes_templates(&self) -> bool {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(plan) => {
                !plan.records() || plan.attribute_limits().value_length == usize::MAX
            }
            Self::Api(_) => false,
        }
    }

    /// Starts the span with the attributes in `scratch`. Returns the context that contains it.
    #[inline]
    pub(crate) fn start(
        self,
        parent: &mut Parent,
        start: SpanStart,
        scratch: &mut SpanScratch,
    ) -> (Context, SpanHandle) {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(plan) => {
                let (attributes, spare) = (&mut scratch.attributes, &mut scratch.spare);
                let (context, open) = plan.start(parent, start, attributes, spare);
                (
                    context,
                    open.map_or(SpanHandle::Unrecorded, SpanHandle::Direct),
                )
            }
            Self::Api(source) => start_by_api(source, parent, start, scratch),
        }
    }
}

#[inline(never)]
fn start_by_api(
    source: &TracerSource,
    parent: &mut Parent,
    start: SpanStart,
    scratch: &mut SpanScratch,
) -> (Context, SpanHandle) {
    let mut builder = SpanBuilder::from_name(start.name)
        .with_kind(start.kind)
        .with_start_time(system_time(start.at))
        .with_attributes(std::mem::take(&mut scratch.key_values));
    if let Some(link) = parent.link.take() {
        builder = builder.with_links(vec![*link]);
    }
    let base = &parent.base;
    let found = source.find();
    let span = builder.start_with_context(&found.tracer, base);
    let context = base.with_span(span);
    source::check(
        found,
        context.span().span_context(),
        base.span().span_context(),
    );
    let handle = match context.span().is_recording() {
        true => SpanHandle::Api,
        false => SpanHandle::Unrecorded,
    };
    (context, handle)
}

/// The span of a call.
#[derive(Debug)]
pub(crate) enum SpanHandle {
    /// A span of lianlu's own provider.
    #[cfg(feature = "pipeline")]
    Direct(lianlu_sdk::described::OpenSpan),
    /// The span of the call's context, behind the API.
    Api,
    Unrecorded,
}

impl SpanHandle {
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        !matches!(self, Self::Unrecorded)
    }

    /// Lets `write` set attributes.
    #[inline]
    pub(crate) fn write<T>(
        &self,
        context: &Context,
        scratch: &mut SpanScratch,
        write: impl FnOnce(&mut AttributeWriter<'_>) -> T,
    ) -> T {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(open) => open.write(|attributes| {
                // `None` if user code has ended the span.
                let writer = attributes.map(AttributeWriter::Bytes);
                write(&mut writer.unwrap_or(AttributeWriter::Nothing))
            }),
            Self::Api => {
                let list = &mut scratch.key_values;
                list.clear();
                let result = write(&mut AttributeWriter::KeyValues(list));
                if !list.is_empty() {
                    context.span().set_attributes(list.drain(..));
                }
                result
            }
            Self::Unrecorded => write(&mut AttributeWriter::Nothing),
        }
    }

    /// Renames the span, after a better name has become known.
    pub(crate) fn rename(&self, context: &Context, name: Cow<'static, str>) {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(open) => open.rename(name),
            Self::Api => context.span().update_name(name),
            Self::Unrecorded => {}
        }
    }

    /// Ends the span, `at` nanoseconds since 1970, with the attributes that `write` sets.
    #[inline]
    pub(crate) fn end(
        self,
        context: &Context,
        scratch: &mut SpanScratch,
        at: u64,
        status: Status,
        write: impl FnOnce(&mut AttributeWriter<'_>),
    ) {
        match self {
            #[cfg(feature = "pipeline")]
            Self::Direct(open) => {
                let span = context.span();
                let spare = open.end(span.span_context(), at, status, |attributes| {
                    write(&mut AttributeWriter::Bytes(attributes));
                });
                scratch.spare = Some(spare);
            }
            Self::Api => {
                self.write(context, scratch, write);
                let span = context.span();
                if status != Status::Unset {
                    span.set_status(status);
                }
                span.end_with_timestamp(system_time(at));
            }
            Self::Unrecorded => {}
        }
    }
}

/// A span that is being ended. If a user's hook panics before the description is complete, the span
/// still ends, with what is known so far.
#[derive(Debug)]
pub(crate) struct EndingSpan<'a> {
    span: Option<SpanHandle>,
    context: &'a Context,
    scratch: &'a mut SpanScratch,
    /// Nanoseconds since 1970.
    at: u64,
    status: Status,
}

impl<'a> EndingSpan<'a> {
    pub(crate) fn new(
        span: SpanHandle,
        context: &'a Context,
        scratch: &'a mut SpanScratch,
        at: u64,
    ) -> Self {
        Self {
            span: Some(span),
            context,
            scratch,
            at,
            status: Status::Unset,
        }
    }

    /// As [`SpanHandle::write`].
    pub(crate) fn write<T>(&mut self, write: impl FnOnce(&mut AttributeWriter<'_>) -> T) -> T {
        match &self.span {
            Some(span) => span.write(self.context, self.scratch, write),
            None => write(&mut AttributeWriter::Nothing),
        }
    }

    pub(crate) fn rename(&mut self, name: Cow<'static, str>) {
        if let Some(span) = &self.span {
            span.rename(self.context, name);
        }
    }

    /// Sets the status that the span gets when it ends, after any status set by hooks.
    pub(crate) fn set_status(&mut self, status: Status) {
        self.status = status;
    }
}

/// Ends the span.
impl Drop for EndingSpan<'_> {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            let status = std::mem::take(&mut self.status);
            span.end(self.context, self.scratch, self.at, status, |_| {});
        }
    }
}
