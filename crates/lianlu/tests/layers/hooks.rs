//! Hooks see each call once, and samplers see at the start all that they may decide by.

use std::sync::{Arc, Mutex};

use ::http::{Method, Request, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::{HeaderCapture, KeyValue, Outcome, RequestHead, ResponseHead, ServerLayer};
use opentelemetry::Context;
use opentelemetry::trace::{Link, SpanKind, Status, TraceContextExt, TraceId, TraceState};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::measured::Measured;
use crate::common::traces::{self, Traces, assert_error, assert_fine, text};
use crate::common::{Gate, soon};

/// What the hooks were called with, in order.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// A layer with all three hooks.
    fn hook<K: lianlu::Side>(&self, layer: lianlu::TraceLayer<K>) -> lianlu::TraceLayer<K> {
        let (requests, responses, ends) = (self.clone(), self.clone(), self.clone());
        layer
            .on_request(move |head: &RequestHead<'_>, span| {
                requests.say(format!("request {} {}", head.method(), head.path()));
                span.set_attribute(KeyValue::new("hook.request", true));
            })
            .on_response(move |head: &ResponseHead<'_>, span| {
                responses.say(format!("response {}", head.status().as_u16()));
                span.set_attribute(KeyValue::new("hook.response", true));
            })
            .on_end(move |outcome: &Outcome<'_>, span| {
                ends.say(end(outcome));
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
        .route("/panics", get(async || -> String { panic!("told to") }))
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
async fn each_call_of_an_http_server_is_said_once() {
    let traces = Traces::default();
    let said = Said::default();
    let gate = Gate::default();
    let address = serve(said.hook(traces.server()), gate.clone()).await;
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
        assert_eq!(said.take(), all);
        let has_response = expected.len() > 1;
        assert_eq!(has_hooks(&spans[at]), [true, has_response, true], "{path}");
    }

    let call = tokio::spawn(client.request(net::request(Method::GET, address, "/hangs")));
    soon(gate.pass()).await;
    assert_eq!(said.take(), ["request GET /hangs"]);
    call.abort();
    traces.all(6).await;
    assert_eq!(said.take(), ["end cancelled"]);
}

