//! Distributed tracing for Rust services.
//!
//! One tower layer, [`server()`] and [`client()`], makes a span for each gRPC and HTTP call and
//! carries the trace from service to service. It works over any OpenTelemetry
//! [`TracerProvider`](opentelemetry::trace::TracerProvider); the pipelines in this crate
#![cfg_attr(
    feature = "pipeline",
    doc = "([`jaeger`], [`otlp`], [`zipkin`], [`console`]) set one up in a line."
)]
#![cfg_attr(
    not(feature = "pipeline"),
    doc = "(one feature each) set one up in a line."
)]
//!
//! # A server and a client
//!
//! ```
//! # #[cfg(all(feature = "tonic", feature = "axum"))] {
//! // gRPC: every service of this tonic server is traced.
//! let server = tonic::transport::Server::builder().layer(lianlu::server());
//! # let _ = server;
//!
//! // HTTP: every route of this axum router is traced, named by its route template.
//! let app: axum::Router = axum::Router::new()
//!     .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
//!     .layer(lianlu::server());
//! # }
//! ```
//!
//! A client is wrapped in the same way; see [`client()`] for tonic, hyper and reqwest.
//!
//! # What a call is
//!
//! A call is gRPC when its content type begins with `application/grpc`, HTTP otherwise, so one
//! layer serves a port that speaks both. A span lasts as long as its call: until the trailers, the
//! end of the body, an error, a panic, or until the future or the body is dropped. See
//! [`ResponseBody`](layer::ResponseBody) for each way to end.
//!
//! # Attributes
//!
//! Names, kinds, attributes and status follow the OpenTelemetry semantic conventions for [HTTP] and
//! [gRPC]. [`TraceLayer::kratos`] switches a layer to the names and keys of the Go framework
//! Kratos.
//!
//! # Tasks and tests
//!
//! [`task`] carries the context to spawned tasks, threads and queues.
#![cfg_attr(
    feature = "testing",
    doc = "[`testing`] waits for the spans of one test and compares traces as text."
)]
//!
//! [HTTP]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
//! [gRPC]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempts;
mod call;
#[cfg(feature = "hyper")]
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
pub mod connection;
pub mod conventions;
mod describe;
mod grpc;
mod hash;
mod header_text;
mod health;
mod ids;
mod known_headers;
pub mod kratos;
pub mod layer;
#[cfg(any(feature = "log", feature = "tracing"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "log", feature = "tracing"))))]
pub mod logs;
pub mod metadata;
mod metrics;
pub mod net;
mod per_generation;
#[cfg(feature = "pipeline")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipeline")))]
pub mod pipeline;
pub mod propagation;
mod request;
mod route;
#[cfg(feature = "pipeline")]
mod setup;
mod span;
pub mod task;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod variables;
mod warning;

pub use attempts::attempts;
pub use call::stream_end::StreamEnd;
pub use call::trace_options::TraceOptions;
pub use health::health_checks;
pub use ids::{span_id, trace_attrs, trace_id};
pub use layer::{ClientLayer, ServerLayer, TraceLayer, client, server};
#[cfg(feature = "pipeline")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipeline")))]
pub use lianlu_sdk::sampling::{self, Sampler};
pub use metrics::set_meter_provider;
pub use route::Route;
#[cfg(feature = "axum")]
pub use route::route_layer;
#[cfg(feature = "console")]
#[cfg_attr(docsrs, doc(cfg(feature = "console")))]
pub use setup::console;
#[cfg(feature = "jaeger")]
#[cfg_attr(docsrs, doc(cfg(feature = "jaeger")))]
pub use setup::jaeger;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "otlp-grpc", feature = "otlp-http"))))]
pub use setup::otlp;
#[cfg(feature = "zipkin")]
#[cfg_attr(docsrs, doc(cfg(feature = "zipkin")))]
pub use setup::zipkin;
#[cfg(feature = "pipeline")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipeline")))]
pub use setup::{Guard, Pipeline, env::pipeline_from_env};
pub use span::source::set_tracer_provider;

/// The OpenTelemetry API of this crate, so that a service needs no version of its own to match:
/// `use lianlu::opentelemetry::trace::Tracer`.
pub use opentelemetry;
// OpenTelemetry types that appear in this crate's public API.
pub use opentelemetry::{Context, KeyValue, trace::SpanKind};
#[cfg(feature = "pipeline")]
pub use opentelemetry_sdk::Resource;
