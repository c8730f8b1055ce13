//! Byte runs are split at their fields, and no byte is lost.

use lianlu_wire::otlp::{
    AttributeOf, Attributes, EventHead, ReadError, Request, Spans, find_attribute, put_event,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::common::otlp::writable::{put_attributes, put_span, span};
use crate::common::otlp::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn spans_of_a_run(spans in vec(span(), 0..6)) {
        let mut run = Vec::new();
        for span in &spans {
            put_span(&mut run, span);
        }
        let raw: Vec<_> = Spans::new(&run).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(raw.len(), spans.len());
        let mut at = 0;
        for (raw, span) in raw.iter().zip(&spans) {
            prop_assert_eq!(raw.at, at);
            prop_assert_eq!(raw.framed, &run[at..at + raw.framed.len()]);
            prop_assert!(raw.framed.ends_with(raw.message));
            prop_assert_eq!(&Span::decode(raw.message).unwrap(), span);
            prop_assert_eq!(raw.parse().unwrap().as_bytes(), raw.message);
            at += raw.framed.len();
        }
        prop_assert_eq!(at, run.len());
    }

    /// Spans of another encoder are taken from their request, including skipped fields before them.
    #[test]
    fn spans_of_a_request(request in generate::request(), seed in any::<u64>()) {
        let bytes = scramble::scramble(&request.encode_to_vec(), scramble::Kind::Request, &mut scramble::Rng(seed));
        for group in Request::new(&bytes).resource_spans() {
            for group in group.unwrap().scope_spans() {
                let group = group.unwrap();
                let raw: Vec<_> = group.raw_spans().collect::<Result<_, _>>().unwrap();
                let mut run = Vec::new();
                for raw in &raw {
                    prop_assert_eq!(raw.framed, &bytes[raw.at..raw.at + raw.framed.len()]);
                    run.extend_from_slice(raw.framed);
                }
                let again: Vec<_> = Spans::new(&run).map(|raw| raw.unwrap().message).collect();
                prop_assert_eq!(again, raw.iter().map(|raw| raw.message).collect::<Vec<_>>());
                let names: Vec<_> = raw.iter().map(|raw| raw.parse().unwrap().name).collect();
                prop_assert_eq!(names, group.spans().map(|span| span.unwrap().name).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn attributes_of_a_run(span in span(), with_event in any::<bool>()) {
        let mut run = Vec::new();
        put_attributes(&mut run, AttributeOf::Span, &span.attributes);
        if with_event {
            put_event(&mut run, &EventHead { unix_nanos: 1, name: "e", dropped_attributes: 0 }, |_| {});
            put_attributes(&mut run, AttributeOf::Span, &span.attributes);
        }
        let found: Vec<_> = Attributes::new(&run).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found.len(), span.attributes.len() * if with_event { 2 } else { 1 });
        for (raw, expected) in found.iter().zip(span.attributes.iter().cycle()) {
            prop_assert_eq!(&ours::attribute(raw.attribute).unwrap(), expected);
            prop_assert_eq!(raw.framed, &run[raw.at..raw.at + raw.framed.len()]);
            let first = found.iter().find(|other| other.attribute.key == raw.attribute.key).unwrap();
            let range = first.at..first.at + first.framed.len();
            prop_assert_eq!(find_attribute(&run, raw.attribute.key), Some(range));
        }
        prop_assert_eq!(find_attribute(&run, "no such key"), None);
    }
}

#[test]
fn a_run_contains_only_spans() {
    // A span without fields, then the schema_url that follows the spans of a `ScopeSpans`.
    let mut spans = Spans::new(&[0x12, 0, 0x1a, 1, b'x', 0x12, 0]);
    assert_eq!(spans.next().unwrap().unwrap().framed, [0x12, 0]);
    let error = spans.next().unwrap().unwrap_err();
    assert_eq!(
        error,
        ReadError::Tag {
            at: 2,
            expected: "a span in a run of spans",
            found: 0x1a
        }
    );
    assert!(spans.next().is_none());
    // A span is a message, not a number.
    let error = Spans::new(&[0x10, 0]).next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Tag { at: 0, .. }), "{error}");
}
