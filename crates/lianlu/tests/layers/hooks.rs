//! Hooks are called once for each call, and samplers get the attributes of the start.

use std::sync::{Arc, Mutex};

use ::http::{Method, Request, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::{
    KeyValue, ServerLayer,
    layer::{Outcome, RequestHead, ResponseHead},
    net::HeaderCapture,
};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::metrics::Metrics;
use crate::common::sampler::{Question, RecordingSampler};
use crate::common::traces::{self, Traces, assert_error, assert_fine, text};
use crate::common::{Gate, soon};

/// The calls of the hooks, in order.
#[derive(Clone, Default)]
struct HookLog(Arc<Mutex<Vec<String>>>);

impl HookLog {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// A layer with all three hooks.
    fn hook<K: lianlu::layer::Side>(&self, layer: lianlu::TraceLayer<K>) -> lianlu::TraceLayer<K> {
        let (requests, responses, ends) = (self.clone(), self.clone(), self.clone());
        layer
            .on_request(move |head: &RequestHead<'_>, span| {
                requests.add(format!("request {} {}", head.method(), head.path()));
                span.set_attribute(KeyValue::new("hook.request", true));
            })
            .on_response(move |head: &ResponseHead<'_>, span| {
                responses.add(format!("response {}", head.status().as_u16()));
                span.set_attribute(KeyValue::new("hook.response", true));
            })
            .on_end(move |outcome: &Outcome<'_>, span| {
                ends.add(end(outcome));
                span.set_attribute(KeyValue::new("hook.end", true));
            })
    }
}

fn end(outcome: &Outcome<'_>) -> String {
    let mut line = "end".to_owned();
    if let Some(status) = outcome.http_status() {
        line += &format!(" {}", status.as_u16());
    }
    if let Some(code) = outcome.grpc_code() {
        line += &format!(" {code:?}");
    }
    if let Some(error_type) = outcome.error_type() {
        line += &format!(" error={error_type} message={:?}", outcome.message());
    }
    assert_eq!(outcome.is_error(), outcome.error_type().is_some());
    for (flag, word) in [
        (outcome.is_panic(), " panic"),
        (outcome.is_cancelled(), " cancelled"),
    ] {
        if flag {
            line += word;
        }
    }
    line
}

fn has_hooks(span: &opentelemetry_sdk::trace::SpanData) -> [bool; 3] {
    ["hook.request", "hook.response", "hook.end"].map(|key| traces::attr(span, key).is_some())
}

async fn serve(layer: ServerLayer, gate: Gate) -> std::net::SocketAddr {
    let hung = gate.clone();
    let app = Router::new()
        .route("/", get(async || "hello"))
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/body-fails",
            get(async || response(None, scripted([Step::Data("a"), Step::Fail]))),
        )
        .route("/panics", get(async || -> String { panic!("on request") }))
        .route(
            "/hangs",
            get(async move || {
                hung.open();
                std::future::pending::<String>().await
            }),
        )
        .layer(layer);
    net::serve(app).await
}

#[tokio::test]
async fn hooks_are_called_once_for_each_http_call() {
    let traces = Traces::default();
    let log = HookLog::default();
    let gate = Gate::default();
    let address = serve(log.hook(traces.server()), gate.clone()).await;
    let client = net::plain(Version::HTTP_11);
    for (at, (path, expected)) in [
        ("/", &["response 200", "end 200"][..]),
        ("/nowhere", &["response 404", "end 404"]),
        ("/no", &["response 500", "end 500 error=500 message=\"\""]),
        (
            "/body-fails",
            &[
                "response 200",
                "end 200 error=Other message=\"the disk is gone\"",
            ],
        ),
        ("/panics", &["end error=panic message=\"panic\" panic"]),
    ]
    .into_iter()
    .enumerate()
    {
        let request = net::request(Method::GET, address, path);
        if let Ok(response) = soon(client.request(request)).await {
            let _ = net::read(response).await;
        }
        let spans = traces.all(at + 1).await;
        let request = format!("request GET {path}");
        let mut all = vec![request.as_str()];
        all.extend(expected);
        assert_eq!(log.take(), all);
        let has_response = expected.len() > 1;
        assert_eq!(has_hooks(&spans[at]), [true, has_response, true], "{path}");
    }

    let call = tokio::spawn(client.request(net::request(Method::GET, address, "/hangs")));
    soon(gate.pass()).await;
    assert_eq!(log.take(), ["request GET /hangs"]);
    call.abort();
    traces.all(6).await;
    assert_eq!(log.take(), ["end cancelled"]);
}

