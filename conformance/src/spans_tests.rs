//! Valid spans, and each violation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::{Expected, Fact, Group, Model, Rule, Scope, SpanRecord, StatusKey, check_spans};

pub(crate) fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: any(Value::StringValue(value.to_owned())),
        ..KeyValue::default()
    }
}

pub(crate) fn int(key: &str, value: i64) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: any(Value::IntValue(value)),
        ..KeyValue::default()
    }
}

/// A server that answers `GET /orders/7?x=1` with 500.
pub(crate) fn server() -> SpanRecord {
    SpanRecord {
        scope: Scope {
            name: "test".to_owned(),
            version: "1".to_owned(),
            schema_url: "https://opentelemetry.io/schemas/1.44.0".to_owned(),
        },
        span: Span {
            name: "GET /orders/{id}".to_owned(),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: 1_000_000_000,
            end_time_unix_nano: 1_250_000_000,
            attributes: vec![
                text("http.request.method", "GET"),
                text("url.path", "/orders/7"),
                text("url.scheme", "http"),
                text("url.query", "x=1"),
                text("http.route", "/orders/{id}"),
                text("server.address", "127.0.0.1"),
                int("server.port", 8000),
                text("client.address", "127.0.0.1"),
                text("network.peer.address", "127.0.0.1"),
                int("network.peer.port", 40000),
                text("network.protocol.version", "1.1"),
                int("http.response.status_code", 500),
                text("error.type", "500"),
                int("lianlu.anything", 1),
            ],
            status: Some(Status {
                code: StatusCode::Error as i32,
                message: String::new(),
            }),
            ..Span::default()
        },
    }
}

pub(crate) fn call() -> Expected {
    Expected::http(Group::HttpServer, "GET")
        .route("/orders/{id}")
        .http_status(500)
        .facts([
            Fact::HasQuery,
            Fact::AuthorityKnown,
            Fact::PortKnown,
            Fact::PeerKnown,
            Fact::VersionKnown,
        ])
}

/// A client whose call gets `NOT_FOUND`.
fn client(status_key: &str) -> SpanRecord {
    let mut record = server();
    record.span.name = "shop.Orders/Get".to_owned();
    record.span.kind = SpanKind::Client as i32;
    record.span.attributes = vec![
        text("rpc.system.name", "grpc"),
        text("rpc.method", "shop.Orders/Get"),
        text(status_key, "NOT_FOUND"),
        text("server.address", "shop.example"),
        text("error.type", "NOT_FOUND"),
    ];
    record
}

fn rpc_call() -> Expected {
    Expected::rpc(Group::RpcClient, "shop.Orders/Get").rpc_status("NOT_FOUND")
}

fn set(record: &mut SpanRecord, attribute: KeyValue) {
    remove(record, &attribute.key);
    record.span.attributes.push(attribute);
}

fn remove(record: &mut SpanRecord, key: &str) {
    record
        .span
        .attributes
        .retain(|attribute| attribute.key != key);
}

/// The violations of `record`, as `rule attribute`.
fn violations(record: SpanRecord, call: Expected) -> Vec<String> {
    let model = Model::bundled().unwrap();
    let found = check_spans(&model, &[record], &[call]);
    let found = found.into_iter();
    found
        .map(|violation| format!("{:?} {}", violation.rule, violation.attribute))
        .collect()
}

/// The violations of the valid span after `change`.
fn violations_after(change: impl FnOnce(&mut SpanRecord)) -> Vec<String> {
    let mut record = server();
    change(&mut record);
    violations(record, call())
}

#[test]
fn valid_spans_have_no_violations() {
    assert_eq!(violations(server(), call()), [""; 0]);
    assert_eq!(
        violations(client("rpc.response.status_code"), rpc_call()),
        [""; 0]
    );
}

#[test]
fn the_status_key_is_a_parameter() {
    let model = Model::with_status_key(StatusKey::Main).unwrap();
    assert_eq!(
        check_spans(&model, &[client("rpc.status_code")], &[rpc_call()]),
        []
    );
    let found = check_spans(&model, &[client("rpc.response.status_code")], &[rpc_call()]);
    let violations: Vec<_> = found
        .iter()
        .map(|found| (found.rule, found.attribute.as_str()))
        .collect();
    assert_eq!(
        violations,
        [
            (Rule::Unlisted, "rpc.response.status_code"),
            (Rule::Missing, "rpc.status_code")
        ]
    );
}

