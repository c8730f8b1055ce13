//! lianlu's span pipeline: from an ended span to a collector.
//!
//! ```text
//! span ends ─► Processor ─► bounded queue ─► worker thread ─► Export ─► collector
//!                 │              │                               │
//!                 └── Counts: started = open + waiting + exported + dropped ──┘
//! ```
//!
//! The pipeline has a thread of its own and does its I/O there. It needs no runtime of the caller's,
//! never blocks a request, and its memory is bounded: what does not fit is dropped and counted.
//!
//! Today it stands on `opentelemetry_sdk`'s provider, as a
//! [`SpanProcessor`](opentelemetry_sdk::trace::SpanProcessor). Services take it through the pipelines
//! of the `lianlu` crate; a program that builds its own provider can use [`Processor`] and the
//! exporters directly:
//!
//! ```
//! use lianlu_sdk::{Batch, Export, Failure, Limits, Processor};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//!
//! struct Print;
//!
//! impl Export for Print {
//!     fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
//!         println!("{} spans", batch.len());
//!         Ok(())
//!     }
//! }
//!
//! let processor = Processor::start(Print, Limits::from_env()?)?;
//! let handle = processor.handle();
//! let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
//! // … spans …
//! handle.flush(std::time::Duration::from_secs(5))?;
//! # drop(provider);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "jaeger", feature = "otlp-grpc"))]
mod basic_auth;
mod batch;
#[cfg(feature = "console")]
#[cfg_attr(docsrs, doc(cfg(feature = "console")))]
pub mod console;
mod encode;
mod endpoint;
mod error;
mod export;
#[cfg(feature = "http-client")]
mod http_client;
#[cfg(feature = "jaeger")]
#[cfg_attr(docsrs, doc(cfg(feature = "jaeger")))]
pub mod jaeger;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "otlp-grpc", feature = "otlp-http"))))]
pub mod otlp;
mod pipeline;
#[cfg(any(
    feature = "jaeger",
    feature = "otlp-grpc",
    feature = "otlp-http",
    feature = "zipkin"
))]
mod place;
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
mod post;
mod provider;
#[cfg(any(
    feature = "jaeger",
    feature = "otlp-grpc",
    feature = "otlp-http",
    feature = "zipkin"
))]
mod quote;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
mod roots;
pub mod sampling;
#[cfg(any(feature = "console", feature = "jaeger", feature = "zipkin"))]
mod value;
#[cfg(feature = "zipkin")]
#[cfg_attr(docsrs, doc(cfg(feature = "zipkin")))]
pub mod zipkin;

pub use batch::{Batch, ScopeSpans};
pub use endpoint::check_endpoint;
pub use error::{FlushError, OptionError};
pub use export::{Export, Failure};
pub use pipeline::{Drops, Handle, Limits, Notice, Processor, SpanCounts};
pub use provider::{KeepIf, Span, Tracer, TracerProvider, TracerProviderBuilder, direct};
