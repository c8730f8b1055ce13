//! Converts our reader's views to the oracle's types for comparison.

use lianlu_wire::otlp as our;
use our::{ReadError, Repeated};

use super::*;

pub fn request(bytes: &[u8]) -> Result<ExportTraceServiceRequest, ReadError> {
    let resource_spans = our::Request::new(bytes)
        .resource_spans()
        .map(|group| resource_spans(group?))
        .collect::<Result<_, _>>()?;
    Ok(ExportTraceServiceRequest { resource_spans })
}

fn resource_spans(group: our::ResourceSpans<'_>) -> Result<ResourceSpans, ReadError> {
    let scope_spans = group.scope_spans().map(|group| scope_spans(group?));
    Ok(ResourceSpans {
        resource: group
            .has_resource()
            .then(|| resource(group.resource()))
            .transpose()?,
        scope_spans: scope_spans.collect::<Result<_, _>>()?,
        schema_url: group.schema_url().to_owned(),
    })
}

fn resource(resource: our::Resource<'_>) -> Result<Resource, ReadError> {
    Ok(Resource {
        attributes: attributes(resource.attributes())?,
        dropped_attributes_count: resource.dropped_attributes,
        entity_refs: resource
            .entity_refs()
            .map(|each| entity(each?))
            .collect::<Result<_, _>>()?,
    })
}

fn texts<'a>(list: Repeated<'a, &'a str>) -> Result<Vec<String>, ReadError> {
    list.map(|each| each.map(str::to_owned)).collect()
}

fn entity(entity: our::EntityRef<'_>) -> Result<EntityRef, ReadError> {
    Ok(EntityRef {
        schema_url: entity.schema_url.to_owned(),
        r#type: entity.entity_type.to_owned(),
        id_keys: texts(entity.id_keys())?,
        description_keys: texts(entity.description_keys())?,
    })
}

fn scope_spans(group: our::ScopeSpans<'_>) -> Result<ScopeSpans, ReadError> {
    let spans = group.spans().map(|each| span(&each?));
    Ok(ScopeSpans {
        scope: group
            .has_scope()
            .then(|| scope(group.scope()))
            .transpose()?,
        spans: spans.collect::<Result<_, _>>()?,
        schema_url: group.schema_url().to_owned(),
    })
}

fn scope(scope: our::Scope<'_>) -> Result<InstrumentationScope, ReadError> {
    Ok(InstrumentationScope {
        name: scope.name.to_owned(),
        version: scope.version.to_owned(),
        attributes: attributes(scope.attributes())?,
        dropped_attributes_count: scope.dropped_attributes,
    })
}

pub fn span(span: &our::Span<'_>) -> Result<Span, ReadError> {
    Ok(Span {
        trace_id: id(&span.trace_id),
        span_id: id(&span.span_id),
        trace_state: span.trace_state.to_owned(),
        parent_span_id: id(&span.parent_span_id),
        flags: span.flags,
        name: span.name.to_owned(),
        kind: span.kind,
        start_time_unix_nano: span.start_unix_nanos,
        end_time_unix_nano: span.end_unix_nanos,
        attributes: attributes(span.attributes())?,
        dropped_attributes_count: span.dropped_attributes,
        events: span
            .events()
            .map(|each| event(&each?))
            .collect::<Result<_, _>>()?,
        dropped_events_count: span.dropped_events,
        links: span
            .links()
            .map(|each| link(&each?))
            .collect::<Result<_, _>>()?,
        dropped_links_count: span.dropped_links,
        status: span.status.is_present.then(|| Status {
            message: span.status.message.to_owned(),
            code: span.status.code,
        }),
    })
}

fn event(event: &our::Event<'_>) -> Result<Event, ReadError> {
    Ok(Event {
        time_unix_nano: event.unix_nanos,
        name: event.name.to_owned(),
        attributes: attributes(event.attributes())?,
        dropped_attributes_count: event.dropped_attributes,
    })
}

fn link(link: &our::Link<'_>) -> Result<Link, ReadError> {
    Ok(Link {
        trace_id: id(&link.trace_id),
        span_id: id(&link.span_id),
        trace_state: link.trace_state.to_owned(),
        attributes: attributes(link.attributes())?,
        dropped_attributes_count: link.dropped_attributes,
        flags: link.flags,
    })
}

fn attributes<'a>(list: Repeated<'a, our::KeyValue<'a>>) -> Result<Vec<KeyValue>, ReadError> {
    list.map(|each| attribute(each?)).collect()
}

pub fn attribute(attribute: our::KeyValue<'_>) -> Result<KeyValue, ReadError> {
    let value = any_value(attribute.value)?;
    Ok(generate::key_value(attribute.key.to_owned(), Some(value)))
}

pub fn any_value(value: our::AnyValue<'_>) -> Result<AnyValue, ReadError> {
    let value = match value {
        our::AnyValue::String(text) => Value::StringValue(text.to_owned()),
        our::AnyValue::Bool(value) => Value::BoolValue(value),
        our::AnyValue::Int(value) => Value::IntValue(value),
        our::AnyValue::Double(value) => Value::DoubleValue(value),
        our::AnyValue::Bytes(bytes) => Value::BytesValue(bytes.to_owned()),
        our::AnyValue::Array(array) => Value::ArrayValue(ArrayValue {
            values: array
                .values()
                .map(|each| any_value(each?))
                .collect::<Result<_, _>>()?,
        }),
        our::AnyValue::List(list) => Value::KvlistValue(KeyValueList {
            values: attributes(list.values())?,
        }),
        _ => return Ok(AnyValue { value: None }),
    };
    Ok(AnyValue { value: Some(value) })
}

fn id(id: &[u8]) -> Vec<u8> {
    if id.iter().all(|byte| *byte == 0) {
        Vec::new()
    } else {
        id.to_owned()
    }
}