#[test]
fn calls_without_spans_and_stray_spans_are_violations() {
    let model = Model::bundled().unwrap();
    let found = check_spans(&model, &[], &[call()]);
    assert_eq!(found[0].rule, Rule::NoSpan);
    let found = check_spans(&model, &[server(), server()], &[call()]);
    assert_eq!(found[0].rule, Rule::StraySpan);
    assert_eq!(found.len(), 1);
}

#[test]
fn kind_name_status_time_and_scope_are_checked() {
    let kind = violations_after(|record| record.span.kind = SpanKind::Client as i32);
    assert_eq!(kind, ["Kind "]);
    let name = violations_after(|record| record.span.name = "GET /orders/7".to_owned());
    assert_eq!(name, ["Name "]);
    let status = violations_after(|record| record.span.status = None);
    assert_eq!(status, ["Status "]);
    let description = violations_after(|record| {
        record.span.status.as_mut().unwrap().message = "HTTP 500".to_owned();
    });
    assert_eq!(description, ["Description "]);
    assert_eq!(
        violations_after(|record| record.span.end_time_unix_nano = 1),
        ["Time "]
    );
    for change in [
        |scope: &mut Scope| scope.name.clear(),
        |scope: &mut Scope| scope.version.clear(),
        |scope: &mut Scope| scope.schema_url.clear(),
        |scope: &mut Scope| scope.schema_url = "https://opentelemetry.io/schemas/".to_owned(),
    ] {
        assert_eq!(
            violations_after(|record| change(&mut record.scope)),
            ["Scope "]
        );
    }
}

#[test]
fn each_missing_attribute_is_a_violation() {
    for attribute in server().span.attributes {
        let key = attribute.key;
        let expected = match key.as_str() {
            "lianlu.anything" => vec![],
            _ => vec![format!("Missing {key}")],
        };
        assert_eq!(violations_after(|record| remove(record, &key)), expected);
    }
    for attribute in client("rpc.response.status_code").span.attributes {
        let mut record = client("rpc.response.status_code");
        remove(&mut record, &attribute.key);
        assert_eq!(
            violations(record, rpc_call()),
            [format!("Missing {}", attribute.key)]
        );
    }
}

#[test]
fn unexpected_attributes_are_violations() {
    for (attribute, expected) in [
        (text("http.method", "GET"), "Unlisted http.method"),
        (text("url.full", "http://a/"), "Unlisted url.full"),
        (
            text("http.request.method_original", "get"),
            "Unconditional http.request.method_original",
        ),
        (
            text("network.protocol.name", "http"),
            "Unconditional network.protocol.name",
        ),
        (
            int("http.request.body.size", 1),
            "NotOptedIn http.request.body.size",
        ),
        (
            text("network.transport", "tcp"),
            "NotOptedIn network.transport",
        ),
    ] {
        assert_eq!(
            violations_after(|record| set(record, attribute)),
            [expected]
        );
    }
    let twice = violations_after(|record| record.span.attributes.push(text("url.scheme", "http")));
    assert_eq!(twice, ["Twice url.scheme"]);
}

#[test]
fn an_error_type_without_an_error_is_a_violation() {
    let mut record = server();
    set(&mut record, int("http.response.status_code", 499));
    let call = Expected::http(Group::HttpServer, "GET")
        .route("/orders/{id}")
        .http_status(499)
        .fact(Fact::HasQuery)
        .fact(Fact::PortKnown);
    assert_eq!(
        violations(record, call),
        ["Status ", "Unconditional error.type"]
    );
}

#[test]
fn a_cancelled_call_is_not_an_error() {
    let mut record = server();
    assert_eq!(
        violations(record.clone(), call().cancelled()),
        ["Status ", "Unconditional error.type"]
    );
    record.span.status = None;
    remove(&mut record, "error.type");
    assert_eq!(violations(record, call().cancelled()), [""; 0]);
}

#[test]
fn an_error_without_a_status_has_its_error_type() {
    let mut record = server();
    set(&mut record, text("error.type", "panic"));
    record.span.status.as_mut().unwrap().message = "on request".to_owned();
    assert_eq!(
        violations(record.clone(), call().failed(Some("panic"))),
        [""; 0]
    );
    assert_eq!(violations(record.clone(), call().failed(None)), [""; 0]);
    assert_eq!(
        violations(record.clone(), call().failed(Some("reset"))),
        ["Value error.type"]
    );
    set(&mut record, text("error.type", "the disk is gone"));
    assert_eq!(
        violations(record, call().failed(None)),
        ["Value error.type"]
    );
}

