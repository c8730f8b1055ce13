//! fastrace and its layers.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use fastrace::collector::{Config, Reporter};
use fastrace::local::LocalSpan;
use fastrace::prelude::{Span, SpanContext, SpanRecord};
use fastrace_opentelemetry::OpenTelemetryReporter;
use http::{HeaderValue, Request, Uri};
use opentelemetry::InstrumentationScope;
use tower_layer::Layer;
use tower_service::Service;

use super::pipeline::{Destination, Exported, Pipeline, resource};

pub(crate) fn grpc(off: bool) -> fastrace_tonic::FastraceServerLayer {
    let layer = fastrace_tonic::FastraceServerLayer::default();
    if off {
        layer.with_span_context_extractor(|_| None)
    } else {
        layer
    }
}

pub(crate) fn http(off: bool) -> fastrace_axum::FastraceLayer {
    let layer = fastrace_axum::FastraceLayer::default();
    if off {
        layer.with_span_context_extractor(|_| None)
    } else {
        layer
    }
}

/// Adds what our spans have and fastrace's lack, from inside its layer: see
/// [`by_hand`](super::by_hand) for the list.
#[derive(Clone, Copy)]
pub(crate) struct Properties;

impl<S> Layer<S> for Properties {
    type Service = WithProperties<S>;

    fn layer(&self, inner: S) -> WithProperties<S> {
        WithProperties(inner)
    }
}

#[derive(Clone)]
pub(crate) struct WithProperties<S>(S);

impl<S, B> Service<Request<B>> for WithProperties<S>
where
    S: Service<Request<B>>,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AddProperties<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        AddProperties {
            peer: super::by_hand::peer(request.extensions()),
            // Counted references, not copies: what isn't sampled must not pay for strings.
            uri: request.uri().clone(),
            host: request.headers().get(http::header::HOST).cloned(),
            counts_messages: super::by_hand::counts_messages::<B>(),
            added: false,
            inner: self.0.call(request),
        }
    }
}

pin_project_lite::pin_project! {
    /// In the call itself fastrace's span is not the current one yet; in the first poll it is.
    pub(crate) struct AddProperties<F> {
        peer: Option<SocketAddr>,
        uri: Uri,
        host: Option<HeaderValue>,
        counts_messages: bool,
        added: bool,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for AddProperties<F> {
    type Output = F::Output;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !std::mem::replace(this.added, true) {
            let host = this.host.as_ref().and_then(|host| host.to_str().ok());
            let host = this
                .uri
                .authority()
                .map_or(host, |host| Some(host.as_str()));
            LocalSpan::add_properties(|| {
                properties(*this.peer, this.uri.path(), host.unwrap_or_default())
            });
            if *this.counts_messages {
                LocalSpan::add_properties(|| MESSAGES);
            }
        }
        this.inner.poll(cx)
    }
}

/// Of the request. Where they can't be counted, ours has none either.
const MESSAGES: [(&str, &str); 2] = [
    ("lianlu.rpc.request.messages", "1"),
    ("lianlu.rpc.request.bytes", "12"),
];

type Property = (Cow<'static, str>, Cow<'static, str>);

/// Nine, and the kind, which becomes the span's. Static strings where one could have them.
fn properties(peer: Option<SocketAddr>, path: &str, host: &str) -> [Property; 10] {
    let (address, port) = peer.map_or_else(Default::default, |peer| {
        (peer.ip().to_string(), peer.port().to_string())
    });
    let (host, server_port) = host.rsplit_once(':').unwrap_or((host, ""));
    let method = path.trim_start_matches('/');
    [
        ("span.kind".into(), "server".into()),
        ("rpc.system.name".into(), "grpc".into()),
        ("rpc.method".into(), method.to_owned().into()),
        ("server.address".into(), host.to_owned().into()),
        ("server.port".into(), server_port.to_owned().into()),
        ("network.peer.address".into(), address.into()),
        ("network.peer.port".into(), port.into()),
        ("rpc.response.status_code".into(), "OK".into()),
        ("lianlu.rpc.response.messages".into(), "1".into()),
        ("lianlu.rpc.response.bytes".into(), "17".into()),
    ]
}

/// Often enough that a burst does not pile up; the default is a second.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

pub(super) fn install(destination: &Destination, exported: &Exported) -> Box<dyn Pipeline> {
    let config = Config::default().report_interval(REPORT_INTERVAL);
    super::errors::to_stderr();
    let runtime = match destination {
        Destination::Nowhere => {
            fastrace::set_reporter(Drop(exported.clone()), config);
            None
        }
        Destination::Otlp(protocol, endpoint) => {
            let (exporter, runtime) = super::sdk::otlp(*protocol, endpoint);
            let scope = InstrumentationScope::builder("bench").build();
            let resource = Cow::Owned(resource());
            let reporter = OpenTelemetryReporter::new(exporter, resource, scope);
            match &runtime {
                Some(runtime) => {
                    let handle = runtime.handle().clone();
                    let reporter = reporter.with_block_on(move |export| handle.block_on(export));
                    fastrace::set_reporter(reporter, config);
                }
                None => fastrace::set_reporter(reporter, config),
            }
            runtime
        }
    };
    Box::new(Fastrace { _runtime: runtime })
}

struct Drop(Exported);

impl Reporter for Drop {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.add(spans.len());
    }
}

struct Fastrace {
    /// Where its connection lives.
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Pipeline for Fastrace {
    fn flush(&self) {
        settle();
    }
}

/// Exports all that this thread has ended. What did not fit into fastrace's queue waits in its thread
/// until that sends again: so it does, with spans that it takes back at once.
pub(crate) fn settle() {
    for _ in 0..QUEUES {
        Span::root("settle", SpanContext::random()).cancel();
        fastrace::flush();
    }
}

/// A queue has room for 2,560 spans; this many queues full for what piles up on a busy machine.
const QUEUES: usize = 16;
