//! A collector of OTLP, and a pipeline and a meter provider that send to it.
//!
//! Spans are sent by lianlu's pipeline, or, with `LIANLU_TEST_PROVIDER=opentelemetry_sdk`, by that
//! crate's provider with [`lianlu_sdk::Processor`] and the same exporter.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu::{
    ClientLayer, Guard, Sampler, ServerLayer, TraceLayer,
    conventions::{self, RpcStatusKey},
    layer::Side,
};
use lianlu_conformance::{
    Expected, Generation, Model, Starts, Violation, check_metrics, check_spans, check_starts, spans,
};
use lianlu_sdk::{Handle, Limits, Processor, SpanCounts};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server as metrics;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server as traces;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SamplingDecision, SdkTracerProvider, ShouldSample};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::common::provider::{Provider, ProviderKind};
use crate::common::sampler::RecordingSampler;
use crate::common::{PATIENCE, listen};

/// The requests so far.
#[derive(Debug, Clone, Default)]
struct Collector {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

#[tonic::async_trait]
impl traces::TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().unwrap().push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl metrics::MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

impl Collector {
    async fn serve(&self) -> SocketAddr {
        let (listener, address) = listen().await;
        let server = tonic::transport::Server::builder()
            .add_service(traces::TraceServiceServer::new(self.clone()))
            .add_service(metrics::MetricsServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

/// The sampler of roots. Both sample all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RootSampler {
    /// Keeps the attributes of roots. The layers start roots through the API.
    #[default]
    Recording,
    /// A sampler that needs no attributes, so that the layers can start roots directly.
    AlwaysOn,
}

/// The options of all layers of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// `None`: by the environment.
    pub conventions: Option<conventions::Generation>,
    pub status_key: RpcStatusKey,
    pub sampler: RootSampler,
}

impl Options {
    fn apply<K: Side>(self, layer: TraceLayer<K>) -> TraceLayer<K> {
        let layer = layer
            .with_metrics(|metrics| metrics.active_requests().body_sizes())
            .with_conventions(|conventions| conventions.rpc_status_key(self.status_key));
        match self.conventions {
            Some(generation) => {
                layer.with_conventions(|conventions| conventions.http(generation).rpc(generation))
            }
            None => layer,
        }
    }
}

/// One for each scenario, with spans and metrics of its own.
#[derive(Debug)]
pub struct Harness {
    collector: Collector,
    sampler: RecordingSampler,
    spans: Spans,
    options: Options,
    pub meters: SdkMeterProvider,
}

/// The sender of spans.
#[derive(Debug)]
enum Spans {
    Ours(Guard),
    Sdk(SdkTracerProvider, Handle),
}

impl Spans {
    fn sending_to(endpoint: &str, roots: Box<dyn ShouldSample>) -> Self {
        let sampler = Sampler::from(roots).parent_based();
        if ProviderKind::from_env() == ProviderKind::Ours {
            let pipeline = lianlu::otlp::pipeline()
                .with_endpoint(endpoint)
                .with_protocol(lianlu::otlp::Protocol::Grpc)
                .with_sampler(sampler);
            return Self::Ours(pipeline.build().unwrap());
        }
        let exporter = lianlu_sdk::otlp::Exporter::builder(lianlu_sdk::otlp::Protocol::Grpc)
            .with_endpoint(endpoint)
            .build()
            .unwrap();
        let processor = Processor::start(exporter, Limits::from_env().unwrap()).unwrap();
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_span_processor(processor)
            .build();
        Self::Sdk(provider, handle)
    }

    fn provider(&self) -> Provider {
        match self {
            Self::Ours(guard) => Provider::Ours(guard.tracer_provider().clone()),
            Self::Sdk(provider, _) => Provider::Sdk(provider.clone()),
        }
    }

    fn counts(&self) -> SpanCounts {
        match self {
            Self::Ours(guard) => guard.counts(),
            Self::Sdk(_, handle) => handle.counts(),
        }
    }

    fn shutdown(self) {
        match self {
            Self::Ours(guard) => guard.shutdown().unwrap(),
            Self::Sdk(provider, _) => provider.shutdown_with_timeout(PATIENCE).unwrap(),
        }
    }
}

impl Harness {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let collector = Collector::default();
        let endpoint = format!("http://{}", collector.serve().await);
        let sampler = RecordingSampler::new(SamplingDecision::RecordAndSample);
        let roots = match options.sampler {
            RootSampler::Recording => Box::new(sampler.clone()) as Box<dyn ShouldSample>,
            RootSampler::AlwaysOn => Box::new(Sampler::AlwaysOn),
        };
        let spans = Spans::sending_to(&endpoint, roots);
        let exporter = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()
            .unwrap();
        // Exports at shutdown only.
        let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(3600));
        let meters = SdkMeterProvider::builder()
            .with_reader(reader.build())
            .build();
        Self {
            collector,
            sampler,
            spans,
            options,
            meters,
        }
    }

    /// The layer of a scenario's servers, with the options of the run.
    pub fn server(&self) -> ServerLayer {
        let layer = self
            .spans
            .provider()
            .server()
            .with_metrics(|metrics| metrics.provider(self.meters.clone()));
        self.options.apply(layer)
    }

    /// The layer of a scenario's clients, with the options of the run.
    pub fn client(&self) -> ClientLayer {
        let layer = self
            .spans
            .provider()
            .client()
            .with_metrics(|metrics| metrics.provider(self.meters.clone()));
        self.options.apply(layer)
    }

    /// A tracer for a scenario's own spans.
    pub fn tracer(&self, scope: InstrumentationScope) -> BoxedTracer {
        self.spans.provider().tracer(scope)
    }

    /// Waits until so many spans have started.
    pub async fn started(&self, spans: u64) {
        while self.spans.counts().started < spans {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until all calls have ended and are exported, and checks them.
    pub async fn check(self, model: &Model, calls: &[Expected]) -> Vec<Violation> {
        let waited = std::time::Instant::now();
        loop {
            let counts = self.spans.counts();
            let is_over = counts.open == 0 && counts.started >= calls.len() as u64;
            // A call without its span is a violation, not a hang.
            if is_over || waited.elapsed() > PATIENCE / 10 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (spans_of, meters) = (self.spans, self.meters);
        let stopped = tokio::task::spawn_blocking(move || {
            meters.shutdown().unwrap();
            spans_of.shutdown();
        });
        stopped.await.unwrap();
        let records = spans(&self.collector.traces.lock().unwrap());
        let mut found = check_spans(model, &records, calls);
        if self.options.sampler == RootSampler::Recording {
            let questions = self.sampler.take().into_iter();
            let starts = questions.map(|question| {
                let keys = question.attributes.iter();
                let keys = keys.map(|attribute| attribute.key.to_string());
                (question.trace_id.to_bytes().to_vec(), keys.collect())
            });
            let starts: Starts = starts.collect();
            found.extend(check_starts(model, &starts, &records, calls));
        }
        let metrics = self.collector.metrics.lock().unwrap();
        let calls = calls.iter().cloned();
        let calls: Vec<_> = calls.map(|call| with_all_metrics(model, call)).collect();
        found.extend(check_metrics(model, &metrics, &records, &calls));
        found
    }
}

/// Adds the opt-in metrics, which the layers of a harness record. The old conventions have none.
fn with_all_metrics(model: &Model, call: Expected) -> Expected {
    if model.generation() == Generation::Old {
        return call;
    }
    let names = call.group().optional_metrics();
    names.iter().fold(call, |call, name| call.opt_in(name))
}
