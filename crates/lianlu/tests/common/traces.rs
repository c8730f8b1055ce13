//! Where a scenario's spans go.
//!
//! What is compared is `SpanData` over either provider; ours gives it back out of the bytes that an exporter gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lianlu_sdk::sampling::Sampler;
use lianlu_sdk::{KeepIf, Limits};
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, Span, SpanData, SpanProcessor,
};

use super::PATIENCE;
use super::decoded::Kept;
use super::provider::{Provider, Whose, with_provider};

/// A provider of its own for each scenario, so that all of them can run at once.
#[derive(Debug, Clone)]
pub struct Traces {
    pub provider: Provider,
    spans: Spans,
}

/// What has ended.
#[derive(Debug, Clone)]
enum Spans {
    Ours(Kept),
    Sdk(InMemorySpanExporter, Arc<Counts>),
}

#[derive(Debug, Default)]
struct Counts {
    started: AtomicUsize,
    ended: AtomicUsize,
}

#[derive(Debug)]
struct Counter(Arc<Counts>);

impl SpanProcessor for Counter {
    fn on_start(&self, _: &mut Span, _: &Context) {
        self.0.started.fetch_add(1, Ordering::SeqCst);
    }

    fn on_end(&self, _: SpanData) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Default for Traces {
    fn default() -> Self {
        Self::with_sampler(Sampler::AlwaysOn)
    }
}

/// Only a flush exports.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(24 * 3600);
    limits
}

impl Traces {
    pub fn with_sampler(sampler: impl Into<Sampler>) -> Self {
        Self::of(Whose::of_this_run(), sampler)
    }

    /// Over a certain one, whichever run this is.
    pub fn of(whose: Whose, sampler: impl Into<Sampler>) -> Self {
        match whose {
            Whose::Ours => Self::keeping(sampler, KeepIf::default()),
            Whose::Sdk => Self::of_sdk(sampler),
        }
    }

