//! The same calls make the same spans over lianlu's provider, which the layers reach by a shorter way, and over
//! `opentelemetry_sdk`'s: all but ids, times and ports is equal.
//!
//! Two things differ by intent and are kept out of here. Of two errors that a span is told, the SDK keeps the one whose
//! description comes later in the alphabet, and lianlu's the later one. And a key that is set twice is twice in the
//! SDK's span until an exporter of ours encodes it; its last value is compared.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use ::http::{Method, Request, Response, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::propagation::{Baggage, TraceContext};
use lianlu::{Exceptions, HeaderCapture, KeyValue, OptIn, RequestHead, ServerLayer, TraceOptions};
use lianlu_protos::testing::echo_client::EchoClient;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tonic::Request as GrpcRequest;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::plain::Plain;
use crate::common::provider::Whose;
use crate::common::traces::{Traces, keys, text};
use crate::common::{nobody, soon};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Runs `scenario` over both providers, and compares the `count` spans that it leaves. Gives ours.
async fn same<F>(count: usize, scenario: impl Fn(Traces) -> F) -> Vec<SpanData>
where
    F: Future<Output = ()>,
{
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let mut ours = Vec::new();
    let mut compared = Vec::new();
    for whose in Whose::BOTH {
        let traces = Traces::of(whose, sampler.clone());
        soon(scenario(traces.clone())).await;
        let spans = traces.all(count).await;
        let mut plain: Vec<_> = spans.iter().map(|span| Plain::of(span, &spans)).collect();
        plain.sort();
        compared.push(plain);
        if whose == Whose::Ours {
            for span in &spans {
                let keys = keys(span);
                assert!(
                    keys.is_sorted_by(|a, b| a < b),
                    "a key is doubled: {keys:?}"
                );
            }
            ours = spans;
        }
    }
    assert_eq!(compared[0], compared[1]);
    ours
}

#[tokio::test]
async fn grpc_calls_however_they_end() {
    for (text, count) in [
        ("hello", 0),
        ("fail 13 broken", 0),
        // Trailers alone.
        ("fail 5 no such thing", 0),
        ("fail 12 not here", 0),
        ("panic", 0),
        ("child", 0),
    ] {
        let spans = if text == "child" { 4 } else { 2 };
        same(spans, async |traces| {
            let (mut client, _) = echo::pair(&traces).await;
            let _ = client.unary(message(text, count)).await;
        })
        .await;
    }
    for text in ["hello", "fail 9 later", "panic"] {
        same(2, async |traces| {
            let (mut client, _) = echo::pair(&traces).await;
            let mut replies = client
                .server_stream(message(text, 3))
                .await
                .unwrap()
                .into_inner();
            while let Ok(Some(_)) = replies.message().await {}
        })
        .await;
    }
}

