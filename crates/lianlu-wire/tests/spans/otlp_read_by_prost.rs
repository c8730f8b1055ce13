//! Both prost and our reader read what our writer writes.

use lianlu_wire::otlp as our;
use our::{AttributeOf, Envelope};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::common::otlp::writable::{put_attributes, put_span, span};
use crate::common::otlp::*;

/// A part of a request as the pipeline keeps it: a scope and a run of its spans.
fn group() -> impl Strategy<Value = (String, String, Vec<Span>)> {
    let text = generate::text;
    (text(), text(), vec(span(), 0..4))
}

/// Number of zero or empty fields that our writer writes nevertheless.
fn zeros(span: &Span) -> usize {
    let own = [
        span.kind == 0,
        span.start_time_unix_nano == 0,
        span.end_time_unix_nano == 0,
        span.flags == 0,
    ];
    let events = span.events.iter().map(|event| event.time_unix_nano == 0);
    let links = span.links.iter().map(|link| link.flags == 0);
    let attributes = span
        .attributes
        .iter()
        .chain(span.events.iter().flat_map(|event| &event.attributes))
        .chain(span.links.iter().flat_map(|link| &link.attributes));
    let keys = attributes.map(|attribute| attribute.key.is_empty());
    let all = own.into_iter().chain(events).chain(links).chain(keys);
    all.filter(|zero| *zero).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn spans(spans in vec(span(), 0..4)) {
        let mut run = Vec::new();
        for span in &spans {
            put_span(&mut run, span);
        }
        // A run has the encoding of the spans in `ScopeSpans`.
        let read = ScopeSpans::decode(&run[..]).unwrap();
        prop_assert_eq!(&read.spans, &spans);
        // prost omits zeros that we write in fields that are rarely zero; otherwise the lengths are
        // equal.
        let zeros: usize = spans.iter().map(zeros).sum();
        let theirs = ScopeSpans { spans, ..ScopeSpans::default() }.encoded_len();
        if zeros == 0 {
            prop_assert_eq!(run.len(), theirs);
        } else {
            // A tag of at most 2 bytes and a number of at most 8, and enclosing lengths that grow.
            prop_assert!((theirs + zeros..=theirs + zeros * 13).contains(&run.len()));
        }
    }

    #[test]
    fn requests(groups in vec(group(), 0..4), name in generate::text(), url in generate::text()) {
        let mut expected = ResourceSpans {
            resource: Some(Resource::default()),
            schema_url: url.clone(),
            ..ResourceSpans::default()
        };
        let named = vec![generate::key_value(
            "service.name".to_owned(),
            Some(AnyValue { value: Some(Value::StringValue(name)) }),
        )];
        let mut resource = Vec::new();
        put_attributes(&mut resource, AttributeOf::Resource, &named);
        expected.resource.as_mut().unwrap().attributes.clone_from(&named);

        let envelope = Envelope { resource: &resource, schema_url: &url };
        let mut scopes = Vec::new();
        let mut declared = 0;
        for (scope_name, scope_url, spans) in &groups {
            let mut scope = Vec::new();
            our::put_scope(&mut scope, scope_name, "1.0", |out| {
                put_attributes(out, AttributeOf::Scope, &named);
            });
            let mut run = Vec::new();
            for span in spans {
                put_span(&mut run, span);
            }
            let before = scopes.len();
            Envelope::put_scope_start(&mut scopes, &scope, scope_url, run.len());
            scopes.extend_from_slice(&run);
            Envelope::put_scope_end(&mut scopes, scope_url);
            let length = Envelope::scope_spans_len(&scope, scope_url, run.len());
            prop_assert_eq!(length, scopes.len() - before);
            declared += length;
            expected.scope_spans.push(ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: scope_name.clone(),
                    version: "1.0".to_owned(),
                    attributes: named.clone(),
                    dropped_attributes_count: 0,
                }),
                spans: spans.clone(),
                schema_url: scope_url.clone(),
            });
        }
        let mut request = Vec::new();
        envelope.put_start(&mut request, declared);
        request.extend_from_slice(&scopes);
        envelope.put_end(&mut request);
        prop_assert_eq!(envelope.request_len(declared), request.len());

        let expected = ExportTraceServiceRequest { resource_spans: vec![expected] };
        prop_assert_eq!(&ExportTraceServiceRequest::decode(&request[..]).unwrap(), &expected);
        prop_assert_eq!(&ours::request(&request).unwrap(), &without_zero_ids(expected));
        let spans = groups.iter().map(|(_, _, spans)| spans.len()).sum();
        prop_assert_eq!(our::Request::new(&request).validate(), Ok(spans));
    }
}

/// Our writer writes zero ids for a span without ids, and our reader treats them as absent.
fn without_zero_ids(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let spans = request
        .resource_spans
        .iter_mut()
        .flat_map(|group| &mut group.scope_spans)
        .flat_map(|group| &mut group.spans);
    for span in spans {
        for id in [&mut span.trace_id, &mut span.span_id] {
            if id.iter().all(|byte| *byte == 0) {
                id.clear();
            }
        }
    }
    request
}
