//! Strategies for arbitrary batches.

use lianlu_wire::jaeger::{Batch, Log, Process, RefType, Span, SpanRef, Tag, TagValue};
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z.]{1,12}",
        "\\PC{0,20}",
        "x{127,129}"
    ]
}

fn tag() -> impl Strategy<Value = Tag<'static>> {
    let value = prop_oneof![
        text().prop_map(|value| TagValue::String(value.into())),
        // NaN is not equal to itself; a separate test checks its bits.
        any::<f64>()
            .prop_filter("a number", |value| !value.is_nan())
            .prop_map(TagValue::Double),
        any::<bool>().prop_map(TagValue::Bool),
        any::<i64>().prop_map(TagValue::Long),
        vec(any::<u8>(), 0..20).prop_map(|value| TagValue::Binary(value.into())),
    ];
    (text(), value).prop_map(|(key, value)| Tag {
        key: key.into(),
        value,
    })
}

fn tags() -> impl Strategy<Value = Vec<Tag<'static>>> {
    // 15 elements need another header than 14.
    prop_oneof![vec(tag(), 0..3), vec(tag(), 13..17)]
}

fn reference() -> impl Strategy<Value = SpanRef> {
    let ref_type = prop_oneof![Just(RefType::ChildOf), Just(RefType::FollowsFrom)];
    (ref_type, any::<u128>(), any::<u64>()).prop_map(|(ref_type, trace_id, span_id)| SpanRef {
        ref_type,
        trace_id,
        span_id,
    })
}

fn log() -> impl Strategy<Value = Log<'static>> {
    (any::<i64>(), tags()).prop_map(|(timestamp, fields)| Log { timestamp, fields })
}

/// An arbitrary span.
pub fn span() -> impl Strategy<Value = Span<'static>> {
    let ids = (
        any::<u128>(),
        any::<u64>(),
        prop_oneof![Just(0), any::<u64>()],
    );
    let numbers = (
        any::<i32>(),
        any::<i64>(),
        prop_oneof![0..1000_i64, any::<i64>()],
    );
    (
        ids,
        text(),
        vec(reference(), 0..3),
        numbers,
        tags(),
        vec(log(), 0..3),
    )
        .prop_map(
            |(
                (trace_id, span_id, parent_span_id),
                name,
                references,
                (flags, start_time, duration),
                tags,
                logs,
            )| Span {
                trace_id,
                span_id,
                parent_span_id,
                operation_name: name.into(),
                references,
                flags,
                start_time,
                duration,
                tags,
                logs,
            },
        )
}

/// An arbitrary process.
pub fn process() -> impl Strategy<Value = Process<'static>> {
    (text(), tags()).prop_map(|(name, tags)| Process {
        service_name: name.into(),
        tags,
    })
}

/// An arbitrary batch.
pub fn batch() -> impl Strategy<Value = Batch<'static>> {
    (
        process(),
        prop_oneof![vec(span(), 0..4), vec(span(), 14..17)],
    )
        .prop_map(|(process, spans)| Batch { process, spans })
}
