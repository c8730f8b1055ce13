//! A tracer provider that encodes each span once, as OTLP bytes, when it ends.
//!
//! ```text
//! Tracer::build ─► Span ── end ─► 0x12 len Span ─► the thread's lane ─► worker ─► exporter
//!                   │ ids, start, name; attributes, events and links are encoded as they are set
//! ```
//!
//! [`TracerProvider`], [`Tracer`] and [`Span`] implement the `opentelemetry` API, so users' own
//! spans, libraries and `tracing-opentelemetry` feed the same pipeline. Through [`described`],
//! lianlu's layers hand over spans that they have described as bytes.

mod builder;
pub mod described;
mod ids;
mod inner;
mod keep;
mod note;
mod processor;
mod record;
mod span;
mod tracer;

pub use builder::TracerProviderBuilder;
pub use keep::KeepIf;
pub use processor::{BaggageAttributes, EndedSpan, SpanProcessor, StartedSpan};
pub use span::Span;
pub use tracer::Tracer;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

use crate::error::FlushError;
use crate::pipeline::Handle;
use inner::Owner;

/// Makes tracers whose spans go through one pipeline. Cheap to clone.
///
/// When the last provider and tracer are dropped, the pipeline stops. Spans that have ended are
/// still exported, but the drop does not wait for that. [`shutdown`](Self::shutdown) waits.
///
/// ```
/// use lianlu_sdk::{Batch, Export, Failure, TracerProvider};
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
///
/// struct Print;
///
/// impl Export for Print {
///     fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
///         println!("{} spans", batch.len());
///         Ok(())
///     }
/// }
///
/// let provider = TracerProvider::builder().with_exporter(Print).build()?;
/// provider.tracer("shop").in_span("order", |_| { /* … */ });
/// provider.shutdown(std::time::Duration::from_secs(5))?;
/// assert_eq!(provider.handle().counts().exported, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TracerProvider {
    owner: Arc<Owner>,
}

impl TracerProvider {
    /// Creates a builder.
    pub fn builder() -> TracerProviderBuilder {
        TracerProviderBuilder::default()
    }

    /// A handle of the pipeline, for flushes and counts. Without an exporter there is no pipeline,
    /// and nothing is counted: [`Handle::register_metrics`] then has no `otel.sdk.span.started`.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.owner.inner.handle()
    }

    /// The resource that the spans come from.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.owner.resource
    }

    /// Blocks until every span that has ended is exported, for `timeout` at most. Can be called
    /// from any thread, with or without an async runtime. Span processors are flushed first; what
    /// they leave of the time is the pipeline's.
    ///
    /// # Errors
    ///
    /// If the timeout expires first, or spans were lost meanwhile.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let begin = Instant::now();
        if let Some(processors) = &self.owner.processors {
            processors.flush(begin, timeout);
        }
        self.handle().flush(left(begin, timeout))
    }

    /// Flushes and stops the pipeline. Spans that are started later are not recorded.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let begin = Instant::now();
        if !self.owner.inner.shut_down()
            && let Some(processors) = &self.owner.processors
        {
            processors.shutdown(begin, timeout);
        }
        self.handle().shutdown(left(begin, timeout))
    }
}

/// What is left of a timeout that began to run then.
fn left(begin: Instant, timeout: Duration) -> Duration {
    timeout.saturating_sub(begin.elapsed())
}

impl opentelemetry::trace::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        Tracer::new(&self.owner, &scope)
    }
}

impl fmt::Debug for TracerProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerProvider")
            .field("sampler", &self.owner.sampler)
            .field("counts", &self.handle().counts())
            .finish_non_exhaustive()
    }
}
