//! Old and both conventions, sliced streams and opt-ins: valid spans, and each violation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use opentelemetry_proto::tonic::trace::v1::span::Link;

use crate::spans_tests::{call, int, server, text};
use crate::{Expected, Generation, Model, SpanRecord, check_spans};

fn violations(generation: Generation, records: &[SpanRecord], call: Expected) -> Vec<String> {
    let model = Model::of(generation).unwrap();
    let found = check_spans(&model, records, &[call]);
    let found = found.into_iter();
    found
        .map(|violation| format!("{:?} {}", violation.rule, violation.attribute))
        .collect()
}

/// The span of [`server`] in the old conventions.
fn old() -> SpanRecord {
    let mut record = server();
    record.span.attributes = vec![
        text("http.method", "GET"),
        text("http.target", "/orders/7?x=1"),
        text("http.scheme", "http"),
        text("http.route", "/orders/{id}"),
        text("net.host.name", "127.0.0.1"),
        int("net.host.port", 8000),
        text("net.sock.peer.addr", "127.0.0.1"),
        int("net.sock.peer.port", 40000),
        text("net.protocol.version", "1.1"),
        int("http.status_code", 500),
    ];
    record
}

fn both() -> SpanRecord {
    let mut record = server();
    let old = old().span.attributes.into_iter();
    let old = old.filter(|attribute| attribute.key != "http.route");
    record.span.attributes.extend(old);
    record
}

fn expected() -> Expected {
    call()
        .value("url.path", "/orders/7")
        .value("url.query", "x=1")
}

#[test]
fn each_generation_accepts_its_own_span_only() {
    let records = [server(), old(), both()];
    let generations = [Generation::Current, Generation::Old, Generation::Both];
    for (at, generation) in generations.into_iter().enumerate() {
        for (which, record) in records.iter().enumerate() {
            let found = violations(generation, std::slice::from_ref(record), expected());
            assert_eq!(found.is_empty(), at == which, "{generation:?}: {found:?}");
        }
    }
}

#[test]
fn old_values_are_computed_from_the_current_ones() {
    let mut record = old();
    record.span.attributes[1] = text("http.target", "/orders/7");
    assert_eq!(
        violations(Generation::Old, &[record], expected()),
        ["Value http.target"]
    );
    let mut record = old();
    record
        .span
        .attributes
        .push(text("http.client_ip", "127.0.0.1"));
    assert_eq!(
        violations(Generation::Old, &[record], expected()),
        ["Unconditional http.client_ip"]
    );
}

/// Also a value that the scenario does not know.
#[test]
fn old_and_current_values_must_agree() {
    let mut record = both();
    for attribute in &mut record.span.attributes {
        if attribute.key == "net.sock.peer.port" {
            *attribute = int("net.sock.peer.port", 40001);
        }
    }
    assert_eq!(
        violations(Generation::Both, &[record], expected()),
        ["Value net.sock.peer.port"]
    );
}

/// Two slices of the call of [`server`].
fn slices() -> [SpanRecord; 2] {
    let (mut first, mut last) = (server(), server());
    first
        .span
        .attributes
        .retain(|known| known.key != "error.type");
    first.span.status = None;
    first.span.span_id = vec![1; 8];
    first.span.attributes.push(int("lianlu.stream.slice", 0));
    last.span.attributes.push(int("lianlu.stream.slice", 1));
    last.span.start_time_unix_nano = first.span.end_time_unix_nano;
    last.span.end_time_unix_nano = last.span.start_time_unix_nano + 1;
    last.span.links = vec![Link {
        span_id: vec![1; 8],
        ..Link::default()
    }];
    [first, last]
}

#[test]
fn slices_must_be_linked_numbered_and_adjacent() {
    let violations =
        |records: &[SpanRecord]| violations(Generation::Current, records, expected().sliced());
    assert_eq!(violations(&slices()), [""; 0]);
    assert_eq!(
        violations(&slices()[1..]),
        ["NoSpan ", "Value lianlu.stream.slice"]
    );

    let [mut first, mut last] = slices();
    first.span.attributes.push(text("error.type", "500"));
    let found = violations(&[first.clone(), last.clone()]);
    assert_eq!(found, ["Unconditional error.type"]);
    [first, _] = slices();
    last.span.links.clear();
    let found = violations(&[first.clone(), last.clone()]);
    assert_eq!(found, ["Missing lianlu.stream.slice"]);
    [_, last] = slices();
    last.span.start_time_unix_nano -= 1;
    assert_eq!(violations(&[first, last]), ["Time "]);
}

#[test]
fn required_opt_ins_must_be_present_on_their_signal() {
    let mut record = server();
    let requires = |signal| expected().requires(&format!("client.port{signal}"));
    let violations = |record: &SpanRecord, call| {
        violations(Generation::Current, std::slice::from_ref(record), call)
    };
    for signal in ["", "@span"] {
        assert_eq!(
            violations(&record, requires(signal)),
            ["Missing client.port"]
        );
    }
    assert_eq!(violations(&record, requires("@metric")), [""; 0]);
    record.span.attributes.push(int("client.port", 40000));
    assert_eq!(violations(&record, requires("@span")), [""; 0]);
    assert_eq!(
        violations(&record, requires("@metric")),
        ["NotOptedIn client.port"]
    );
}

#[test]
fn a_classifier_decides_what_is_an_error() {
    let violations = |call| violations(Generation::Current, &[server()], call);
    assert_eq!(violations(expected().classified(true)), [""; 0]);
    assert_eq!(
        violations(expected().classified(false)),
        ["Status ", "Unconditional error.type"]
    );
}
