//! Span processors of users: hooks at the start and at the end of spans.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lianlu_wire::otlp;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Event, Link, SpanContext, Status};
use opentelemetry::{Context, Key, KeyValue};

use super::left;
use super::record::SpanRecord;

/// Hooks at the start and at the end of recorded spans, also of those that are not sampled
/// ([`Sampler::always_record`](crate::sampling::Sampler::always_record),
/// [`KeepIf`](crate::KeepIf)). Exporting is not a processor's task here: add an exporter for each
/// destination.
///
/// The hooks are called on the thread that starts or ends the span, in the order in which the
/// processors were added, and must not block. A panic in one of them does not reach the caller.
/// With a processor, layers describe their calls through the API, which costs more.
///
/// ```
/// use lianlu_sdk::{EndedSpan, SpanProcessor, StartedSpan, TracerProvider};
/// use opentelemetry::{Context, KeyValue};
///
/// #[derive(Debug)]
/// struct Region(&'static str);
///
/// impl SpanProcessor for Region {
///     fn on_start(&self, span: &mut StartedSpan<'_>, _parent: &Context) {
///         span.set_attribute(KeyValue::new("cloud.region", self.0));
///     }
///
///     fn on_end(&self, span: &EndedSpan<'_>) {
///         println!("{} has ended", span.span().name);
///     }
/// }
///
/// let provider = TracerProvider::builder()
///     .with_span_processor(Region("eu-north-1"))
///     .build()?;
/// # let _ = provider;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Follows <https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-processor>.
pub trait SpanProcessor: fmt::Debug + Send + Sync + 'static {
    /// A span has started, with these attributes, events and links.
    fn on_start(&self, span: &mut StartedSpan<'_>, parent: &Context) {
        let _ = (span, parent);
    }

    /// A span has ended.
    fn on_end(&self, span: &EndedSpan<'_>) {
        let _ = span;
    }

    /// The provider is flushed. Called before the pipeline is. `timeout` is what is left of the
    /// caller's, and zero if nothing is: do not block for longer, the provider cannot interrupt it.
    fn flush(&self, timeout: Duration) {
        let _ = timeout;
    }

    /// The provider is shut down. Called before the pipeline is, once. `timeout` is as for
    /// [`flush`](Self::flush), and zero if the provider is dropped without a shutdown.
    fn shutdown(&self, timeout: Duration) {
        let _ = timeout;
    }
}

impl<P: SpanProcessor + ?Sized> SpanProcessor for Arc<P> {
    fn on_start(&self, span: &mut StartedSpan<'_>, parent: &Context) {
        (**self).on_start(span, parent);
    }

    fn on_end(&self, span: &EndedSpan<'_>) {
        (**self).on_end(span);
    }

    fn flush(&self, timeout: Duration) {
        (**self).flush(timeout);
    }

    fn shutdown(&self, timeout: Duration) {
        (**self).shutdown(timeout);
    }
}

/// A span that has just started.
#[derive(Debug)]
pub struct StartedSpan<'a> {
    context: &'a SpanContext,
    record: &'a mut SpanRecord,
}

impl StartedSpan<'_> {
    /// The span's context.
    #[must_use]
    pub fn span_context(&self) -> &SpanContext {
        self.context
    }

    /// The span's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Sets an attribute, within the limits.
    pub fn set_attribute(&mut self, attribute: KeyValue) {
        self.record.set_attribute(&attribute);
    }

    /// Renames the span. Its layer may still find a better name.
    pub fn set_name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.record.set_name(name.into());
    }

    /// Adds an event, within the limits.
    pub fn add_event(&mut self, event: Event) {
        self.record.add_event(event);
    }

    /// Adds a link, within the limits.
    pub fn add_link(&mut self, link: Link) {
        self.record.add_link(link);
    }

    /// Sets the status.
    pub fn set_status(&mut self, status: Status) {
        self.record.set_status(status);
    }

    /// Calls `read` with the span as it is now; its end is its start.
    pub fn read<T>(&self, read: impl FnOnce(&otlp::Span<'_>) -> T) -> Option<T> {
        let bytes = self.record.encoded(self.context, 0);
        parse(&bytes).map(|span| read(&span))
    }
}

