//! The four duration metrics: described by the conventions, with one value for each call, which is
//! the duration of its span.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use lianlu::{ClientLayer, ServerLayer, TraceOptions};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, EchoClient, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::metrics::{Metrics, Series, Values};
use crate::common::traces::{self, Traces, text};
use crate::common::{Gate, soon};

const HTTP_SERVER: &str = "http.server.request.duration";
const HTTP_CLIENT: &str = "http.client.request.duration";
const RPC_SERVER: &str = "rpc.server.call.duration";
const RPC_CLIENT: &str = "rpc.client.call.duration";

const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

fn layers(traces: &Traces, metrics: &Metrics) -> (ServerLayer, ClientLayer) {
    (metrics.on(traces.server()), metrics.on(traces.client()))
}

/// `/orders/{id}` answers, `/status/{code}` answers with that status, `/cut` fails in its body,
/// `/hang` never answers, `/endless` never ends, `/panic` panics.
async fn serve(layer: ServerLayer, entered: &Gate) -> SocketAddr {
    let inside = entered.clone();
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route(
            "/status/{code}",
            get(
                async |axum::extract::Path(code): axum::extract::Path<u16>| {
                    StatusCode::from_u16(code).unwrap()
                },
            ),
        )
        .route(
            "/cut",
            get(async || response(None, scripted([Step::Data("hel"), Step::Fail]))),
        )
        .route(
            "/endless",
            get(async || response(None, scripted([Step::Data("hel"), Step::Hang]))),
        )
        .route(
            "/hang",
            get(async move || {
                inside.open();
                std::future::pending::<()>().await;
            }),
        )
        .route("/panic", get(async || -> () { panic!("on request") }))
        .layer(layer);
    net::serve(app).await
}

async fn echo_pair(
    server: ServerLayer,
    client: ClientLayer,
    traces: &Traces,
) -> (EchoClient, Echo, SocketAddr) {
    let echo = Echo::new(traces);
    let address = echo::serve(server, echo.clone()).await;
    let client = client.with_target(format!("http://{address}"));
    (echo::connect(client, address).await, echo, address)
}

fn assert_described(series: &Series, description: &str) {
    assert_eq!(series.unit, "s", "{series:?}");
    assert_eq!(series.description, description);
    assert_eq!(series.bounds, SECONDS, "{series:?}");
    assert_eq!(series.scope.name(), "lianlu");
    assert_eq!(series.scope.version(), Some(env!("CARGO_PKG_VERSION")));
    let schema = series.scope.schema_url().unwrap();
    assert!(
        schema == "https://opentelemetry.io/schemas/1.44.0",
        "{schema}"
    );
}

#[tokio::test]
async fn http_durations_have_the_buckets_and_labels_of_the_conventions() {
    let (traces, metrics) = (Traces::default(), Metrics::default());
    let (server, client) = layers(&traces, &metrics);
    let address = serve(server, &Gate::default()).await;
    let client = net::connect(client, Version::HTTP_11);
    for id in 0..3 {
        let path = format!("/orders/{id}?token=secret");
        net::fetch(&client, address, &path).await;
    }
    let [on_server] = &metrics.counted(HTTP_SERVER, 3).await[..] else {
        panic!("not one series")
    };
    assert_described(on_server, "Duration of HTTP server requests.");
    assert_eq!(
        on_server.line(),
        "http.request.method=\"GET\" http.response.status_code=200 http.route=\"/orders/{id}\" \
         network.protocol.version=\"1.1\" url.scheme=\"http\""
    );
    let [on_client] = &metrics.counted(HTTP_CLIENT, 3).await[..] else {
        panic!("not one series")
    };
    assert_described(on_client, "Duration of HTTP client requests.");
    let port = address.port();
    assert_eq!(
        on_client.line(),
        format!(
            "http.request.method=\"GET\" http.response.status_code=200 \
             network.protocol.version=\"1.1\" server.address=\"127.0.0.1\" server.port={port}"
        )
    );
    // No other metrics by default.
    assert_eq!(metrics.names(), [HTTP_CLIENT, HTTP_SERVER]);
}

