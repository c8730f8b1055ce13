//! The mapping of spans to Zipkin's format.

use lianlu_sdk::TracerProvider;
use lianlu_sdk::zipkin::Exporter;
use lianlu_wire::zipkin::{Endpoint, Span, decode_spans};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Array, KeyValue, Value};

use crate::common::{PATIENCE, collector};

const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The request body for the spans that `make` records.
fn posted(make: impl FnOnce(&lianlu_sdk::Tracer)) -> Vec<u8> {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{address}/api/v2/spans");
    let provider = TracerProvider::builder()
        .with_exporter(Exporter::new("endpoint", &url, PATIENCE).unwrap())
        .build()
        .unwrap();
    make(&provider.tracer("test"));
    provider.flush(PATIENCE).unwrap();
    requests.recv_timeout(PATIENCE).unwrap().body
}

fn shown<'a>(span: &'a Span<'_>) -> Vec<(&'a str, &'a str)> {
    let tags = span.tags.iter();
    tags.map(|(key, value)| (&**key, &**value)).collect()
}

#[test]
fn false_error_attributes_are_omitted() {
    let body = posted(|tracer| {
        let statuses = [Status::Unset, Status::Ok, Status::error("boom")];
        let values = [Value::from(false), Value::from("false"), Value::from(true)];
        for status in statuses {
            for value in values.clone() {
                let mut span = tracer.start("span");
                span.set_attribute(KeyValue::new("error", value));
                span.set_status(status.clone());
                span.end();
            }
        }
    });
    let spans = decode_spans(&body).unwrap();
    let errors: Vec<Vec<_>> = spans
        .iter()
        .map(|span| shown(span).into_iter().filter(|(key, _)| *key == "error"))
        .map(|errors| errors.map(|(_, value)| value).collect())
        .collect();
    let unset = [vec![], vec![], vec!["true"]];
    let error = [vec!["boom"], vec!["boom"], vec!["boom"]];
    assert_eq!(errors, [unset.clone(), unset, error].concat());
}

#[test]
fn own_tags_replace_attributes() {
    let body = posted(|tracer| {
        let mut span = tracer.start("span");
        for key in [
            "otel.status_code",
            "otel.status_description",
            "otel.scope.name",
            "otel.scope.version",
        ] {
            span.set_attribute(KeyValue::new(key, "mine"));
        }
        span.set_status(Status::error("boom"));
        span.end();
    });
    assert_eq!(
        shown(&decode_spans(&body).unwrap()[0]),
        [
            ("otel.scope.version", "mine"),
            ("otel.status_code", "ERROR"),
            ("error", "boom"),
            ("otel.status_description", "boom"),
            ("otel.scope.name", "test"),
            ("otel.library.name", "test"),
        ]
    );
}

#[test]
fn annotations_are_json() {
    let texts = vec!["a\"b".into(), "c".into()];
    let body = posted(|tracer| {
        let mut span = tracer.start("span");
        span.add_event(
            "e\u{0}\"",
            vec![
                KeyValue::new("text", "esc \u{1b}[31m nul \0 zwj \u{200b} acc e\u{301}'s"),
                KeyValue::new("ke\\y", 5),
                KeyValue::new("nan", f64::NAN),
                KeyValue::new("texts", Value::Array(Array::String(texts))),
            ],
        );
        span.add_event("alone", vec![]);
        span.end();
    });
    let spans = decode_spans(&body).unwrap();
    let annotations = &spans[0].annotations;
    let object: serde_json::Value =
        serde_json::from_str(&format!("{{{}}}", annotations[0].value)).unwrap();
    let wanted = serde_json::json!({"e\u{0}\"": {
        "text": "esc \u{1b}[31m nul \0 zwj \u{200b} acc e\u{301}'s",
        "ke\\y": 5,
        "nan": "NaN",
        "texts": ["a\"b", "c"],
    }});
    assert_eq!(object, wanted);
    assert_eq!(annotations[1].value, "alone");
}

fn remote(kind: SpanKind, attributes: Vec<KeyValue>) -> Endpoint<'static> {
    let body = posted(|tracer| {
        let span = tracer.span_builder("span").with_kind(kind);
        let mut span = span.with_attributes(attributes).start(tracer);
        span.end();
    });
    let endpoint = &decode_spans(&body).unwrap()[0].remote_endpoint;
    Endpoint {
        service_name: endpoint.service_name.to_string().into(),
        ..*endpoint
    }
}

fn named(name: &'static str, port: Option<u16>) -> Endpoint<'static> {
    Endpoint {
        service_name: name.into(),
        port,
        ..Endpoint::default()
    }
}

#[test]
fn remote_endpoints() {
    let peer = [
        KeyValue::new("db.name", "stock"),
        KeyValue::new("network.peer.port", 5432),
        KeyValue::new("network.peer.address", "10.0.0.1"),
        KeyValue::new("server.port", 80),
        KeyValue::new("server.address", "orders.svc"),
        KeyValue::new("peer.service", "orders"),
    ];
    let v4 = Endpoint {
        ipv4: "10.0.0.1".parse().ok(),
        port: Some(5432),
        ..Endpoint::default()
    };
    for (length, wanted) in [
        (6, named("orders", None)),
        (5, named("orders.svc", Some(80))),
        (4, v4.clone()),
        (3, v4),
        (2, named("stock", None)),
        (0, Endpoint::default()),
    ] {
        let attributes = peer[..length].to_vec();
        for kind in [SpanKind::Client, SpanKind::Producer] {
            assert_eq!(remote(kind, attributes.clone()), wanted, "{length}");
        }
        for kind in [SpanKind::Server, SpanKind::Consumer, SpanKind::Internal] {
            assert!(remote(kind, attributes.clone()).is_empty());
        }
    }
    let old = vec![
        KeyValue::new("server.address", ""),
        KeyValue::new("net.sock.peer.port", "9042"),
        KeyValue::new("net.sock.peer.addr", "2001:db8::7"),
        KeyValue::new("server.socket.port", 70_000),
        KeyValue::new("peer.hostname", "host"),
    ];
    let wanted = Endpoint {
        ipv6: "2001:db8::7".parse().ok(),
        port: Some(9042),
        ..Endpoint::default()
    };
    assert_eq!(remote(SpanKind::Client, old), wanted);
}
