//! The wire formats of distributed tracing, as bytes: no I/O, no async, no runtime.
//!
//! | module | format | who speaks it |
//! |---|---|---|
//! | [`w3c`] | `traceparent`, `tracestate` and `baggage` headers | every current tracing library |
//! | [`b3`] | `b3` and `x-b3-*` headers | Zipkin's libraries, Envoy and Istio |
//! | [`jaeger_header`] | `uber-trace-id` and `uberctx-*` headers | Jaeger's older libraries |
//! | [`xray`] | `x-amzn-trace-id` header | AWS X-Ray and AWS's load balancers |
//! | [`authority`] | host and port of URLs and requests | everything that has a URL |
//! | [`health_checks`] | the paths and methods of probes | Kubernetes, load balancers, scrapers |
//! | [`otlp`] | OTLP protobuf | OpenTelemetry's collectors and SDKs, Jaeger (ports 4317 and 4318) |
//! | [`jaeger`] | Jaeger thrift, compact and binary | Jaeger's agent ports (UDP 6831, 6832) and collector port (14268) |
//! | `segment` | files that outlive their process, with the feature `segment` | the flight recorder's folder |
//! | `zipkin` | Zipkin v2 JSON, with the feature `zipkin` | Zipkin's collector port (9411) |
//!
//! Every decoder here takes untrusted bytes and holds to three rules:
//!
//! - it never panics: no indexing, no `unwrap`, and no recursion deeper than a fixed limit;
//! - it allocates no more than a small multiple of the input: a declared length is checked against
//!   the remaining bytes *before* memory is reserved for it;
//! - it borrows: strings point into the input wherever the format allows it.
//!
//! # Features
//!
//! All off by default. `zipkin` adds the module `zipkin` and `otlp-json` adds OTLP/JSON to
//! [`otlp`]; each brings `serde` and `serde_json`. `segment` adds the module `segment` and brings
//! `crc32c`.

pub mod authority;
pub mod b3;
pub mod health_checks;
pub mod jaeger;
pub mod jaeger_header;
pub mod otlp;
#[cfg(feature = "segment")]
pub mod segment;
mod text;
mod thrift;
pub mod w3c;
pub mod xray;
#[cfg(feature = "zipkin")]
pub mod zipkin;

// Used for `grpc-message`.
#[doc(hidden)]
pub use text::percent::decode as percent_decode;