/// A span that has ended.
#[derive(Debug)]
pub struct EndedSpan<'a> {
    context: &'a SpanContext,
    span: otlp::Span<'a>,
    scope: otlp::Scope<'a>,
}

impl<'a> EndedSpan<'a> {
    /// The span's context.
    #[must_use]
    pub fn span_context(&self) -> &SpanContext {
        self.context
    }

    /// The whole span.
    #[must_use]
    pub fn span(&self) -> &otlp::Span<'a> {
        &self.span
    }

    /// The instrumentation scope.
    #[must_use]
    pub fn scope(&self) -> &otlp::Scope<'a> {
        &self.scope
    }
}

fn parse(bytes: &[u8]) -> Option<otlp::Span<'_>> {
    let span = otlp::Spans::new(bytes).next()?.ok()?;
    span.parse().ok()
}

/// The processors of a provider.
#[derive(Debug, Default)]
pub(super) struct Processors(pub(super) Vec<Arc<dyn SpanProcessor>>);

impl Processors {
    #[cold]
    pub(super) fn on_start(
        &self,
        record: &mut SpanRecord,
        context: &SpanContext,
        parent: &Context,
    ) {
        for processor in &self.0 {
            let mut span = StartedSpan { context, record };
            ignore_panics(|| processor.on_start(&mut span, parent));
        }
    }

    /// `encoded` is the span as `0x12 len Span`, `scope` its scope's message.
    #[cold]
    pub(super) fn on_end(&self, context: &SpanContext, encoded: &[u8], scope: &[u8]) {
        let (Some(span), Ok(scope)) = (parse(encoded), otlp::Scope::parse(scope)) else {
            return;
        };
        let span = EndedSpan {
            context,
            span,
            scope,
        };
        for processor in &self.0 {
            ignore_panics(|| processor.on_end(&span));
        }
    }

    pub(super) fn flush(&self, begin: Instant, timeout: Duration) {
        for processor in &self.0 {
            ignore_panics(|| processor.flush(left(begin, timeout)));
        }
    }

    pub(super) fn shutdown(&self, begin: Instant, timeout: Duration) {
        for processor in &self.0 {
            ignore_panics(|| processor.shutdown(left(begin, timeout)));
        }
    }
}

/// Spans also end while their thread panics, when a second panic would abort the process. The panic
/// hook has reported this one.
fn ignore_panics(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

/// Copies baggage to attributes of the spans that start with it.
///
/// Baggage comes from callers: select keys that are safe to store and that take few values.
///
/// ```
/// use lianlu_sdk::{BaggageAttributes, TracerProvider};
///
/// let builder = TracerProvider::builder()
///     .with_span_processor(BaggageAttributes::of(["tenant", "customer.tier"]));
/// let builder = builder
///     .with_span_processor(BaggageAttributes::matching(|key| key.as_str().starts_with("shop.")));
/// # let _ = builder;
/// ```
pub struct BaggageAttributes(Box<dyn Fn(&Key) -> bool + Send + Sync>);

impl BaggageAttributes {
    /// Copies these keys.
    pub fn of<K: Into<Key>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keys: Vec<Key> = keys.into_iter().map(Into::into).collect();
        Self::matching(move |key| keys.contains(key))
    }

    /// Copies the keys that meet a condition.
    pub fn matching(condition: impl Fn(&Key) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(condition))
    }
}

impl SpanProcessor for BaggageAttributes {
    fn on_start(&self, span: &mut StartedSpan<'_>, parent: &Context) {
        for (key, (value, _)) in parent.baggage() {
            if (self.0)(key) {
                span.set_attribute(KeyValue::new(key.clone(), value.clone()));
            }
        }
    }
}

impl fmt::Debug for BaggageAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BaggageAttributes")
    }
}
