//! The spans of one test. For `[dev-dependencies]`, with the feature `testing`.
//!
//! [`Spans`] has a tracer provider of its own, so tests run in parallel and no global is set. It
//! waits for calls to end, finds spans, and compares traces as text.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use axum::{Router, body::Body, routing::get};
//! use http_body_util::BodyExt;
//! use lianlu::{SpanKind, testing::Spans};
//! use tower::ServiceExt;
//!
//! let spans = Spans::new();
//! let app = Router::new()
//!     .route("/orders/{id}", get(|| async { "an order" }))
//!     .layer(spans.server());
//!
//! let request = http::Request::get("/orders/7").body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! response.into_body().collect().await.unwrap(); // A call lasts until its body is read.
//!
//! let ended = spans.wait(1).await;
//! ended.assert_tree("GET /orders/{id} (server) 200");
//! let server = ended.kind(SpanKind::Server).only();
//! assert_eq!(server.attribute("http.route"), Some(&"/orders/{id}".into()));
//! # }
//! # #[cfg(not(feature = "axum"))] fn main() {}
//! ```
//!
//! # No spans after `oneshot`?
//!
//! A call ends when its response's body has been read to the end, or is dropped. With
//! `let response = app.oneshot(request).await?`, the handler has run but the call is open as long as
//! `response` is there: nothing has ended yet. Read the body, as above. If it is dropped instead,
//! the span ends as one that was cancelled. A provider with an exporter has a second trap: the
//! router owns it, `oneshot` consumes the router, and a provider that is dropped does not wait for
//! its exporter. Keep a clone of such a provider and flush it. [`Spans`] needs neither.
//!
//! [`Spans::wait`] says which of these it is, if the spans do not come.

// A test fails by a panic.
#![allow(clippy::panic, clippy::indexing_slicing)]

mod diff;
mod ended;
mod span;
mod tree;

use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use lianlu_sdk::sampling::Sampler;
use lianlu_sdk::{EndedSpan, SpanProcessor, StartedSpan, TracerProvider};
use opentelemetry::trace::{SpanId, SpanKind};
use opentelemetry::{Context, trace::SpanRef};

use crate::layer::{ClientLayer, ServerLayer, Side, TraceLayer};

pub use ended::EndedSpans;
pub use span::TestSpan;

/// A tracer provider for one test, and the sampled spans that it makes. Cheap to clone.
///
/// The spans have the resource and the limits of the environment, are in memory, and are gone with
/// the last clone. Names and attributes are those that an exporter would get.
#[derive(Debug, Clone)]
#[must_use]
pub struct Spans {
    provider: TracerProvider,
    collector: Collector,
    patience: Duration,
}

impl Default for Spans {
    fn default() -> Self {
        Self::new()
    }
}

impl Spans {
    /// Samples every trace, whatever the environment or the caller says.
    pub fn new() -> Self {
        Self::with_sampler(Sampler::AlwaysOn)
    }

    /// Samples by `sampler`: a [`Sampler`] or one of `opentelemetry_sdk`.
    pub fn with_sampler(sampler: impl Into<Sampler>) -> Self {
        let collector = Collector::default();
        let provider = TracerProvider::builder()
            .with_sampler(sampler)
            .with_span_processor(collector.clone())
            .build();
        Self {
            // Only exporters need threads or files, which may fail.
            provider: provider.unwrap_or_else(|error| panic!("no tracer provider: {error}")),
            collector,
            patience: Duration::from_secs(10),
        }
    }

    /// Lets [`wait`](Self::wait) give up after this time, instead of ten seconds.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The provider, for layers, for `tracing-opentelemetry`, and for spans of the test's own.
    ///
    /// Layers of [`server`](Self::server) and [`client`](Self::client) also note when a response
    /// arrives, so that [`wait`](Self::wait) can say more.
    #[must_use]
    pub fn tracer_provider(&self) -> TracerProvider {
        self.provider.clone()
    }

    /// A [server layer](crate::server()) with this provider.
    pub fn server(&self) -> ServerLayer {
        self.observe(crate::server())
    }

    /// A [client layer](crate::client()) with this provider.
    pub fn client(&self) -> ClientLayer {
        self.observe(crate::client())
    }

