//! What a running pipeline is made of, and what it reports.
//!
//! A pipeline is set up by a module of its exporter (`otlp`, `jaeger`, `zipkin`, `console`), or by
//! [`pipeline_from_env`](crate::pipeline_from_env).

#[cfg(feature = "config-file")]
#[cfg_attr(docsrs, doc(cfg(feature = "config-file")))]
pub use crate::setup::config_file;
pub use crate::setup::{PipelineError, env};
pub use lianlu_sdk::resource::Detector;
pub use lianlu_sdk::{
    BaggageAttributes, BuildError, DestinationCounts, DropCounts, Durability, EndedSpan,
    FlightRecorder, FlushError, Handle, Health, KeepIf, OptionError, PipelineEvent, RecorderError,
    RecoveryReport, Span, SpanCounts, SpanProcessor, StartedSpan, Tracer, TracerProvider, WhenFull,
};
