//! Strategies for arbitrary requests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z.]{0,12}",
        1 => "\\PC{0,20}",
        1 => "x{124,130}",
    ]
}

/// An absent or a valid id: all zero means absent to us, but not to prost.
pub fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        4 => vec(any::<u8>(), length).prop_map(|mut id| {
            id[0] |= 1;
            id
        }),
    ]
}

pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        prop::sample::select(vec![
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX
        ]),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    number().prop_map(|number| number as u32)
}

/// NaN is not equal to itself; a separate test checks it.
fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("a number", |value| !value.is_nan())
}

pub fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        number().prop_map(|value| Value::IntValue(value as i64)),
        double().prop_map(Value::DoubleValue),
    ]
}

pub fn bytes() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 0..20).prop_map(Value::BytesValue)
}

/// An arbitrary value, including nested ones.
pub fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        6 => scalar().prop_map(Some),
        1 => bytes().prop_map(Some),
        1 => Just(None),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let values = vec(inner, 0..4);
        let array = values.clone().prop_map(|values| AnyValue {
            value: Some(Value::ArrayValue(ArrayValue { values })),
        });
        let list = values.prop_map(|values| {
            let entry = |(index, value)| key_value(format!("k{index}"), Some(value));
            let values = values.into_iter().enumerate().map(entry).collect();
            AnyValue {
                value: Some(Value::KvlistValue(KeyValueList { values })),
            }
        });
        prop_oneof![array, list]
    })
}

pub fn key_value(key: String, value: Option<AnyValue>) -> KeyValue {
    KeyValue {
        key,
        value,
        ..KeyValue::default()
    }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (text(), any_value()).prop_map(|(key, value)| key_value(key, Some(value)));
    vec(attribute, 0..4)
}

fn event() -> impl Strategy<Value = Event> {
    (number(), text(), attributes(), count()).prop_map(|(time, name, attributes, dropped)| Event {
        time_unix_nano: time,
        name,
        attributes,
        dropped_attributes_count: dropped,
    })
}

fn link() -> impl Strategy<Value = Link> {
    let ids = (id(16), id(8));
    (ids, text(), attributes(), count(), any::<u32>()).prop_map(
        |((trace_id, span_id), trace_state, attributes, dropped, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: dropped,
            flags,
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    (text(), prop_oneof![0..3_i32, any::<i32>()])
        .prop_map(|(message, code)| Status { message, code })
}

pub fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), id(8), any::<u32>());
    let head = (
        text(),
        text(),
        prop_oneof![0..6_i32, any::<i32>()],
        [number(), number()],
    );
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    let dropped = [count(), count(), count()];
    (ids, head, lists, dropped, option::of(status())).prop_map(
        |(
            (trace_id, span_id, parent_span_id, flags),
            (trace_state, name, kind, [start, end]),
            (attributes, events, links),
            [attributes_lost, events_lost, links_lost],
            status,
        )| Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes,
            dropped_attributes_count: attributes_lost,
            events,
            dropped_events_count: events_lost,
            links,
            dropped_links_count: links_lost,
            status,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    let texts = || vec(text(), 0..3);
    let entity =
        (text(), text(), texts(), texts()).prop_map(|(schema_url, kind, id, rest)| EntityRef {
            schema_url,
            r#type: kind,
            id_keys: id,
            description_keys: rest,
        });
    (attributes(), count(), vec(entity, 0..2)).prop_map(|(attributes, dropped, entity_refs)| {
        Resource {
            attributes,
            dropped_attributes_count: dropped,
            entity_refs,
        }
    })
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), count()).prop_map(|(name, version, attributes, dropped)| {
        InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count: dropped,
        }
    })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    (option::of(scope()), vec(span(), 0..4), text()).prop_map(|(scope, spans, schema_url)| {
        ScopeSpans {
            scope,
            spans,
            schema_url,
        }
    })
}

pub fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource_spans = (option::of(resource()), vec(scope_spans(), 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}
