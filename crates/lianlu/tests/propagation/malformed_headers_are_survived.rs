//! Malformed propagation headers start a new trace, or are left out. They are never an error.

use ::http::{HeaderValue, Method, Version};
use axum::Router;

use crate::common::traces::{Traces, assert_root, attr};
use crate::common::{PARENT_ID, TRACE_ID, TRACEPARENT, http as net, soon};

#[tokio::test]
async fn a_malformed_traceparent_starts_a_new_trace() {
    let long = format!("{TRACEPARENT}-{}", "0".repeat(10_000));
    let garbage: Vec<u8> = (128..=255).collect();
    let table: Vec<Vec<&[u8]>> = vec![
        vec![b""],
        vec![b" "],
        vec![b"garbage"],
        vec![b"00"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"],
        vec![b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01"],
        vec![b"00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"],
        vec![b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        vec![b"00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"],
        vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01,00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        vec![long.as_bytes()],
        vec![&garbage],
        vec![TRACEPARENT.as_bytes(), TRACEPARENT.as_bytes()],
        vec![TRACEPARENT.as_bytes(), b""],
        vec![TRACEPARENT.as_bytes(), &garbage],
        vec![&garbage, TRACEPARENT.as_bytes()],
    ];
    for (content_type, version) in [
        ("application/grpc", Version::HTTP_2),
        ("text/plain", Version::HTTP_2),
        ("text/plain", Version::HTTP_11),
    ] {
        let traces = Traces::default();
        let app = Router::new()
            .fallback(async || "hello")
            .layer(traces.server());
        let address = net::serve(app).await;
        let client = net::plain(version);
        for lines in &table {
            let mut request = net::request(Method::POST, address, "/a.B/C");
            let headers = request.headers_mut();
            headers.insert("content-type", content_type.parse().unwrap());
            headers.insert("tracestate", "a=1".parse().unwrap());
            for line in lines {
                headers.append("traceparent", HeaderValue::from_bytes(line).unwrap());
            }
            let response = soon(client.request(request)).await.unwrap();
            assert_eq!(net::read(response).await.unwrap(), "hello");
        }
        for (span, lines) in traces.all(table.len()).await.iter().zip(&table) {
            let line = lines[0].escape_ascii();
            assert_root(span);
            assert_ne!(span.span_context.trace_id().to_string(), TRACE_ID, "{line}");
            assert!(
                span.span_context.trace_state().header().is_empty(),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn other_malformed_headers_are_left_out_of_a_valid_trace() {
    let long = "x".repeat(10_000);
    let many = (0..200)
        .map(|number| format!("key{number}=value"))
        .collect::<Vec<_>>()
        .join(",");
    let traces = Traces::default();
    let app = Router::new()
        .fallback(async || "hello")
        .layer(traces.server());
    let address = net::serve(app).await;
    let client = net::plain(Version::HTTP_11);
    let table: Vec<(&str, &[u8])> = vec![
        ("tracestate", b""),
        ("tracestate", b"=,=;;"),
        ("tracestate", b"a=1,b"),
        ("tracestate", b"A=1"),
        ("tracestate", b"\xff\xfe"),
        ("tracestate", long.as_bytes()),
        ("baggage", b""),
        ("baggage", b"%,=,;=;"),
        ("baggage", b"a=%zz"),
        ("baggage", b"\xff\xfe"),
        ("baggage", long.as_bytes()),
        ("baggage", many.as_bytes()),
        ("x-md-service-name", b""),
        ("x-md-service-name", b"\xff\xfe"),
        ("x-md-service-name", long.as_bytes()),
    ];
    for (name, value) in &table {
        let mut request = net::request(Method::GET, address, "/");
        let headers = request.headers_mut();
        headers.insert("traceparent", TRACEPARENT.parse().unwrap());
        headers.insert(*name, HeaderValue::from_bytes(value).unwrap());
        let response = soon(client.request(request)).await.unwrap();
        assert_eq!(net::read(response).await.unwrap(), "hello");
    }
    for (span, (name, value)) in traces.all(table.len()).await.iter().zip(&table) {
        let value = value.escape_ascii();
        assert_eq!(
            span.parent_span_id.to_string(),
            PARENT_ID,
            "{name}: {value}"
        );
        assert!(span.span_context.trace_state().header().is_empty());
        assert_eq!(attr(span, "service.peer.name"), None, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_traceparent_of_a_later_version_is_continued() {
    let traces = Traces::default();
    let app = Router::new().layer(traces.server());
    let address = net::serve(app).await;
    let later = format!("cc{}-what-the-future-will-be-like", &TRACEPARENT[2..]);
    let mut request = net::request(Method::GET, address, "/");
    let headers = request.headers_mut();
    headers.insert("traceparent", later.parse().unwrap());
    net::send(Version::HTTP_11, request).await;
    let span = traces.all(1).await.remove(0);
    assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
}
