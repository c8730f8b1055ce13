//! Spans of the old conventions and of both, and streams in slices: right ones, and ways to be wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use opentelemetry_proto::tonic::trace::v1::span::Link;

use crate::spans_tests::{call, int, server, text};
use crate::{Expected, Generation, Model, SpanRecord, check_spans};

fn said(generation: Generation, records: &[SpanRecord], call: Expected) -> Vec<String> {
    let model = Model::of(generation).unwrap();
    let found = check_spans(&model, records, &[call]);
    let said = found.into_iter();
    said.map(|violation| format!("{:?} {}", violation.rule, violation.attribute))
        .collect()
}

/// The span of [`server`] as it was told before.
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

fn told() -> Expected {
    call()
        .value("url.path", "/orders/7")
        .value("url.query", "x=1")
}

#[test]
fn each_generation_has_its_own() {
    let records = [server(), old(), both()];
    let generations = [Generation::Current, Generation::Old, Generation::Both];
    for (at, generation) in generations.into_iter().enumerate() {
        for (which, record) in records.iter().enumerate() {
            let found = said(generation, std::slice::from_ref(record), told());
            assert_eq!(found.is_empty(), at == which, "{generation:?}: {found:?}");
        }
    }
}

#[test]
fn values_are_made_of_the_current_ones() {
    let mut record = old();
    record.span.attributes[1] = text("http.target", "/orders/7");
    assert_eq!(
        said(Generation::Old, &[record], told()),
        ["Value http.target"]
    );
    let mut record = old();
    record
        .span
        .attributes
        .push(text("http.client_ip", "127.0.0.1"));
    assert_eq!(
        said(Generation::Old, &[record], told()),
        ["Unconditional http.client_ip"]
    );
}

/// Of a port the scenario knows nothing, but both conventions must say the same.
#[test]
fn both_say_the_same() {
    let mut record = both();
    for attribute in &mut record.span.attributes {
        if attribute.key == "net.sock.peer.port" {
            *attribute = int("net.sock.peer.port", 40001);
        }
    }
    assert_eq!(
        said(Generation::Both, &[record], told()),
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
fn a_stream_in_slices() {
    let said = |records: &[SpanRecord]| said(Generation::Current, records, told().sliced());
    assert_eq!(said(&slices()), [""; 0]);
    assert_eq!(
        said(&slices()[1..]),
        ["NoSpan ", "Value lianlu.stream.slice"]
    );

    let [mut first, mut last] = slices();
    first.span.attributes.push(text("error.type", "500"));
    let found = said(&[first.clone(), last.clone()]);
    assert_eq!(found, ["Unconditional error.type"]);
    [first, _] = slices();
    last.span.links.clear();
    let found = said(&[first.clone(), last.clone()]);
    assert_eq!(found, ["Missing lianlu.stream.slice"]);
    [_, last] = slices();
    last.span.start_time_unix_nano -= 1;
    assert_eq!(said(&[first, last]), ["Time "]);
}

#[test]
fn what_was_asked_for_is_there() {
    let mut record = server();
    let asks = |place| told().asks(&format!("client.port{place}"));
    let said =
        |record: &SpanRecord, call| said(Generation::Current, std::slice::from_ref(record), call);
    for place in ["", "@span"] {
        assert_eq!(said(&record, asks(place)), ["Missing client.port"]);
    }
    assert_eq!(said(&record, asks("@metric")), [""; 0]);
    record.span.attributes.push(int("client.port", 40000));
    assert_eq!(said(&record, asks("@span")), [""; 0]);
    assert_eq!(said(&record, asks("@metric")), ["NotOptedIn client.port"]);
}

#[test]
fn the_user_says_what_is_an_error() {
    let said = |call| said(Generation::Current, &[server()], call);
    assert_eq!(said(told().classified(true)), [""; 0]);
    assert_eq!(
        said(told().classified(false)),
        ["Status ", "Unconditional error.type"]
    );
}