#[tokio::test]
async fn grpc_durations_have_the_buckets_and_labels_of_the_conventions() {
    let (traces, metrics) = (Traces::default(), Metrics::default());
    let (server, client) = layers(&traces, &metrics);
    let (mut client, _, address) = echo_pair(server, client, &traces).await;
    for _ in 0..3 {
        client.unary(message("hi", 0)).await.unwrap();
    }
    let [on_server] = &metrics.counted(RPC_SERVER, 3).await[..] else {
        panic!("not one series")
    };
    let description = "Measures the duration of an incoming Remote Procedure Call (RPC).";
    assert_described(on_server, description);
    assert_eq!(
        on_server.line(),
        "rpc.method=\"lianlu.testing.Echo/Unary\" rpc.response.status_code=\"OK\" \
         rpc.system.name=\"grpc\""
    );
    let [on_client] = &metrics.counted(RPC_CLIENT, 3).await[..] else {
        panic!("not one series")
    };
    let description = "Measures the duration of an outgoing Remote Procedure Call (RPC).";
    assert_described(on_client, description);
    let port = address.port();
    assert_eq!(
        on_client.line(),
        format!(
            "rpc.method=\"lianlu.testing.Echo/Unary\" rpc.response.status_code=\"OK\" \
             rpc.system.name=\"grpc\" server.address=\"127.0.0.1\" server.port={port}"
        )
    );
    assert_eq!(metrics.names(), [RPC_CLIENT, RPC_SERVER]);
}

/// Asserts one value: the duration of the span, with its `error.type`.
fn assert_agrees(series: &[Series], span: &SpanData) {
    let [series] = series else {
        panic!("not one series: {series:#?}")
    };
    let duration = span.end_time.duration_since(span.start_time).unwrap();
    let difference = (series.sum - duration.as_secs_f64()).abs();
    assert!(difference < 1e-6, "{series:#?} of {span:#?}");
    assert_eq!(series.label("error.type"), text(span, "error.type"));
}

#[tokio::test]
async fn http_durations_are_those_of_the_spans() {
    for (path, class, client_class) in [
        ("/orders/7", None, None),
        ("/status/404", None, Some("404")),
        ("/status/503", Some("503"), Some("503")),
        ("/cut", Some("Other"), None),
        ("/endless", None, None),
        ("/hang", None, None),
        ("/panic", Some("panic"), None),
    ] {
        let (traces, metrics) = (Traces::default(), Metrics::default());
        let (server, client) = layers(&traces, &metrics);
        let entered = Gate::default();
        let address = serve(server, &entered).await;
        let client = net::connect(client, Version::HTTP_2);
        match path {
            "/hang" => {
                let call =
                    tokio::spawn(async move { net::get(&client, address, path).await.map(drop) });
                soon(entered.pass()).await;
                call.abort();
            }
            "/endless" => {
                let mut response = net::get(&client, address, path).await.unwrap();
                soon(response.body_mut().frame()).await.unwrap().unwrap();
            }
            _ => {
                if let Ok(response) = net::get(&client, address, path).await {
                    let _ = net::read(response).await;
                }
            }
        }
        let (client, server) = traces.pair().await;
        assert_eq!(text(&server, "error.type"), class, "{path}");
        if client_class.is_some() {
            assert_eq!(text(&client, "error.type"), client_class, "{path}");
        }
        assert_agrees(&metrics.counted(HTTP_SERVER, 1).await, &server);
        assert_agrees(&metrics.counted(HTTP_CLIENT, 1).await, &client);
    }
}

#[tokio::test]
async fn grpc_durations_are_those_of_the_spans() {
    for (what, class) in [
        ("hi", None),
        ("fail 5 no such thing", None),
        ("fail 13 oh", Some("INTERNAL")),
        ("panic", Some("panic")),
        ("hang", None),
        ("stream", None),
        ("stream dropped", None),
    ] {
        let (traces, metrics) = (Traces::default(), Metrics::default());
        let (server, client) = layers(&traces, &metrics);
        let (mut client, echo, _) = echo_pair(server, client, &traces).await;
        match what {
            "hang" => {
                let call = tokio::spawn(async move { client.unary(message("hang", 0)).await });
                soon(echo.entered.pass()).await;
                call.abort();
            }
            "stream" | "stream dropped" => {
                let replies = client.server_stream(message("wait to end", 2)).await;
                let mut replies = replies.unwrap().into_inner();
                soon(replies.message()).await.unwrap().unwrap();
                if what == "stream" {
                    echo.gate.open();
                    while soon(replies.message()).await.unwrap().is_some() {}
                }
            }
            text => drop(client.unary(message(text, 0)).await),
        }
        let (client, server) = traces.pair().await;
        assert_eq!(text(&server, "error.type"), class, "{what}");
        assert_agrees(&metrics.counted(RPC_SERVER, 1).await, &server);
        assert_agrees(&metrics.counted(RPC_CLIENT, 1).await, &client);
    }
}

