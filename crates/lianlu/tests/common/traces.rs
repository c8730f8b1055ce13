//! The spans of a scenario.
//!
//! Assertions are on `SpanData` with either provider; ours is decoded from the bytes that an
//! exporter gets.

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
use super::decoded::Collected;
use super::provider::{Provider, ProviderKind, with_provider};

/// One provider for each scenario, so that they can run in parallel.
#[derive(Debug, Clone)]
pub struct Traces {
    pub provider: Provider,
    spans: Spans,
}

/// The spans that have ended.
#[derive(Debug, Clone)]
enum Spans {
    Ours(Collected),
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

/// Limits with which only a flush exports.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(24 * 3600);
    limits
}

impl Traces {
    pub fn with_sampler(sampler: impl Into<Sampler>) -> Self {
        Self::of(ProviderKind::from_env(), sampler)
    }

    /// With a provider of this kind, whatever the environment asks for.
    pub fn of(kind: ProviderKind, sampler: impl Into<Sampler>) -> Self {
        match kind {
            ProviderKind::Ours => Self::keeping(sampler, KeepIf::default()),
            ProviderKind::Sdk => Self::of_sdk(sampler),
        }
    }

    fn of_sdk(sampler: impl Into<Sampler>) -> Self {
        let exporter = InMemorySpanExporter::default();
        let counts = Arc::<Counts>::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler.into())
            .with_simple_exporter(exporter.clone())
            // After the exporter, so that a span that is counted as ended has been exported.
            .with_span_processor(Counter(Arc::clone(&counts)))
            .build();
        Self {
            provider: Provider::Sdk(provider),
            spans: Spans::Sdk(exporter, counts),
        }
    }

    /// With our provider, the only one that can keep unsampled spans.
    pub fn keeping(sampler: impl Into<Sampler>, keep: KeepIf) -> Self {
        Self::ours(|builder| builder.with_sampler(sampler).with_keep_if(keep))
    }

    /// With our provider and these settings.
    pub fn ours(
        settings: impl FnOnce(lianlu_sdk::TracerProviderBuilder) -> lianlu_sdk::TracerProviderBuilder,
    ) -> Self {
        let kept = Collected::default();
        let builder = lianlu_sdk::TracerProvider::builder()
            .with_exporter(kept.clone())
            .with_limits(limits());
        let provider = settings(builder).build().unwrap();
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

    /// Makes a child of the current span, and ends it.
    pub fn child(&self, name: &'static str) {
        use opentelemetry::trace::{Span as _, Tracer as _};
        self.tracer().start(name).end();
    }

    /// A context with a new root span, for callers.
    pub fn root(&self, name: &'static str) -> Context {
        use opentelemetry::trace::Tracer as _;
        Context::new().with_span(self.tracer().start(name))
    }

    /// The number of spans that have not ended.
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
            _ => unreachable!("provider and spans are of one kind"),
        }
    }

    /// The spans that have ended, by time of their end.
    pub fn finished(&self) -> Vec<SpanData> {
        match (&self.provider, &self.spans) {
            (Provider::Ours(provider), Spans::Ours(kept)) => {
                provider.flush(PATIENCE).unwrap();
                let mut spans = kept.all();
                // The spans of one thread are in order, but come together.
                spans.sort_by_key(|span| span.end_time);
                spans
            }
            (_, Spans::Sdk(exporter, _)) => exporter.get_finished_spans().unwrap(),
            _ => unreachable!("provider and spans are of one kind"),
        }
    }

    /// Waits until `count` spans have ended. There must be no other, open or ended.
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
        assert_eq!(self.started(), count, "open spans beside {spans:#?}");
        spans
    }

    /// Waits for the client span and the server span of the only call, a parent and its child.
    pub async fn pair(&self) -> (SpanData, SpanData) {
        let spans = self.all(2).await;
        let (client, server) = (client(&spans), server(&spans));
        assert_child(&server, &client);
        assert!(server.parent_span_is_remote);
        (client, server)
    }

    /// As [`pair`](Self::pair), with neither span an error or cancelled.
    pub async fn fine_pair(&self) -> (SpanData, SpanData) {
        let (client, server) = self.pair().await;
        assert_fine(&client);
        assert_fine(&server);
        (client, server)
    }
}

/// The spans of one kind, by time of their start.
pub fn of_kind(spans: &[SpanData], kind: &SpanKind) -> Vec<SpanData> {
    let mut spans = spans.to_vec();
    spans.retain(|span| span.span_kind == *kind);
    spans.sort_by_key(|span| span.start_time);
    spans
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

/// The value of an attribute, which must not be there twice.
pub fn attr<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let mut values = span
        .attributes
        .iter()
        .filter(|attribute| attribute.key.as_str() == key)
        .map(|attribute| &attribute.value);
    let value = values.next();
    assert!(values.next().is_none(), "{key} is there twice in {span:#?}");
    value
}

/// The value of a string attribute.
pub fn text<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    attr(span, key).map(|value| match value {
        Value::String(text) => text.as_str(),
        other => panic!("{key} is not a string: {other:?}"),
    })
}

/// The value of an integer attribute.
pub fn int(span: &SpanData, key: &str) -> Option<i64> {
    attr(span, key).map(|value| match value {
        Value::I64(number) => *number,
        other => panic!("{key} is not an integer: {other:?}"),
    })
}

/// `rpc.response.status_code`.
pub fn rpc_status(span: &SpanData) -> Option<&str> {
    text(span, "rpc.response.status_code")
}

/// `http.response.status_code`.
pub fn http_status(span: &SpanData) -> Option<i64> {
    int(span, "http.response.status_code")
}

/// True with `lianlu.cancelled`.
pub fn cancelled(span: &SpanData) -> bool {
    attr(span, "lianlu.cancelled").is_some_and(|value| *value == Value::Bool(true))
}

/// The sorted keys of a span's attributes.
pub fn keys(span: &SpanData) -> Vec<&str> {
    let mut keys: Vec<_> = span
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    keys.sort_unstable();
    keys
}

/// Asserts that the span is neither an error nor cancelled.
pub fn assert_fine(span: &SpanData) {
    assert_eq!(span.status, Status::Unset, "{span:#?}");
    assert_eq!(attr(span, "error.type"), None, "{span:#?}");
    assert_eq!(attr(span, "lianlu.cancelled"), None, "{span:#?}");
}

/// Asserts that the span is cancelled, which is not an error.
pub fn assert_cancelled(span: &SpanData) {
    assert!(cancelled(span), "{span:#?}");
    assert_eq!(span.status, Status::Unset, "{span:#?}");
    assert_eq!(attr(span, "error.type"), None, "{span:#?}");
}

/// Asserts that the span is an error of this class. Returns its description.
pub fn assert_error<'a>(span: &'a SpanData, class: &str) -> &'a str {
    assert_eq!(text(span, "error.type"), Some(class), "{span:#?}");
    assert_eq!(attr(span, "lianlu.cancelled"), None, "{span:#?}");
    match &span.status {
        Status::Error { description } => description,
        other => panic!("{other:?} is not an error: {span:#?}"),
    }
}
