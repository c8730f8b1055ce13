//! A few questions that tell a sampler from one that only looks like it.

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
use opentelemetry_semantic_conventions::attribute::{HTTP_REQUEST_METHOD, URL_PATH};

/// Whether a parent was sampled, and whether it is another service's.
type Parent = Option<(bool, bool)>;

const PARENTS: [Parent; 5] = [
    None,
    Some((true, true)),
    Some((true, false)),
    Some((false, true)),
    Some((false, false)),
];

/// How many traces there are for each parent.
const TRACES: u128 = 16;

/// Whether a sampler decides as is `expected` for a parent and a trace, and adds nothing. It is not asked where nothing
/// is expected.
pub(super) fn answers_as(
    sampler: &dyn ShouldSample,
    expected: impl Fn(Option<bool>, TraceId) -> Option<bool>,
) -> bool {
    PARENTS.iter().all(|parent| {
        (0..TRACES).all(|at| {
            let trace_id = spread(at);
            let expected = expected(parent.map(|(sampled, _)| sampled), trace_id);
            expected.is_none_or(|sampled| {
                let is_call = at % 2 == 1;
                ask(sampler, *parent, trace_id, is_call) == Some(sampled)
            })
        })
    })
}

/// Ids all over.
fn spread(at: u128) -> TraceId {
    TraceId::from((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834))
}

/// Asks about a call, or a span of which nothing is said. `None` if the answer is more than a yes or a no.
fn ask(
    sampler: &dyn ShouldSample,
    parent: Parent,
    trace_id: TraceId,
    is_call: bool,
) -> Option<bool> {
    let mut state = TraceState::NONE;
    let mut context = Context::new();
    if let Some((sampled, is_remote)) = parent {
        state = TraceState::from_key_value([("key", "value")]).ok()?;
        let flags = TraceFlags::default().with_sampled(sampled);
        let span_id = SpanId::from(1);
        let parent = SpanContext::new(trace_id, span_id, flags, is_remote, state.clone());
        context = context.with_remote_span_context(parent);
    }
    let attributes = [
        KeyValue::new(HTTP_REQUEST_METHOD, "GET"),
        KeyValue::new(URL_PATH, "/health"),
    ];
    let (name, kind, attributes) = match is_call {
        true => ("GET /health", SpanKind::Server, attributes.as_slice()),
        false => ("", SpanKind::Internal, Default::default()),
    };
    let result = sampler.should_sample(Some(&context), trace_id, name, &kind, attributes, &[]);
    if !result.attributes.is_empty() || result.trace_state != state {
        return None;
    }
    match result.decision {
        SamplingDecision::RecordAndSample => Some(true),
        SamplingDecision::Drop => Some(false),
        SamplingDecision::RecordOnly => None,
    }
}
