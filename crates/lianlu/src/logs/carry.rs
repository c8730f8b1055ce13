//! Spans of `tracing` take the context along in which they were made.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};
use tracing_core::Subscriber;
use tracing_core::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Spans;
use tracing_subscriber::registry::LookupSpan;

/// A layer that makes `tracing` spans carry OpenTelemetry's context to other tasks and threads, for
/// those who don't use `tracing-opentelemetry`.
///
/// A `tracing` span remembers the context it was made in, or its parent's if there was none. Where it
/// is entered and no span of OpenTelemetry is current, that context is. So a task that a handler has
/// spawned with a span logs the handler's ids, and a client's call in it belongs to the trace:
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry()
///     .with(lianlu::logs::CarryTrace)
///     .with(tracing_subscriber::fmt::layer().map_event_format(lianlu::logs::text));
/// # let _ = subscriber;
/// // In a handler: tokio::spawn(work().instrument(tracing::info_span!("work")));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CarryTrace;

#[derive(Debug)]
struct CallInfo(Context);

/// Not dropped with its thread: OpenTelemetry's stack may be gone by then.
type Guard = ManuallyDrop<ContextGuard>;

thread_local! {
    /// What is entered on this thread, and its context if that was attached.
    static ENTERED: RefCell<Vec<(Id, Option<Guard>)>> = const { RefCell::new(Vec::new()) };
}

impl<S> Layer<S> for CarryTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: Spans<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let of_parent = || {
            let parent = span.parent()?;
            let extensions = parent.extensions();
            extensions.get().map(|CallInfo(context)| context.clone())
        };
        let current = Context::current();
        let context = if attributes.is_contextual() && current.has_active_span() {
            Some(current)
        } else {
            of_parent()
        };
        if let Some(context) = context {
            span.extensions_mut().replace(CallInfo(context));
        }
    }

    fn on_enter(&self, id: &Id, spans: Spans<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let Some(context) = span
            .extensions()
            .get()
            .map(|CallInfo(context)| context.clone())
        else {
            return;
        };
        let is_alone = !Context::map_current(TraceContextExt::has_active_span);
        let guard = is_alone.then(|| ManuallyDrop::new(context.attach()));
        // A thread that is ending has no place for it any more, and drops what it gets.
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push((id.clone(), guard)));
    }

    fn on_exit(&self, id: &Id, _: Spans<'_, S>) {
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let place = entered.iter().rposition(|(entered, _)| entered == id)?;
            entered.remove(place).1
        });
        let left = left.ok().flatten();
        // Outside of the borrow: what is dropped with a context may log.
        drop(left.map(ManuallyDrop::into_inner));
    }
}