    fn of_sdk(sampler: impl Into<Sampler>) -> Self {
        let exporter = InMemorySpanExporter::default();
        let counts = Arc::<Counts>::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler.into())
            .with_simple_exporter(exporter.clone())
            // After the exporter: what is counted as ended has been exported.
            .with_span_processor(Counter(Arc::clone(&counts)))
            .build();
        Self {
            provider: Provider::Sdk(provider),
            spans: Spans::Sdk(exporter, counts),
        }
    }

    /// Over ours, which alone can keep what the sampler left out.
    pub fn keeping(sampler: impl Into<Sampler>, keep: KeepIf) -> Self {
        let kept = Kept::default();
        let provider = lianlu_sdk::TracerProvider::builder()
            .with_exporter(kept.clone())
            .with_sampler(sampler)
            .with_limits(limits())
            .with_keep_if(keep)
            .build()
            .unwrap();
        Self {
            provider: Provider::Ours(provider),
            spans: Spans::Ours(kept),
        }
    }

    pub fn server(&self) -> lianlu::ServerLayer {
        self.provider.server()
    }

    pub fn client(&self) -> lianlu::ClientLayer {
        self.provider.client()
    }

    pub fn dns(&self) -> lianlu::connection::DnsLayer {
        with_provider!(&self.provider, it => lianlu::connection::dns().with_tracer_provider(it.clone()))
    }

    pub fn connect(&self) -> lianlu::connection::ConnectLayer {
        with_provider!(&self.provider, it => lianlu::connection::connect().with_tracer_provider(it.clone()))
    }

    pub fn tls(&self) -> lianlu::connection::TlsLayer {
        with_provider!(&self.provider, it => lianlu::connection::tls().with_tracer_provider(it.clone()))
    }

    pub fn tracer(&self) -> BoxedTracer {
        self.provider
            .tracer(InstrumentationScope::builder("test").build())
    }

    /// Makes a span of no length under the current one.
    pub fn child(&self, name: &'static str) {
        use opentelemetry::trace::{Span as _, Tracer as _};
        self.tracer().start(name).end();
    }

    /// A context with a fresh span in it, for callers.
    pub fn root(&self, name: &'static str) -> Context {
        use opentelemetry::trace::Tracer as _;
        Context::new().with_span(self.tracer().start(name))
    }

    /// Spans that have started and not ended.
    pub fn open(&self) -> usize {
        let (started, ended) = self.counts();
        started - ended
    }

    pub fn started(&self) -> usize {
        self.counts().0
    }

    fn counts(&self) -> (usize, usize) {
        let number = |count| usize::try_from(count).unwrap();
        match (&self.provider, &self.spans) {
            (Provider::Ours(provider), _) => {
                let counts = provider.handle().counts();
                (number(counts.started), number(counts.started - counts.open))
            }
            (_, Spans::Sdk(_, counts)) => {
                let ended = counts.ended.load(Ordering::SeqCst);
                (counts.started.load(Ordering::SeqCst), ended)
            }
            _ => unreachable!("made together"),
        }
    }

    /// The spans that have ended, in that order.
    pub fn finished(&self) -> Vec<SpanData> {
        match (&self.provider, &self.spans) {
            (Provider::Ours(provider), Spans::Ours(kept)) => {
                provider.flush(PATIENCE).unwrap();
                let mut spans = kept.all();
                // Each thread's come together; those of one are in order.
                spans.sort_by_key(|span| span.end_time);
                spans
            }
            (_, Spans::Sdk(exporter, _)) => exporter.get_finished_spans().unwrap(),
            _ => unreachable!("made together"),
        }
    }

    /// Waits until `count` spans have ended. There must be no other, ended or open.
    pub async fn all(&self, count: usize) -> Vec<SpanData> {
        let give_up = Instant::now() + PATIENCE;
        while self.counts().1 < count {
            assert!(
                Instant::now() < give_up,
                "waited for {count} spans; {} started, these ended: {:#?}",
                self.started(),
                self.finished()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let spans = self.finished();
        assert_eq!(spans.len(), count, "{spans:#?}");
        assert_eq!(self.started(), count, "spans are left open: {spans:#?}");
        spans
    }

    /// Waits for a call's two spans, and checks that they belong together.
    pub async fn pair(&self) -> (SpanData, SpanData) {
        let spans = self.all(2).await;
        let (client, server) = (client(&spans), server(&spans));
        assert_child(&server, &client);
        assert!(server.parent_span_is_remote);
        (client, server)
    }
}

/// The only client span.
pub fn client(spans: &[SpanData]) -> SpanData {
    only(spans, |span| span.span_kind == SpanKind::Client)
}

/// The only server span.
pub fn server(spans: &[SpanData]) -> SpanData {
    only(spans, |span| span.span_kind == SpanKind::Server)
}

/// The only span of this name.
pub fn named(spans: &[SpanData], name: &str) -> SpanData {
    only(spans, |span| span.name == name)
}

fn only(spans: &[SpanData], is_it: impl Fn(&SpanData) -> bool) -> SpanData {
    let found: Vec<_> = spans.iter().filter(|span| is_it(span)).collect();
    let [span] = found[..] else {
        panic!(
            "{} spans where one was expected, in {spans:#?}",
            found.len()
        );
    };
    span.clone()
}

pub fn assert_child(child: &SpanData, parent: &SpanData) {
    assert_eq!(
        child.parent_span_id,
        parent.span_context.span_id(),
        "{} should be a child of {}",
        child.name,
        parent.name
    );
    assert_eq!(
        child.span_context.trace_id(),
        parent.span_context.trace_id()
    );
}

pub fn assert_root(span: &SpanData) {
    assert_eq!(span.parent_span_id, SpanId::INVALID, "{}", span.name);
}

/// An attribute. Each key is there once.
pub fn attr<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let mut values = span
        .attributes
        .iter()
        .filter(|attribute| attribute.key.as_str() == key)
        .map(|attribute| &attribute.value);
    let value = values.next();
    assert!(values.next().is_none(), "{key} is doubled in {span:#?}");
    value
}

/// A string attribute.
pub fn text<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    attr(span, key).map(|value| match value {
        Value::String(text) => text.as_str(),
        other => panic!("{key} is no string: {other:?}"),
    })
}

/// A whole number.
pub fn int(span: &SpanData, key: &str) -> Option<i64> {
    attr(span, key).map(|value| match value {
        Value::I64(number) => *number,
        other => panic!("{key} is no whole number: {other:?}"),
    })
}

/// `lianlu.cancelled`.
pub fn cancelled(span: &SpanData) -> bool {
    attr(span, "lianlu.cancelled").is_some_and(|value| *value == Value::Bool(true))
}

/// The keys of a span's attributes, sorted.
pub fn keys(span: &SpanData) -> Vec<&str> {
    let mut keys: Vec<_> = span
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    keys.sort_unstable();
    keys
}

/// Neither error nor cancelled.
pub fn assert_fine(span: &SpanData) {
    assert_eq!(span.status, Status::Unset, "{span:#?}");
    assert_eq!(attr(span, "error.type"), None, "{span:#?}");
    assert_eq!(attr(span, "lianlu.cancelled"), None, "{span:#?}");
}

/// Cancelled, which is no error.
pub fn assert_cancelled(span: &SpanData) {
    assert!(cancelled(span), "{span:#?}");
    assert_eq!(span.status, Status::Unset, "{span:#?}");
    assert_eq!(attr(span, "error.type"), None, "{span:#?}");
}

/// An error of this class. Gives its description.
pub fn assert_error<'a>(span: &'a SpanData, class: &str) -> &'a str {
    assert_eq!(text(span, "error.type"), Some(class), "{span:#?}");
    assert_eq!(attr(span, "lianlu.cancelled"), None, "{span:#?}");
    match &span.status {
        Status::Error { description } => description,
        other => panic!("no error but {other:?}: {span:#?}"),
    }
}
