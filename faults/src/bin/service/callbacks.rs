//! What the pipeline calls, and what uses the pipeline itself.

use std::sync::OnceLock;
use std::time::Duration;

use lianlu_sdk::{Handle, PipelineEvent};
use opentelemetry::trace::{Link, Span as _, SpanKind, TraceId, Tracer as _};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

static HANDLE: OnceLock<Handle> = OnceLock::new();

/// The pipeline that they use.
pub(crate) fn know(handle: Handle) {
    let _ = HANDLE.set(handle);
}

/// Records two spans, and asks for all that there is to ask for.
fn use_it() {
    let tracer = global::tracer("callback");
    // None of them becomes the current one: `SpanBuilder::start` has that borrowed while a sampler is asked.
    let mut outer = tracer.start("outer");
    tracer.start("inner").end();
    outer.end();
    if let Some(handle) = HANDLE.get() {
        let _ = (handle.counts(), handle.destinations(), handle.health());
        let _ = handle.flush(Duration::ZERO);
    }
}

/// A listener.
#[allow(clippy::print_stderr)]
pub(crate) fn listen(notice: &PipelineEvent) {
    use_it();
    eprintln!("{notice}");
}

/// A sampler that takes everything.
#[derive(Debug, Clone)]
pub(crate) struct Records;

impl ShouldSample for Records {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if name == "work" {
            use_it();
        }
        Sampler::AlwaysOn.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}