/// From the start of the first slice to the end of the last one.
#[tokio::test]
async fn a_sliced_stream_is_one_value() {
    let (traces, metrics) = (Traces::default(), Metrics::default());
    let (server, client) = layers(&traces, &metrics);
    let slice = lianlu::StreamEnd::Sliced(Duration::from_millis(5));
    let (mut client, echo, _) = echo_pair(server.with_stream_end(slice), client, &traces).await;
    let replies = client.server_stream(message("wait to end", 1)).await;
    let mut replies = replies.unwrap().into_inner();
    soon(replies.message()).await.unwrap().unwrap();
    // Two slices have ended; the third one and the client span are open.
    soon(async {
        while traces.started() < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(metrics.of(RPC_SERVER).is_empty());
    echo.gate.open();
    while soon(replies.message()).await.unwrap().is_some() {}
    let series = metrics.counted(RPC_SERVER, 1).await;
    let spans = traces.finished();
    let slices = traces::of_kind(&spans, &lianlu::SpanKind::Server);
    let first = slices.iter().map(|span| span.start_time).min().unwrap();
    let last = slices.iter().map(|span| span.end_time).max().unwrap();
    let duration = last.duration_since(first).unwrap().as_secs_f64();
    assert!((series[0].sum - duration).abs() < 1e-6);
}

/// By the sampler or by a sampling filter.
#[tokio::test]
async fn unsampled_calls_are_recorded() {
    for by_filter in [false, true] {
        let traces = match by_filter {
            true => Traces::default(),
            false => Traces::with_sampler(Sampler::AlwaysOff),
        };
        let metrics = Metrics::default();
        let (mut server, mut client) = layers(&traces, &metrics);
        if by_filter {
            server = server.with_sampling_filter(|_| false);
            client = client.with_sampling_filter(|_| false);
        }
        let (mut echo, _, _) = echo_pair(server.clone(), client.clone(), &traces).await;
        echo.unary(message("fail 13 oh", 0)).await.unwrap_err();
        let address = serve(server, &Gate::default()).await;
        let client = net::connect(client, Version::HTTP_11);
        let response = net::get(&client, address, "/status/500").await;
        net::read(response.unwrap()).await.unwrap();
        for (name, class) in [
            (RPC_SERVER, "INTERNAL"),
            (RPC_CLIENT, "INTERNAL"),
            (HTTP_SERVER, "500"),
            (HTTP_CLIENT, "500"),
        ] {
            let series = metrics.counted(name, 1).await;
            assert_eq!(series[0].label("error.type"), Some(class), "{series:?}");
        }
        assert!(traces.finished().is_empty());
    }
}

fn empty_request(extension: Option<TraceOptions>) -> Request<()> {
    let mut request = Request::get("http://shop.example/").body(()).unwrap();
    if let Some(extension) = extension {
        request.extensions_mut().insert(extension);
    }
    request
}

#[tokio::test]
async fn filtered_and_muted_calls_are_not_recorded() {
    let (traces, values) = (Traces::default(), Values::default());
    let server = values.on(traces.server());
    let server = server.with_active_requests().with_body_sizes();
    let client = values.on(traces.client());
    let client = client.with_active_requests().with_body_sizes();
    for muted in [false, true] {
        let (mut server, mut client) = (server.clone(), client.clone());
        if !muted {
            server = server.with_filter(|_| false);
            client = client.with_filter(|_| false);
        }
        let request = || empty_request(muted.then(TraceOptions::muted));
        let call = server.layer(service_fn(net::answer)).oneshot(request());
        drop(call.await.unwrap());
        let call = client.layer(service_fn(net::answer)).oneshot(request());
        drop(call.await.unwrap());
    }
    assert!(values.all().is_empty(), "{:#?}", values.all());
    // The same call without a filter.
    let call = server
        .layer(service_fn(net::answer))
        .oneshot(empty_request(None));
    drop(call.await.unwrap());
    assert_eq!(values.of(HTTP_SERVER).len(), 1);
    assert_eq!(traces::server(&traces.finished()).name, "GET");
}

#[tokio::test]
async fn without_metrics_switches_them_off() {
    let values = Values::default();
    let layer = Traces::default()
        .server()
        .with_meter_provider(values.clone());
    let off = layer.clone().without_metrics();
    let call = off
        .layer(service_fn(net::answer))
        .oneshot(empty_request(None));
    drop(call.await.unwrap());
    assert!(values.all().is_empty());
    let call = layer
        .layer(service_fn(net::answer))
        .oneshot(empty_request(None));
    drop(call.await.unwrap());
    assert_eq!(values.all().len(), 1);
}
