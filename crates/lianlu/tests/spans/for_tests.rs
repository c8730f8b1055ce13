//! `lianlu::testing`: used well, and misused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http_body_util::BodyExt;
use lianlu::testing::Spans;
use opentelemetry::trace::{Span as _, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use tower::{ServiceBuilder, ServiceExt};

use crate::common::http::{self as net, VERSIONS};
use crate::common::{Gate, TRACEPARENT, soon};

fn app(spans: &Spans) -> Router {
    let tracer = spans.tracer_provider().tracer("shop");
    let handler = move || async move {
        for item in ["pear", "apple"] {
            let mut span = tracer.start("pick");
            span.set_attribute(KeyValue::new("item", item));
        }
        "an order"
    };
    Router::new()
        .route("/orders/{id}", get(handler))
        .layer(spans.server())
}

fn request() -> http::Request<Body> {
    http::Request::get("/orders/7").body(Body::empty()).unwrap()
}

/// The message of the panic.
async fn failure(spans: &Spans, count: usize) -> String {
    let spans = spans.clone().with_patience(Duration::from_millis(20));
    let failed = tokio::spawn(spans.wait(count)).await.unwrap_err();
    *failed.into_panic().downcast().unwrap()
}

fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    *panic.downcast().unwrap()
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

/// Two services in parallel, each with its spans.
#[tokio::test]
async fn each_test_has_its_trace() {
    let calls = VERSIONS.map(async |version| {
        let spans = Spans::new();
        let address = net::serve(app(&spans)).await;
        let client = net::connect(spans.client(), version);
        net::fetch(&client, address, "/orders/7").await;
        let ended = spans.wait(4).await;
        ended.assert_tree(
            "
            GET (client) 200
              GET /orders/{id} (server) 200
                pick
                pick
            ",
        );
        let [client, server] = [SpanKind::Client, SpanKind::Server].map(|kind| ended.kind(kind));
        assert!(server.only().is_child_of(&client.only()));
        assert_eq!(ended.named("pick").with("item", "pear").len(), 1);
        ended.snapshot().replace(
            "network.protocol.version: 2",
            "network.protocol.version: 1.1",
        )
    });
    let [one, two] = calls;
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one, two, "ports and ids are masked");
    assert_says(
        &one,
        &[
            "server.port: <port>",
            "url.full: http://127.0.0.1:<port>/orders/7",
        ],
    );
}

#[tokio::test]
async fn a_body_is_never_read() {
    let spans = Spans::new();
    let response = app(&spans).oneshot(request()).await.unwrap();
    let message = failure(&spans, 3).await;
    assert_says(&message, &["for_tests.rs", "2 of 3", "pick"]);
    assert_says(
        &message,
        &["open: GET /orders/{id} (server): a response body was never read"],
    );

    drop(response);
    let ended = spans.wait(3).await;
    let server = ended.kind(SpanKind::Server).only();
    assert!(server.is_unread() && !server.is_cancelled());
    assert_says(
        &ended.tree(),
        &["GET /orders/{id} (server) 200, body never read"],
    );
}

#[tokio::test]
async fn a_call_is_cancelled() {
    let spans = Spans::new();
    let gate = Gate::default();
    let waiting = gate.clone();
    let app = Router::new()
        .route("/", get(async move || waiting.pass().await))
        .layer(spans.server());
    let request = http::Request::get("/").body(Body::empty()).unwrap();
    let mut call = Box::pin(app.oneshot(request));
    assert!(futures_util::poll!(&mut call).is_pending());
    assert_says(
        &failure(&spans, 1).await,
        &["open: GET / (server): no response yet"],
    );

    drop(call);
    let ended = spans.wait(1).await;
    assert!(ended.only().is_cancelled() && !ended.only().is_unread());
    ended.assert_tree("GET / (server), cancelled");
}

/// In gRPC, the trailers are a part of the body.
#[tokio::test]
async fn a_grpc_body_is_never_read() {
    let spans = Spans::new();
    let answer = async |_: http::Request<Body>| {
        let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let response = http::Response::builder().header("content-type", "application/grpc");
        response.body(Body::from_stream(never))
    };
    let service = ServiceBuilder::new()
        .layer(spans.client())
        .service(tower::service_fn(answer));
    let request = http::Request::post("http://shop/shop.v1.Orders/Get")
        .header("content-type", "application/grpc");
    let response = soon(service.oneshot(request.body(Body::empty()).unwrap()))
        .await
        .unwrap();
    assert_says(
        &failure(&spans, 1).await,
        &["a response body was never read"],
    );
    drop(response);
    let ended = spans.wait(1).await;
    ended.assert_tree("shop.v1.Orders/Get (client) CANCELLED, body never read");
}

#[tokio::test]
async fn nothing_starts() {
    let spans = Spans::with_sampler(lianlu::Sampler::AlwaysOff);
    let response = app(&spans).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_says(
        &failure(&spans, 1).await,
        &["0 of 1", "no sampled span has started"],
    );

    let spans = Spans::new();
    spans.tracer_provider().tracer("shop").start("one").end();
    assert_says(
        &failure(&spans, 2).await,
        &["1 of 2 spans have ended\none\nnothing is open"],
    );
    assert_says(
        &panics(|| drop(spans.ended().named("other").only())),
        &["0 spans where one was expected, in\none"],
    );
}

#[test]
fn a_snapshot_differs() {
    let peers = format!("[::1]:4317. user@host:80, {TRACEPARENT} at 10:30");
    let spans = Spans::new();
    let tracer = spans.tracer_provider().tracer("shop");
    tracer.in_span("order", |cx| {
        let other = tracer.start("other").span_context().clone();
        cx.span().add_link(other, Vec::new());
        cx.span().set_attribute(KeyValue::new("peer", peers));
        cx.span()
            .add_event("stored", vec![KeyValue::new("bytes", 7)]);
        tracer.in_span("pay", |cx| {
            cx.span()
                .set_status(opentelemetry::trace::Status::error("no"))
        });
    });
    let ended = spans.ended();
    let wanted = "
        order
        | link to other
        | peer: [::1]:<port>. user@host:<port>, 00-<id>-<id>-01 at 10:30
        | event stored, bytes: 7
          other
          pay ✗: no";
    ended.assert_snapshot(wanted);
    let wrong = wanted.replace("stored", "kept").replace("pay ✗: no", "pay");
    assert_eq!(
        panics(|| ended.assert_snapshot(&wrong)),
        "the spans differ (- expected, + found):
  order
  | link to other
  | peer: [::1]:<port>. user@host:<port>, 00-<id>-<id>-01 at 10:30
- | event kept, bytes: 7
+ | event stored, bytes: 7
    other
-   pay
+   pay ✗: no
"
    );
}

/// The test's own panic is what is reported, and the spans end.
#[test]
fn a_test_panics_while_spans_are_open() {
    let spans = Spans::new();
    let tracer = spans.tracer_provider().tracer("shop");
    let message = panics(|| {
        let _waiting = spans.wait(1);
        let _current = Context::current_with_span(tracer.start("open")).attach();
        panic!("{}", String::from("the test's own"));
    });
    assert_eq!(message, "the test's own");
    spans.ended().assert_tree("open");
}