#[tokio::test]
async fn hooks_are_called_once_for_each_grpc_call() {
    let traces = Traces::default();
    let (server, client) = (HookLog::default(), HookLog::default());
    let echo = Echo::new(&traces);
    let address = echo::serve(server.hook(traces.server()), echo.clone()).await;
    let mut grpc = echo::connect(client.hook(traces.client()), address).await;

    let reply = grpc.server_stream(message("tick", 3)).await.unwrap();
    let mut replies = reply.into_inner();
    replies.message().await.unwrap().unwrap();
    let begun = [
        "request POST /lianlu.testing.Echo/ServerStream",
        "response 200",
    ];
    assert_eq!(client.take(), begun);
    while replies.message().await.unwrap().is_some() {}
    traces.all(2).await;
    assert_eq!(client.take(), ["end 200 Ok"]);
    assert_eq!(server.take(), [begun[0], begun[1], "end 200 Ok"]);

    grpc.unary(message("fail 5 nothing", 0)).await.unwrap_err();
    traces.all(4).await;
    let request = "request POST /lianlu.testing.Echo/Unary";
    assert_eq!(server.take(), [request, "response 200", "end 200 NotFound"]);
    assert_eq!(
        client.take(),
        [
            request,
            "response 200",
            "end 200 NotFound error=NOT_FOUND message=\"nothing\""
        ]
    );

    let replies = grpc.server_stream(message("hang", 0)).await.unwrap();
    drop(replies);
    traces.all(6).await;
    assert_eq!(client.take()[2..], ["end 200 Cancelled cancelled"]);
    assert_eq!(server.take()[2..], ["end 200 Cancelled cancelled"]);
}

#[tokio::test]
async fn hooks_are_not_called_for_unsampled_calls() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let metrics = Metrics::default();
    let log = HookLog::default();
    let layer = metrics.on(traces.server());
    let address = serve(log.hook(layer), Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    soon(client.request(net::request(Method::GET, address, "/")))
        .await
        .unwrap();
    metrics.counted("http.server.request.duration", 1).await;
    assert_eq!(log.take(), [""; 0]);
}

