//! `tracing` spans that keep the OpenTelemetry context they were created in.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};
use tracing_core::Subscriber;
use tracing_core::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Spans;
use tracing_subscriber::registry::LookupSpan;

/// A layer that propagates OpenTelemetry's context through `tracing` spans to other tasks and
/// threads, for programs without `tracing-opentelemetry`.
///
/// A `tracing` span stores the context that was current when it was created or, if that had no
/// OpenTelemetry span, the context of its parent. When the `tracing` span is entered and no
/// OpenTelemetry span is current, the stored context becomes current. A task that a handler spawns
/// with a span then logs the handler's ids, and client calls in the task belong to the handler's
/// trace:
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

/// Not dropped when its thread ends, because OpenTelemetry's context stack may be gone by then.
type Guard = ManuallyDrop<ContextGuard>;

thread_local! {
    /// The spans entered on this thread, each with a guard if its context was attached.
    static ENTERED: RefCell<Vec<(Id, Option<Guard>)>> = const { RefCell::new(Vec::new()) };
}

impl<S> Layer<S> for CarryTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: Spans<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let parent_context = || {
            let parent = span.parent()?;
            let extensions = parent.extensions();
            extensions.get().map(|CallInfo(context)| context.clone())
        };
        let current = Context::current();
        let context = if attributes.is_contextual() && current.has_active_span() {
            Some(current)
        } else {
            parent_context()
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
        let has_span = Context::map_current(TraceContextExt::has_active_span);
        let guard = (!has_span).then(|| ManuallyDrop::new(context.attach()));
        // Fails on a thread that is ending; its thread-local storage is gone.
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push((id.clone(), guard)));
    }

    fn on_exit(&self, id: &Id, _: Spans<'_, S>) {
        let guard = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let index = entered.iter().rposition(|(entered, _)| entered == id)?;
            entered.remove(index).1
        });
        let guard = guard.ok().flatten();
        // Dropped after the borrow has ended: values dropped with the context may log.
        drop(guard.map(ManuallyDrop::into_inner));
    }
}