#[test]
fn types_and_values_are_checked() {
    for (attribute, expected) in [
        (
            text("http.response.status_code", "500"),
            ["Type", "Value"].as_slice(),
        ),
        (int("error.type", 500), &["Type"]),
        (text("http.request.method", "get"), &["Enum", "Value"]),
        (text("http.request.method", "POST"), &["Value"]),
        (text("network.protocol.version", "2.0"), &["Enum"]),
        (text("network.protocol.version", "1"), &["Enum"]),
        (text("url.scheme", "HTTP"), &["Enum"]),
        (text("url.path", "/orders/7?x=1"), &["Value"]),
        (text("url.query", "?x=1"), &["Value"]),
        (text("server.address", "127.0.0.1:8000"), &["Value"]),
        (text("server.address", "[::1]"), &["Value"]),
        (text("network.peer.address", ""), &["Value"]),
        (int("server.port", 0), &["Value"]),
        (int("server.port", 65536), &["Value"]),
        (int("http.response.status_code", 404), &["Value"]),
        (text("http.route", "/orders/7"), &["Value"]),
        (text("error.type", "_OTHER"), &["Value"]),
    ] {
        let key = attribute.key.clone();
        let expected: Vec<_> = expected
            .iter()
            .map(|rule| format!("{rule} {key}"))
            .collect();
        assert_eq!(
            violations_after(|record| set(record, attribute)),
            expected,
            "{key}"
        );
    }
    let mut record = client("rpc.response.status_code");
    set(&mut record, text("rpc.response.status_code", "5"));
    set(&mut record, text("rpc.system.name", "GRPC"));
    assert_eq!(
        violations(record, rpc_call()),
        [
            "Enum rpc.response.status_code",
            "Enum rpc.system.name",
            "Value rpc.system.name",
            "Value rpc.response.status_code",
        ]
    );
}

#[test]
fn client_urls_are_absolute_and_redacted() {
    for (url, is_right) in [
        ("http://127.0.0.1:8000/orders/7?x=1", true),
        ("https://REDACTED:REDACTED@shop.example/", true),
        ("https://ann:secret@shop.example/", false),
        ("https://ann@shop.example/", false),
        ("/orders/7", false),
        ("shop.example/orders", false),
        ("http:///orders", false),
    ] {
        let mut record = server();
        record.span.name = "GET".to_owned();
        record.span.kind = SpanKind::Client as i32;
        record.span.attributes = vec![
            text("http.request.method", "GET"),
            text("server.address", "127.0.0.1"),
            int("server.port", 8000),
            text("url.full", url),
            text("error.type", "ConnectionRefused"),
        ];
        let call = Expected::http(Group::HttpClient, "GET").failed(Some("ConnectionRefused"));
        let expected = if is_right {
            vec![]
        } else {
            vec!["Value url.full"]
        };
        assert_eq!(violations(record, call), expected, "{url}");
    }
}

#[test]
fn captured_headers_need_an_opt_in() {
    let header = |key: &str, value| KeyValue {
        key: key.to_owned(),
        value: any(value),
        ..KeyValue::default()
    };
    let values = |value| {
        Value::ArrayValue(ArrayValue {
            values: vec![any(value).unwrap()],
        })
    };
    let one = values(Value::StringValue("1".to_owned()));
    let key = "http.request.header.x-a";
    let without_opt_in = violations_after(|record| set(record, header(key, one.clone())));
    assert_eq!(without_opt_in, ["NotOptedIn http.request.header.x-a"]);

    let with_opt_in = |attribute: KeyValue| {
        let mut record = server();
        let call = call().opt_in(&attribute.key);
        set(&mut record, attribute);
        violations(record, call)
    };
    assert_eq!(with_opt_in(header(key, one.clone())), [""; 0]);
    assert_eq!(with_opt_in(text(key, "1")), [format!("Type {key}")]);
    assert_eq!(
        with_opt_in(header(key, values(Value::IntValue(1)))),
        [format!("Type {key}")]
    );
    let upper = "http.request.header.X-A";
    assert_eq!(with_opt_in(header(upper, one)), [format!("Value {upper}")]);
}