/// On spans and metrics, and for `on_end`.
#[tokio::test]
async fn a_classifier_decides_what_is_an_error() {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let log = HookLog::default();
    let layer = metrics.on(traces.server()).with_errors(|errors| {
        errors
            .classifier(|outcome| {
                assert_eq!(outcome.is_error(), outcome.http_status().unwrap() == 500);
                outcome.http_status().unwrap() == 404
            })
            .error_type(|outcome| Some(format!("mine-{}", outcome.error_type()?).into()))
    });
    let address = serve(log.hook(layer), Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    for path in ["/no", "/nowhere"] {
        let request = net::request(Method::GET, address, path);
        soon(client.request(request)).await.unwrap();
    }
    let spans = traces.all(2).await;
    assert_fine(&spans[0]);
    assert_error(&spans[1], "mine-404");
    let lines = log.take();
    assert_eq!(lines[2], "end 500");
    assert_eq!(lines[5], "end 404 error=mine-404 message=\"\"");
    let series = metrics.counted("http.server.request.duration", 2).await;
    let error_type = |status: &str| {
        let mut found = series.iter();
        let found = found.find(|it| it.label("http.response.status_code") == Some(status));
        found.unwrap().label("error.type")
    };
    assert_eq!(error_type("500"), None);
    assert_eq!(error_type("404"), Some("mine-404"));
}

/// If the call is not an error.
#[tokio::test]
async fn on_end_can_set_the_status() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .on_end(|_, span| span.set_status(Status::Ok));
    let address = serve(layer, Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    soon(client.request(net::request(Method::GET, address, "/")))
        .await
        .unwrap();
    assert_eq!(traces::server(&traces.all(1).await).status, Status::Ok);
}

/// Those that the conventions mark as relevant to sampling, and the user's.
#[tokio::test]
async fn samplers_get_names_and_attributes() {
    let sampler = RecordingSampler::new(SamplingDecision::RecordAndSample);
    let traces = || Traces::with_sampler(lianlu::Sampler::custom(sampler.clone()));
    let questions = || -> [Question; 2] { sampler.take().try_into().unwrap() };
    let has_parent = |question: &Question| {
        let parent = question.parent.as_ref();
        parent.is_some_and(|parent| parent.span().span_context().is_valid())
    };
    let captured = HeaderCapture::new().allow("x-tenant");
    let client = traces()
        .client()
        .with_capture(|capture| capture.request_headers(captured.clone()))
        .with_attributes(|head| vec![KeyValue::new("mine", head.path().to_owned())]);
    let server = traces()
        .server()
        .with_capture(|capture| capture.request_headers(captured))
        .with_attributes(|head| vec![KeyValue::new("mine", head.path().to_owned())])
        .with_span_name(|head| head.path().starts_with("/lianlu.").then(|| "mine".into()));

    let app = tonic::service::Routes::new(lianlu_protos::testing::echo_server::EchoServer::new(
        Echo::default(),
    ))
    .into_axum_router()
    .route("/orders/{id}", get(async || "an order"))
    .layer(server);
    let address = net::serve(app).await;
    let port = address.port().to_string();

    let request = Request::get(format!("http://{address}/orders/7?q=1"))
        .header("user-agent", "curl")
        .header("x-tenant", "acme")
        .body(Body::empty());
    let http = net::connect(client.clone(), Version::HTTP_11);
    let call = tower::ServiceExt::oneshot(http, request.unwrap());
    net::read(soon(call).await.unwrap()).await.unwrap();
    let [client_start, server_start] = questions();
    assert_eq!(
        (client_start.kind.clone(), client_start.name.as_str()),
        (SpanKind::Client, "GET")
    );
    assert_eq!(server_start.kind, SpanKind::Server);
    assert_eq!(server_start.name, "GET /orders/{id}");
    assert!(!has_parent(&client_start) && has_parent(&server_start));
    client_start.has("url.full", &format!("http://{address}/orders/7?q=1"));
    server_start.has("url.path", "/orders/7");
    server_start.has("url.query", "q=1");
    server_start.has("url.scheme", "http");
    server_start.has("client.address", "127.0.0.1");
    server_start.has("user_agent.original", "curl");
    server_start.has("http.route", "/orders/{id}");
    for start in [&client_start, &server_start] {
        start.has("http.request.method", "GET");
        start.has("server.address", "127.0.0.1");
        start.has("server.port", &port);
        start.has("http.request.header.x-tenant", "[\"acme\"]");
        start.has("mine", "/orders/7");
    }

    let target = format!("http://{address}");
    let mut grpc = echo::connect(client.with_target(&target), address).await;
    grpc.unary(message("hello", 0)).await.unwrap();
    let [client_start, server_start] = questions();
    assert_eq!(client_start.name, "lianlu.testing.Echo/Unary");
    assert_eq!(server_start.name, "mine");
    for start in [&client_start, &server_start] {
        start.has("rpc.system.name", "grpc");
        start.has("rpc.method", "lianlu.testing.Echo/Unary");
        start.has("server.address", "127.0.0.1");
        start.has("server.port", &port);
        start.has("mine", "/lianlu.testing.Echo/Unary");
    }
}

/// Neither by a late route, nor by an unknown gRPC method.
#[tokio::test]
async fn a_name_by_with_span_name_is_not_replaced() {
    let traces = Traces::default();
    let layer = || traces.server().with_span_name(|_| Some("mine".into()));
    let app = Router::new()
        .route("/", get(async || "hello"))
        .route_layer(lianlu::route_layer());
    let app = Router::new().fallback_service(app).layer(layer());
    let address = net::serve(app).await;
    let client = net::plain(Version::HTTP_11);
    soon(client.request(net::request(Method::GET, address, "/")))
        .await
        .unwrap();
    let span = traces::server(&traces.all(1).await);
    assert_eq!(
        (span.name.as_ref(), text(&span, "http.route")),
        ("mine", Some("/"))
    );

    let address = echo::serve(layer(), Echo::new(&traces)).await;
    let request = net::grpc_request(address, "/lianlu.testing.Echo/Nothing");
    net::send(Version::HTTP_2, request).await;
    let span = traces.all(2).await.remove(1);
    assert_eq!(span.name, "mine");
    let original = text(&span, "rpc.method_original");
    assert_eq!(original, Some("lianlu.testing.Echo/Nothing"));
}

#[tokio::test]
async fn with_metric_attributes_adds_labels_to_metrics_only() {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let layer = metrics.on(traces.server()).with_metrics(|metrics| {
        metrics.attributes(|outcome| {
            let fine = outcome
                .http_status()
                .is_some_and(|status| status.is_success());
            vec![KeyValue::new("fine", fine)]
        })
    });
    let address = serve(layer, Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    for path in ["/", "/", "/nowhere"] {
        let request = net::request(Method::GET, address, path);
        soon(client.request(request)).await.unwrap();
    }
    let series = metrics.counted("http.server.request.duration", 3).await;
    let mut counts: Vec<_> = series
        .iter()
        .map(|series| (series.label("fine").unwrap(), series.count))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("false", 1), ("true", 2)]);
    let spans = traces.all(3).await;
    assert!(
        spans
            .iter()
            .all(|span| traces::attr(span, "fine").is_none())
    );
}
