//! The current context for work that runs elsewhere: tasks, threads, streams, queues.
//!
//! The context is a value of the thread that polls a call. A task that the call spawns, or a thread,
//! starts without it: its spans begin a new trace, and [`trace_id`](crate::trace_id) is empty there.
//!
//! | work | with the context |
//! |---|---|
#![cfg_attr(
    feature = "tokio",
    doc = "| a tokio task | [`task::spawn(future)`](spawn) |
| a blocking closure | [`task::spawn_blocking(f)`](spawn_blocking) |"
)]
//! | a task of a `JoinSet`, `LocalSet`, `TaskTracker` or another runtime | `set.spawn(future.with_current_context())` |
//! | a closure of these, or a thread | `thread::spawn(task::carry(f))`, with [`carry`] |
//! | a stream or a sink | `stream.with_current_context()` |
//! | a callback that returns a future, such as axum's `on_upgrade` | `let cx = Context::current();` before it, `future.with_context(cx)` in it |
//! | a queue inside of the process | send [`Carried::new(value)`](Carried) |
//! | a message to another process | [`propagation::inject`](crate::propagation::inject) |
//!
//! `with_current_context` is of [`FutureExt`]. Each of these costs one clone of the context.
//!
//! A span that is not ended explicitly ends when the last context that has it is dropped, so a task
//! that carries it prolongs it. The spans of the layers end with their calls in any case.

use opentelemetry::Context;
use opentelemetry::trace::{Link, TraceContextExt};

pub use opentelemetry::trace::FutureExt;

/// Spawns a future on the current tokio runtime, as [`tokio::spawn`] does, with the current context.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let answer = lianlu::task::spawn(async {
///     // Spans that are made here are children of the current span.
///     42
/// });
/// assert_eq!(answer.await.unwrap(), 42);
/// # }
/// ```
///
/// # Panics
///
/// Outside of a tokio runtime.
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
#[track_caller]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.with_current_context())
}

/// Runs a closure where it may block, as [`tokio::task::spawn_blocking`] does, with the current
/// context.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let id = lianlu::task::spawn_blocking(lianlu::trace_id);
/// assert_eq!(id.await.unwrap(), lianlu::trace_id());
/// # }
/// ```
///
/// # Panics
///
/// Outside of a tokio runtime.
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> tokio::task::JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(carry(f))
}

/// Wraps a closure: the context that is current now is current again while it runs.
///
/// ```
/// let work = lianlu::task::carry(|| println!("in trace {}", lianlu::trace_id()));
/// std::thread::spawn(work).join().unwrap();
/// ```
pub fn carry<T>(f: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let carried = Carried::new(f);
    move || carried.run(|f| f())
}

/// A value and the context in which it was made, for a queue inside of the process.
///
/// ```
/// use lianlu::opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt, Tracer};
/// use lianlu::opentelemetry::{Context, global};
/// use lianlu::task::Carried;
///
/// let (send, receive) = std::sync::mpsc::channel();
/// send.send(Carried::new("an order")).unwrap();
///
/// // The consumer's span is a child: the work is a part of the call.
/// let (order, cx) = receive.recv().unwrap().into_parts();
/// let span = global::tracer("shop").start_with_context("ship", &cx);
/// # let _ = (order, span);
///
/// // Or it has links: the work is for several calls at once, or long after them.
/// let orders = [Carried::new("a"), Carried::new("b")];
/// let links = orders.iter().filter_map(Carried::link).collect();
/// let batch = SpanBuilder::from_name("ship all").with_links(links);
/// let span = batch.start(&global::tracer("shop"));
/// # let _ = span;
/// ```
#[derive(Debug, Clone)]
pub struct Carried<T> {
    value: T,
    context: Context,
}

impl<T> Carried<T> {
    /// The value, with the current context.
    pub fn new(value: T) -> Self {
        let context = Context::current();
        Self { value, context }
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// A link to the span in the context, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        let span = self.context.span().span_context().clone();
        span.is_valid().then(|| Link::with_context(span))
    }

    /// The value and the context.
    #[must_use]
    pub fn into_parts(self) -> (T, Context) {
        (self.value, self.context)
    }

    /// Calls `f` with the value while the context is current.
    pub fn run<R>(self, f: impl FnOnce(T) -> R) -> R {
        let _current = self.context.attach();
        f(self.value)
    }
}
