//! `opentelemetry_sdk` with its batch processor.

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};

use super::pipeline::{Destination, Exported, Pipeline, Protocol, resource};

#[derive(Debug)]
struct Drop(Exported);

impl opentelemetry_sdk::trace::SpanExporter for Drop {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.add(batch.len());
        Ok(())
    }
}

/// What sends over gRPC wants a tokio runtime for its connection.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("otlp")
        .enable_all()
        .build()
        .expect("there is a thread")
}

/// An exporter, and the runtime that it lives on if it needs one.
pub(super) fn otlp(
    protocol: Protocol,
    endpoint: &str,
) -> (SpanExporter, Option<tokio::runtime::Runtime>) {
    match protocol {
        Protocol::Grpc => {
            let runtime = runtime();
            let entered = runtime.enter();
            let exporter = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .build();
            drop(entered);
            (exporter.expect("the endpoint is a URL"), Some(runtime))
        }
        Protocol::Http => {
            // In code the path is not added, unlike in the environment.
            let exporter = SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{endpoint}/v1/traces"))
                .build();
            (exporter.expect("the endpoint is a URL"), None)
        }
    }
}

pub(super) fn install(destination: &Destination, exported: &Exported) -> Box<dyn Pipeline> {
    let builder = SdkTracerProvider::builder().with_resource(resource());
    let (provider, runtime) = match destination {
        Destination::Nowhere => {
            let exporter = Drop(exported.clone());
            (builder.with_batch_exporter(exporter).build(), None)
        }
        Destination::Otlp(protocol, endpoint) => {
            let (exporter, runtime) = otlp(*protocol, endpoint);
            (builder.with_batch_exporter(exporter).build(), runtime)
        }
    };
    // Sets the global one too, and our layer sees the change.
    lianlu::set_tracer_provider(provider.clone());
    Box::new(Sdk {
        provider,
        _runtime: runtime,
    })
}

struct Sdk {
    provider: SdkTracerProvider,
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Pipeline for Sdk {
    fn flush(&self) {
        // What was lost is missed where it should have arrived.
        let _ = self.provider.force_flush();
    }

    fn shutdown(self: Box<Self>) {
        let _ = self.provider.shutdown();
    }
}
