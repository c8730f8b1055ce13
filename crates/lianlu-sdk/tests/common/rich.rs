//! Spans with every feature, and their conversion by OpenTelemetry's own code.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanLimits, SpanProcessor};

use super::{Pipeline, pipeline_with, resource};

/// A span processor that collects spans.
#[derive(Debug, Clone, Default)]
pub struct Collected(pub Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Collected {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// A pipeline whose spans are also collected.
pub fn collected(exporter: impl lianlu_sdk::Export) -> (Pipeline, Collected) {
    let collected = Collected::default();
    let limits = SpanLimits {
        max_attributes_per_span: 8,
        max_events_per_span: 2,
        max_links_per_span: 2,
        max_attributes_per_event: 2,
        max_attributes_per_link: 1,
    };
    let pipeline = pipeline_with(exporter, |provider| {
        provider
            .with_span_processor(collected.clone())
            .with_span_limits(limits)
    });
    (pipeline, collected)
}

impl Collected {
    /// The request that OpenTelemetry's own exporter would send.
    pub fn request(&self) -> ExportTraceServiceRequest {
        let spans = self.0.lock().unwrap().clone();
        sorted(ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(spans, &(&resource()).into()),
        })
    }
}

/// Normalises a request: sorts scopes and resource attributes, and removes an unset status.
pub fn sorted(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for of_resource in &mut request.resource_spans {
        if let Some(resource) = &mut of_resource.resource {
            resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let name = |scope: &opentelemetry_proto::tonic::trace::v1::ScopeSpans| {
            scope.scope.as_ref().map(|scope| scope.name.clone())
        };
        of_resource.scope_spans.sort_by_key(name);
        let spans = of_resource.scope_spans.iter_mut();
        for span in spans.flat_map(|scope| &mut scope.spans) {
            span.status.take_if(|status| *status == Default::default());
        }
    }
    request
}

/// Records five spans of two scopes.
pub fn record(pipeline: &Pipeline) {
    let plain = pipeline.provider.tracer("plain");
    let scope = InstrumentationScope::builder("scoped")
        .with_version("1.2.3")
        .with_schema_url("https://opentelemetry.io/schemas/1.38.0")
        .with_attributes([KeyValue::new("scope-key", "scope-value")])
        .build();
    let scoped = pipeline.provider.tracer_with_scope(scope);

    let state = TraceState::from_key_value([("vendor", "a-b"), ("other", "1")]).unwrap();
    let remote = |id: u64, is_remote| {
        let state = state.clone();
        SpanContext::new(
            TraceId::from(u128::from(id) << 64 | 7),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            is_remote,
            state,
        )
    };
    let parent = Context::new().with_remote_span_context(remote(1, true));
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_764_000_000_123_456_789);
    let strings = Array::String(vec!["a".into(), "b\"c".into(), "链路".into()]);
    let mut server = scoped
        .span_builder("server")
        .with_kind(SpanKind::Server)
        .with_start_time(start)
        .with_attributes([
            KeyValue::new("text", "链路 \"quoted\" \u{1b}"),
            KeyValue::new("int", i64::MIN),
            KeyValue::new("float", 0.5),
            KeyValue::new("bool", true),
            KeyValue::new("texts", Value::Array(strings)),
            KeyValue::new("ints", Value::Array(Array::I64(vec![1, -2]))),
            KeyValue::new("floats", Value::Array(Array::F64(vec![1.5, 2.0]))),
            KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
            KeyValue::new("one", "too many"),
        ])
        .with_links(vec![
            Link::new(remote(2, false), vec![KeyValue::new("link-key", 1)], 3),
            Link::new(remote(3, true), Vec::new(), 0),
            Link::new(remote(4, true), Vec::new(), 0),
        ])
        .start_with_context(&scoped, &parent);
    for name in ["first", "second", "third"] {
        let attributes = vec![
            KeyValue::new("event-key", name),
            KeyValue::new("flag", false),
            KeyValue::new("left-out", 1),
        ];
        server.add_event_with_timestamp(name, start + Duration::from_millis(1), attributes);
    }
    server.set_status(Status::error("no such day"));
    server.end_with_timestamp(start + Duration::from_micros(1_500));

    for (name, kind, status) in [
        ("client", SpanKind::Client, Status::Ok),
        ("producer", SpanKind::Producer, Status::error("")),
        ("consumer", SpanKind::Consumer, Status::Unset),
        ("internal", SpanKind::Internal, Status::Unset),
    ] {
        let mut span = plain.span_builder(name).with_kind(kind).start(&plain);
        span.set_status(status);
        span.end();
    }
}
