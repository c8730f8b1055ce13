//! lianlu's span pipeline: takes spans from the `opentelemetry` API to a collector.
//!
//! ```text
//! Tracer ─► Span ── end ─► lane ────────► worker thread ─► Export ─► collector
//!            │ OTLP bytes,  one for each        │               │
//!            │ once         thread              │               │
//!            └── Counts: started = open + waiting + exported + dropped ──┘
//! ```
//!
//! [`TracerProvider`] implements the `opentelemetry` API, so any code that makes spans through that
//! API can use it. A span is encoded once, when it ends, as the bytes that OTLP sends. The
//! pipeline does its I/O on its own thread. It needs no async runtime, never blocks a request, and
//! its memory is bounded: spans that do not fit are dropped and counted.
//!
//! Services use it through the pipelines of the `lianlu` crate; the layers of that crate, built
//! with the feature `pipeline`, hand over spans as bytes. A program may also build its own:
//!
//! ```
//! use lianlu_sdk::{Batch, Export, Failure, TracerProvider};
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
//! let provider = TracerProvider::builder().with_exporter(Print).build()?;
//! opentelemetry::global::set_tracer_provider(provider.clone());
//! // … spans …
//! provider.shutdown(std::time::Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To keep the provider of `opentelemetry_sdk`, for example for its span processors, add a
//! [`Processor`] to it: the exporters and the pipeline are the same.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod encode;
pub mod env;
mod error;
mod export;
mod flight_recorder;
mod pipeline;
mod provider;
pub mod resource;
pub mod sampling;
mod scopes;
mod sync;

#[cfg(feature = "console")]
#[cfg_attr(docsrs, doc(cfg(feature = "console")))]
pub use export::console;
#[cfg(feature = "jaeger")]
#[cfg_attr(docsrs, doc(cfg(feature = "jaeger")))]
pub use export::jaeger;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "otlp-grpc", feature = "otlp-http"))))]
pub use export::otlp;
#[cfg(feature = "zipkin")]
#[cfg_attr(docsrs, doc(cfg(feature = "zipkin")))]
pub use export::zipkin;

pub use error::{BuildError, FlushError, OptionError};
#[doc(hidden)]
pub use export::EndpointText;
pub use export::{Batch, Component, Export, Failure, Retry, ScopeSpans, check_endpoint};
pub use flight_recorder::{Durability, FlightRecorder, RecorderError, RecoveryReport, WhenFull};
pub use pipeline::{
    DestinationCounts, DropCounts, Handle, Health, Limits, PipelineEvent, Processor, Recovery,
    SpanCounts, recover,
};
#[doc(hidden)]
pub use provider::described;
pub use provider::{
    BaggageAttributes, EndedSpan, KeepIf, Span, SpanProcessor, StartedSpan, Tracer, TracerProvider,
    TracerProviderBuilder,
};