#[tokio::test]
async fn each_call_of_grpc_is_said_once() {
    let traces = Traces::default();
    let (server, client) = (Said::default(), Said::default());
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
async fn calls_that_are_not_sampled_are_not_said() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let measured = Measured::default();
    let said = Said::default();
    let layer = traces
        .server()
        .with_meter_provider(measured.provider.clone());
    let address = serve(said.hook(layer), Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    soon(client.request(net::request(Method::GET, address, "/")))
        .await
        .unwrap();
    measured.of("http.server.request.duration", 1).await;
    assert_eq!(said.take(), [""; 0]);
}

/// The classifier has the last word on spans and metrics, and what `on_end` sees.
#[tokio::test]
async fn what_is_an_error_can_be_decided() {
    let traces = Traces::default();
    let measured = Measured::default();
    let said = Said::default();
    let layer = traces
        .server()
        .with_meter_provider(measured.provider.clone())
        .with_error_classifier(|outcome| {
            assert_eq!(outcome.is_error(), outcome.http_status().unwrap() == 500);
            outcome.http_status().unwrap() == 404
        })
        .with_error_type(|outcome| Some(format!("mine-{}", outcome.error_type()?).into()));
    let address = serve(said.hook(layer), Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    for path in ["/no", "/nowhere"] {
        let request = net::request(Method::GET, address, path);
        soon(client.request(request)).await.unwrap();
    }
    let spans = traces.all(2).await;
    assert_fine(&spans[0]);
    assert_error(&spans[1], "mine-404");
    let lines = said.take();
    assert_eq!(lines[2], "end 500");
    assert_eq!(lines[5], "end 404 error=mine-404 message=\"\"");
    let series = measured.of("http.server.request.duration", 2).await;
    let error_type = |status: &str| {
        let mut found = series.iter();
        let found = found.find(|series| series.labels["http.response.status_code"] == status);
        found.unwrap().labels.get("error.type").cloned()
    };
    assert_eq!(error_type("500"), None);
    assert_eq!(error_type("404").as_deref(), Some("mine-404"));
}

/// A span's status that `on_end` sets stays if the call is no error.
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

/// What a sampler was asked.
#[derive(Debug, Clone)]
struct Asked {
    has_parent: bool,
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
}

impl Asked {
    #[track_caller]
    fn has(&self, key: &str, value: &str) {
        let mut found = self.attributes.iter();
        let found = found.find(|attribute| attribute.key.as_str() == key);
        let found = found.unwrap_or_else(|| panic!("no {key}: {self:#?}"));
        assert_eq!(found.value.to_string(), value, "{key}");
    }
}

/// Samples all, and keeps what it saw.
#[derive(Debug, Clone, Default)]
struct Nosy(Arc<Mutex<Vec<Asked>>>);

impl ShouldSample for Nosy {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        self.0.lock().unwrap().push(Asked {
            has_parent: parent.is_some_and(|parent| parent.span().span_context().is_valid()),
            name: name.to_owned(),
            kind: kind.clone(),
            attributes: attributes.to_vec(),
        });
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

impl Nosy {
    fn traces(&self) -> Traces {
        Traces::with_sampler(self.clone())
    }

    fn take(&self) -> [Asked; 2] {
        let asked = std::mem::take(&mut *self.0.lock().unwrap());
        asked.try_into().unwrap()
    }
}

/// All that the conventions mark as relevant to sampling is there when the sampler is asked.
#[tokio::test]
async fn a_sampler_sees_names_and_attributes() {
    let nosy = Nosy::default();
    let captured = HeaderCapture::new().allow("x-tenant");
    let client = nosy
        .traces()
        .client()
        .with_captured_request_headers(captured.clone())
        .with_attributes(|head| vec![KeyValue::new("mine", head.path().to_owned())]);
    let server = nosy
        .traces()
        .server()
        .with_captured_request_headers(captured)
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
    let [asked, served] = nosy.take();
    assert_eq!(
        (asked.kind.clone(), asked.name.as_str()),
        (SpanKind::Client, "GET")
    );
    assert_eq!(served.kind, SpanKind::Server);
    assert_eq!(served.name, "GET /orders/{id}");
    assert!(!asked.has_parent && served.has_parent);
    asked.has("url.full", &format!("http://{address}/orders/7?q=1"));
    served.has("url.path", "/orders/7");
    served.has("url.query", "q=1");
    served.has("url.scheme", "http");
    served.has("client.address", "127.0.0.1");
    served.has("user_agent.original", "curl");
    served.has("http.route", "/orders/{id}");
    for both in [&asked, &served] {
        both.has("http.request.method", "GET");
        both.has("server.address", "127.0.0.1");
        both.has("server.port", &port);
        both.has("http.request.header.x-tenant", "[\"acme\"]");
        both.has("mine", "/orders/7");
    }

    let target = format!("http://{address}");
    let mut grpc = echo::connect(client.with_target(&target), address).await;
    grpc.unary(message("hello", 0)).await.unwrap();
    let [asked, served] = nosy.take();
    assert_eq!(asked.name, "lianlu.testing.Echo/Unary");
    assert_eq!(served.name, "mine");
    for both in [&asked, &served] {
        both.has("rpc.system.name", "grpc");
        both.has("rpc.method", "lianlu.testing.Echo/Unary");
        both.has("server.address", "127.0.0.1");
        both.has("server.port", &port);
        both.has("mine", "/lianlu.testing.Echo/Unary");
    }
}

/// A name from the hook stays where the route becomes known late, or the method turns out to be unknown.
#[tokio::test]
async fn a_name_from_a_hook_stays() {
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
    let request = Request::post(format!("http://{address}/lianlu.testing.Echo/Nothing"))
        .header("content-type", "application/grpc")
        .body(Body::empty());
    let client = net::plain(Version::HTTP_2);
    soon(client.request(request.unwrap())).await.unwrap();
    let span = traces.all(2).await.remove(1);
    assert_eq!(span.name, "mine");
    let original = text(&span, "rpc.method_original");
    assert_eq!(original, Some("lianlu.testing.Echo/Nothing"));
}

#[tokio::test]
async fn metrics_get_labels_of_the_users() {
    let traces = Traces::default();
    let measured = Measured::default();
    let layer = traces
        .server()
        .with_meter_provider(measured.provider.clone())
        .with_metric_attributes(|outcome| {
            let fine = outcome
                .http_status()
                .is_some_and(|status| status.is_success());
            vec![KeyValue::new("fine", fine)]
        });
    let address = serve(layer, Gate::default()).await;
    let client = net::plain(Version::HTTP_11);
    for path in ["/", "/", "/nowhere"] {
        let request = net::request(Method::GET, address, path);
        soon(client.request(request)).await.unwrap();
    }
    let series = measured.of("http.server.request.duration", 3).await;
    let mut counts: Vec<_> = series
        .iter()
        .map(|series| (series.labels["fine"].as_str(), series.count))
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