#[tokio::test]
async fn grpc_calls_that_are_cancelled_or_late() {
    same(2, async |traces| {
        let (mut client, echo) = echo::pair(&traces).await;
        let call = tokio::spawn(async move { client.unary(message("hang", 0)).await });
        echo.entered.pass().await;
        call.abort();
    })
    .await;
    // On the client: whether a server hears of its deadline first is a race.
    same(1, async |traces| {
        let address = echo::serve(
            Traces::of(Whose::Sdk, Sampler::AlwaysOff).server(),
            Echo::default(),
        )
        .await;
        let mut client = echo::connect(traces.client(), address).await;
        let mut request = GrpcRequest::new(message("hang", 0));
        request.set_timeout(Duration::from_millis(20));
        client.unary(request).await.unwrap_err();
    })
    .await;
    // On a server whose future is dropped after it.
    same(1, async |traces| {
        let hangs = service_fn(|_: Request<()>| {
            pending::<Result<Response<String>, std::convert::Infallible>>()
        });
        let request = Request::post("/lianlu.testing.Echo/Unary")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", "10m")
            .body(())
            .unwrap();
        let call = traces.server().layer(hangs).oneshot(request);
        let late = tokio::time::timeout(Duration::from_millis(30), call).await;
        late.unwrap_err();
    })
    .await;
    // Nobody is there.
    same(1, async |traces| {
        let channel = echo::channel(nobody().await).connect_lazy();
        let mut client = EchoClient::new(traces.client().layer(channel));
        client.unary(message("hello", 0)).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn grpc_calls_with_all_that_is_opt_in() {
    let spans = same(2, async |traces| {
        let captured = || HeaderCapture::new().allow("x-tenant");
        let server = traces
            .server()
            .with_captured_request_headers(captured())
            .with_message_events(8)
            .with_exceptions(Exceptions::Both);
        let address = echo::serve(server, Echo::new(&traces)).await;
        let client = traces
            .client()
            .with_target("http://shop.example:9000")
            .with_captured_request_headers(captured())
            .with_message_events(8)
            .with_service_name("caller");
        let mut client = echo::connect(client, address).await;
        let mut request = GrpcRequest::new(message("hello", 2));
        for tenant in ["acme", "emca"] {
            let tenant = tenant.parse().unwrap();
            request.metadata_mut().append("x-tenant", tenant);
        }
        let mut replies = client.server_stream(request).await.unwrap().into_inner();
        while replies.message().await.unwrap().is_some() {}
    })
    .await;
    assert!(spans.iter().all(|span| span.events.len() >= 3));
    assert!(keys(&spans[0]).contains(&"rpc.request.metadata.x-tenant"));
}

/// Serves an app with a handler for each way that a call can go.
async fn shop(layer: ServerLayer) -> SocketAddr {
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", get(async || -> String { panic!("told to") }))
        .route(
            "/body-fails",
            get(async || response(None, scripted([Step::Data("a"), Step::Fail]))),
        )
        .layer(layer);
    net::serve(app).await
}

#[tokio::test]
async fn http_calls_however_they_end() {
    for version in net::VERSIONS {
        for path in [
            "/orders/7?token=secret&q=1",
            "/nowhere",
            "/no",
            "/panics",
            "/body-fails",
        ] {
            same(2, async |traces| {
                let address = shop(traces.server().with_redacted_query_keys(["token"])).await;
                let client = net::connect(traces.client(), version);
                if let Ok(response) = net::get(&client, address, path).await {
                    let _ = net::read(response).await;
                }
            })
            .await;
        }
    }
    same(1, async |traces| {
        let client = net::connect(traces.client(), Version::HTTP_11);
        net::get(&client, nobody().await, "/").await.unwrap_err();
    })
    .await;
    for method in [Method::HEAD, Method::OPTIONS, "BREW".parse().unwrap()] {
        same(2, async |traces| {
            let address = shop(traces.server()).await;
            let client = net::connect(traces.client(), Version::HTTP_11);
            let request = net::request(method.clone(), address, "/orders/7");
            let response = client.oneshot(request).await.unwrap();
            net::read(response).await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn http_calls_with_all_that_is_opt_in() {
    same(2, async |traces| {
        let captured = || HeaderCapture::new().allow("x-tenant").allow("content-type");
        let server = traces
            .server()
            .with_captured_request_headers(captured())
            .with_captured_response_headers(captured())
            .with_opt_in(OptIn::ClientPort)
            .with_opt_in(OptIn::NetworkTransport)
            .with_opt_in(OptIn::BodySize)
            .with_opt_in(OptIn::UserAgent)
            .with_opt_in(OptIn::UrlScheme)
            .with_response_body_content(64);
        let address = shop(server).await;
        let client = traces
            .client()
            .with_captured_request_headers(captured())
            .with_captured_response_headers(captured())
            .with_opt_in(OptIn::ClientPort)
            .with_opt_in(OptIn::NetworkTransport)
            .with_opt_in(OptIn::BodySize)
            .with_opt_in(OptIn::UserAgent)
            .with_opt_in(OptIn::UrlScheme);
        let client = net::connect(client, Version::HTTP_11);
        let mut request = net::request(Method::GET, address, "/orders/7");
        let headers = request.headers_mut();
        headers.append("x-tenant", "acme".parse().unwrap());
        headers.append("x-tenant", "链路".parse().unwrap());
        headers.append("user-agent", "curl".parse().unwrap());
        let response = client.oneshot(request).await.unwrap();
        net::read(response).await.unwrap();
    })
    .await;
}

/// The route is known when the router has answered, after all that the handler did.
async fn late(traces: &Traces, path: &str) {
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route(
            "/named/{id}",
            get(async || {
                let context = Context::current();
                context.span().update_name("by the handler");
            }),
        )
        .route_layer(lianlu::route_layer());
    let app = traces.server().layer(app);
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    net::read(response).await.unwrap();
}

#[tokio::test]
async fn routes_that_are_known_late() {
    let spans = same(1, async |traces| late(&traces, "/orders/7").await).await;
    assert_eq!(spans[0].name, "GET /orders/{id}");
    same(1, async |traces| late(&traces, "/named/7").await).await;
    same(1, async |traces| late(&traces, "/nowhere").await).await;
}

/// A server in the same process as its caller, which has these headers.
async fn in_process<R>(layer: ServerLayer, headers: &[(&'static str, &str)], run: R)
where
    R: Fn() -> Response<String> + Send + Clone + 'static,
{
    let service = service_fn(move |_: Request<()>| {
        let run = run.clone();
        async move { Ok::<_, std::convert::Infallible>(run()) }
    });
    let mut request = Request::get("http://shop.example/orders/7");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = layer.layer(service).oneshot(request.body(()).unwrap());
    net::read(response.await.unwrap()).await.unwrap();
}

fn ok() -> Response<String> {
    Response::new("hello".to_owned())
}

fn failed() -> Response<String> {
    let mut response = ok();
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

#[tokio::test]
async fn what_callers_send() {
    let with_state = [
        ("traceparent", TRACEPARENT),
        ("tracestate", "a=1,b=2"),
        ("tracestate", "c@d=3"),
        ("baggage", "tenant=acme;prop=1,user=%E9%93%BE"),
    ];
    // The W3C's flag for random ids, and one that nobody knows yet.
    let flags = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-07";
    let cases: [&[(&str, &str)]; 6] = [
        &[],
        &[("traceparent", TRACEPARENT)],
        &with_state,
        &with_state[3..],
        &[("traceparent", flags)],
        &[("traceparent", "00-nonsense"), ("tracestate", "a=1")],
    ];
    for headers in cases {
        // By the way that reads headers itself, by the API's propagators, and not believed.
        same(3, async |traces| {
            let propagator = TextMapCompositePropagator::new(vec![
                Box::new(TraceContext::new()),
                Box::new(Baggage::new()),
            ]);
            for layer in [
                traces.server(),
                traces.server().with_propagator(propagator),
                traces.server().with_public_endpoint(),
            ] {
                in_process(layer, headers, || {
                    let context = Context::current();
                    let tenant = context.baggage().get("tenant").map(ToString::to_string);
                    let tenant = KeyValue::new("tenant", tenant.unwrap_or_default());
                    context.span().set_attribute(tenant);
                    ok()
                })
                .await;
            }
        })
        .await;
    }
}

/// The flags that a caller sent come out again, whoever made the span.
#[tokio::test]
async fn what_is_sent_on() {
    for flags in ["00", "01", "02", "03", "07"] {
        let mut sent = Vec::new();
        for whose in Whose::BOTH {
            let traces = Traces::of(whose, Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
            let client = traces.client();
            let outgoing = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
            let noted = std::sync::Arc::clone(&outgoing);
            let service = service_fn(move |_: Request<()>| {
                let noted = std::sync::Arc::clone(&noted);
                let inner = service_fn(move |request: Request<String>| {
                    let header = request.headers()["traceparent"].to_str().unwrap();
                    header.clone_into(&mut noted.lock().unwrap());
                    async { Ok::<_, std::convert::Infallible>(ok()) }
                });
                let request = Request::get("http://next.example/").body(String::new());
                client.layer(inner).oneshot(request.unwrap())
            });
            let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            let request = Request::get("/").header("traceparent", parent);
            let call = traces.server().layer(service);
            drop(call.oneshot(request.body(()).unwrap()).await.unwrap());
            let outgoing = outgoing.lock().unwrap().clone();
            assert_eq!(outgoing.len(), 55);
            sent.push((outgoing[..35].to_owned(), outgoing[53..].to_owned()));
        }
        assert_eq!(sent[0], sent[1], "{flags}");
        // Flags that nobody knows are not passed on.
        assert_eq!(sent[0].1, if flags == "07" { "03" } else { flags });
    }
}

#[tokio::test]
async fn hooks() {
    for fails in [false, true] {
        let spans = same(1, async |traces| {
            let layer = traces
                .server()
                .with_span_name(|head: &RequestHead<'_>| {
                    Some(format!("named {}", head.path()).into())
                })
                .with_attributes(|head| {
                    vec![
                        KeyValue::new("mine", head.path().to_owned()),
                        // Over the layer's own.
                        KeyValue::new("url.path", "hidden"),
                        KeyValue::new("mine", "twice"),
                    ]
                })
                .on_request(|_, span| {
                    span.set_attribute(KeyValue::new("on_request", true));
                    span.set_attribute(KeyValue::new("url.scheme", "over the start"));
                    span.add_event("requested", vec![KeyValue::new("n", 1)]);
                })
                .on_response(|head, span| {
                    let status = i64::from(head.status().as_u16());
                    span.set_attribute(KeyValue::new("on_response", status));
                    span.set_attribute(KeyValue::new("http.response.status_code", "under the end"));
                })
                .on_end(|outcome, span| {
                    span.set_attribute(KeyValue::new("on_end", outcome.is_error()));
                    span.set_attribute(KeyValue::new("error.type", "over the end"));
                    span.set_attribute(KeyValue::new("on_request", "changed"));
                    span.update_name("at the end");
                    if outcome.is_error() {
                        span.set_status(Status::error("by the hook"));
                    }
                });
            in_process(layer, &[], if fails { failed } else { ok }).await;
        })
        .await;
        assert_eq!(spans[0].name, "at the end");
        assert_eq!(text(&spans[0], "url.path"), Some("hidden"));
    }
    // Without the hook of the end, which changes how the rest is said.
    for fails in [false, true] {
        let spans = same(1, async |traces| {
            let layer = traces
                .server()
                .with_attributes(|_| {
                    vec![
                        KeyValue::new("http.request.method", "over the start"),
                        KeyValue::new("error.type", "under the end"),
                        KeyValue::new("http.response.status_code", "under the end"),
                        KeyValue::new("twice", 1),
                        KeyValue::new("twice", 2),
                    ]
                })
                .with_error_type(|_| Some("mine".into()));
            in_process(layer, &[], if fails { failed } else { ok }).await;
        })
        .await;
        let found = text(&spans[0], "http.request.method");
        assert_eq!(found, Some("over the start"));
    }
}

/// What the request and the response carry for their span.
#[tokio::test]
async fn options_of_one_call() {
    same(1, async |traces| {
        let asked = |n: i64| {
            TraceOptions::new()
                .with_name(format!("asked {n}"))
                .with_attribute(KeyValue::new("asked", n))
                .with_attribute(KeyValue::new("url.path", "hidden"))
                .with_attribute(KeyValue::new("error.type", "under the end"))
        };
        let service = service_fn(async |_: Request<()>| {
            let mut response = failed();
            response.extensions_mut().insert(asked(2));
            Ok::<_, std::convert::Infallible>(response)
        });
        let mut request = Request::get("/orders/7").body(()).unwrap();
        request.extensions_mut().insert(asked(1));
        let response = traces.server().layer(service).oneshot(request);
        net::read(response.await.unwrap()).await.unwrap();
    })
    .await;
}

fn linked() -> SpanContext {
    let state = "l=1".parse::<TraceState>().unwrap();
    let ids = (TraceId::from(7_u128), SpanId::from(8));
    SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, state)
}

/// All that the API can do to a span under way, with the layer's own keys among it.
fn meddle(status: Status) {
    let context = Context::current();
    let span = context.span();
    assert!(span.is_recording());
    span.set_attributes([
        KeyValue::new("url.path", "over the start"),
        KeyValue::new("http.response.status_code", 999),
        KeyValue::new("list", Value::Array(vec![1_i64, 2].into())),
        KeyValue::new("float", 0.5),
        KeyValue::new("flag", false),
        KeyValue::new("text", "链路"),
    ]);
    span.set_attribute(KeyValue::new("flag", true));
    span.add_event("seen", vec![KeyValue::new("n", 1), KeyValue::new("n", 2)]);
    let at = UNIX_EPOCH + Duration::from_secs(1);
    span.add_event_with_timestamp("long ago", at, Vec::new());
    span.add_link(linked(), vec![KeyValue::new("why", "because")]);
    span.record_error(&std::io::Error::other("no luck"));
    span.set_status(status);
    span.update_name("renamed");
}

#[tokio::test]
async fn what_users_do_meanwhile() {
    let error = || Status::error("a user's");
    for status in [Status::Unset, Status::Ok, error()] {
        for answer in [ok, failed] {
            let spans = same(1, async |traces| {
                let status = status.clone();
                in_process(traces.server(), &[], move || {
                    meddle(status.clone());
                    answer()
                })
                .await;
            })
            .await;
            assert_eq!(text(&spans[0], "url.path"), Some("over the start"));
            if status != Status::Unset {
                assert_eq!(spans[0].status, status);
            }
        }
    }
}

#[tokio::test]
async fn more_than_a_span_holds() {
    let spans = same(1, async |traces| {
        in_process(traces.server(), &[], || {
            let context = Context::current();
            let span = context.span();
            for n in 0..200_i64 {
                span.set_attribute(KeyValue::new(format!("key {n}"), n));
                span.add_event(format!("event {n}"), Vec::new());
                span.add_link(linked(), vec![KeyValue::new("n", n)]);
            }
            ok()
        })
        .await;
    })
    .await;
    let span = &spans[0];
    assert_eq!(span.attributes.len(), 128);
    assert!(span.dropped_attributes_count > 72);
    assert_eq!((span.events.len(), span.events.dropped_count), (128, 72));
    assert_eq!((span.links.len(), span.links.dropped_count), (128, 72));
}

/// A client in the context of another span, with baggage of its own.
#[tokio::test]
async fn clients_inside_of_other_spans() {
    same(3, async |traces| {
        let (mut client, _) = echo::pair(&traces).await;
        let root = traces.root("root");
        let with_baggage = root.with_baggage([KeyValue::new("tenant", "acme")]);
        let call = client.unary(message("hello", 0));
        call.with_context(with_baggage).await.unwrap();
        root.span().end();
    })
    .await;
}
