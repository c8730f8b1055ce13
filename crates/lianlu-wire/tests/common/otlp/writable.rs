//! Spans restricted to what our writer supports, and writing them.

use lianlu_wire::otlp as our;
use our::AttributeOf;
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::{bytes, scalar, span as any_span};
use super::*;

/// A span without features that the writer lacks: absent ids, key-value lists, nested arrays, a
/// status without a code.
pub fn span() -> impl Strategy<Value = Span> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>());
    let attributes = || vec((super::generate::text(), value()), 0..6).prop_map(with_values);
    (any_span(), ids, attributes(), attributes(), any::<u8>()).prop_map(
        |(mut span, (trace_id, span_id), attributes, inner, kind)| {
            span.trace_id = trace_id.to_vec();
            span.span_id = span_id.to_vec();
            span.kind = kind.into();
            span.attributes = attributes;
            for event in &mut span.events {
                event.attributes.clone_from(&inner);
            }
            for link in &mut span.links {
                link.trace_id = trace_id.to_vec();
                link.span_id = span_id.to_vec();
                link.attributes.clone_from(&inner);
            }
            span.status = span.status.filter(|status| [1, 2].contains(&status.code));
            span
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    let array = vec(scalar(), 0..5).prop_map(|values| {
        let values = values
            .into_iter()
            .map(|value| AnyValue { value: Some(value) });
        Value::ArrayValue(ArrayValue {
            values: values.collect(),
        })
    });
    // Long enough for lengths of three bytes.
    let long = prop_oneof![Just(16_300), Just(16_384), Just(20_000)]
        .prop_map(|length| Value::StringValue("y".repeat(length)));
    prop_oneof![10 => scalar(), 3 => bytes(), 3 => array, 1 => long]
}

fn with_values(pairs: Vec<(String, Value)>) -> Vec<KeyValue> {
    let attribute = |(key, value)| generate::key_value(key, Some(AnyValue { value: Some(value) }));
    pairs.into_iter().map(attribute).collect()
}

/// Writes a span with our writer.
pub fn put_span(out: &mut Vec<u8>, span: &Span) {
    let head = our::SpanHead {
        trace_id: id(&span.trace_id),
        span_id: id(&span.span_id),
        parent_span_id: id(&span.parent_span_id),
        trace_state: &span.trace_state,
        flags: span.flags,
        name: &span.name,
        kind: span.kind as u8,
        start_unix_nanos: span.start_time_unix_nano,
        end_unix_nanos: span.end_time_unix_nano,
    };
    our::put_span(out, &head, |out| {
        put_attributes(out, AttributeOf::Span, &span.attributes);
        for event in &span.events {
            put_event(out, event);
        }
        for link in &span.links {
            put_link(out, link);
        }
        our::put_dropped(
            out,
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        );
        match &span.status {
            Some(Status { code: 1, message }) => {
                our::put_status(out, our::StatusCode::Ok, message);
            }
            Some(status) => our::put_status(out, our::StatusCode::Error, &status.message),
            None => {}
        }
    });
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    let head = our::EventHead {
        unix_nanos: event.time_unix_nano,
        name: &event.name,
        dropped_attributes: event.dropped_attributes_count,
    };
    our::put_event(out, &head, |out| {
        put_attributes(out, AttributeOf::EVENT, &event.attributes);
    });
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    let head = our::LinkHead {
        trace_id: id(&link.trace_id),
        span_id: id(&link.span_id),
        trace_state: &link.trace_state,
        flags: link.flags,
        dropped_attributes: link.dropped_attributes_count,
    };
    our::put_link(out, &head, |out| {
        put_attributes(out, AttributeOf::Link, &link.attributes);
    });
}

/// Writes attributes with our writer.
pub fn put_attributes(out: &mut Vec<u8>, of: AttributeOf, attributes: &[KeyValue]) {
    for attribute in attributes {
        let key = attribute.key.as_str();
        match attribute.value.clone().unwrap().value.unwrap() {
            Value::StringValue(value) => our::put_str(out, of, key, &value),
            Value::BoolValue(value) => our::put_bool(out, of, key, value),
            Value::IntValue(value) => our::put_int(out, of, key, value),
            Value::DoubleValue(value) => our::put_double(out, of, key, value),
            Value::BytesValue(value) => our::put_bytes(out, of, key, &value),
            Value::ArrayValue(array) => our::put_array(out, of, key, |elements| {
                for value in &array.values {
                    match value.value.as_ref().unwrap() {
                        Value::StringValue(value) => elements.str(value),
                        Value::BoolValue(value) => elements.bool(*value),
                        Value::IntValue(value) => elements.int(*value),
                        Value::DoubleValue(value) => elements.double(*value),
                        other => panic!("{other:?}"),
                    }
                }
            }),
            other => panic!("{other:?}"),
        }
    }
}

fn id<const N: usize>(id: &[u8]) -> [u8; N] {
    id.try_into().unwrap_or([0; N])
}