    fn observe<K: Side>(&self, layer: TraceLayer<K>) -> TraceLayer<K> {
        let collector = self.collector.clone();
        layer
            .with_tracer_provider(self.tracer_provider())
            .on_response(move |_, span| collector.on_response(span))
    }

    /// The spans that have ended by now.
    #[must_use]
    pub fn ended(&self) -> EndedSpans {
        EndedSpans::new(self.collector.lock().ended.clone())
    }

    /// Waits until at least `count` spans have ended, and returns all that have. Works with any
    /// executor. The spans of a call that has crossed a socket end on their own tasks, so they may
    /// come after the response.
    ///
    /// # Panics
    ///
    /// If they have not ended after [ten seconds](Self::with_patience). The message has the spans
    /// that came, and says of each open one what it waits for.
    #[track_caller]
    pub fn wait(&self, count: usize) -> impl Future<Output = EndedSpans> + Send + use<> {
        let caller = Location::caller();
        let spans = self.clone();
        let mut alarm = None;
        poll_fn(move |task| {
            let mut state = spans.collector.lock();
            if state.ended.len() >= count {
                return Poll::Ready(EndedSpans::new(state.ended.clone()));
            }
            let (deadline, _) = alarm.get_or_insert_with(|| spans.alarm());
            if Instant::now() >= *deadline {
                let report = state.report(count);
                drop(state);
                panic!("at {caller}: {report}");
            }
            if !state
                .wakers
                .iter()
                .any(|waker| waker.will_wake(task.waker()))
            {
                state.wakers.push(task.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Wakes those who wait at the end of the patience, or never if the sender is dropped before.
    fn alarm(&self) -> (Instant, mpsc::Sender<()>) {
        let (waiting, is_over) = mpsc::channel();
        let (collector, patience) = (self.collector.clone(), self.patience);
        let deadline = Instant::now() + patience;
        thread::spawn(move || {
            if is_over.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                collector.wake();
            }
        });
        (deadline, waiting)
    }
}

/// The spans of a provider, open and ended.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By time of their start.
    open: Vec<OpenSpan>,
    ended: Vec<TestSpan>,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct OpenSpan {
    id: SpanId,
    name: String,
    kind: SpanKind,
    has_response: bool,
}

impl Collector {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn on_response(&self, span: &SpanRef<'_>) {
        let id = span.span_context().span_id();
        let mut state = self.lock();
        let open = state.open.iter_mut().find(|open| open.id == id);
        if let Some(open) = open {
            open.has_response = true;
        }
    }
}

impl SpanProcessor for Collector {
    fn on_start(&self, span: &mut StartedSpan<'_>, _: &Context) {
        if span.span_context().is_sampled() {
            let kind = span.read(|span| span::kind(span.kind));
            self.lock().open.push(OpenSpan {
                id: span.span_context().span_id(),
                name: span.name().to_owned(),
                kind: kind.unwrap_or(SpanKind::Internal),
                has_response: false,
            });
        }
    }

    fn on_end(&self, span: &EndedSpan<'_>) {
        let id = span.span_context().span_id();
        let mut state = self.lock();
        if let Some(at) = state.open.iter().position(|open| open.id == id) {
            let open = state.open.remove(at);
            state.ended.push(TestSpan::new(span, open.has_response));
        }
        drop(state);
        self.wake();
    }
}

impl State {
    /// Why there are no `count` spans.
    fn report(&self, count: usize) -> String {
        let tree = EndedSpans::new(self.ended.clone()).tree();
        let mut out = format!("{} of {count} spans have ended\n{tree}", self.ended.len());
        for open in &self.open {
            let state = match open.kind {
                _ if open.has_response => "a response body was never read to its end",
                SpanKind::Server | SpanKind::Client => {
                    "no response yet (or, with a layer of your own, a body that was never read)"
                }
                _ => "not ended",
            };
            let (name, kind) = (&open.name, tree::kind(&open.kind));
            let _ = writeln!(out, "open: {name}{kind}: {state}");
        }
        if self.open.is_empty() && self.ended.is_empty() {
            out.push_str(
                "no sampled span has started: a layer of your own needs \
                 .with_tracer_provider(spans.tracer_provider())\n",
            );
        } else if self.open.is_empty() {
            out.push_str("nothing is open: no further span has started\n");
        }
        out
    }
}
