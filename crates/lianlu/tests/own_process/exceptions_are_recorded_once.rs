//! Errors of the service, of the body and panics are exceptions: events of the span by default, logs where
//! they are asked for. What the peer answers with is none.
//!
//! A process can't change its environment safely, so a test starts itself again with another one.

use std::process::Command;

use ::http::{Method, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu::{Exceptions, ServerLayer};
use opentelemetry::logs::Severity;
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use opentelemetry_sdk::trace::{Sampler, SpanData};

use crate::common::echo::{self, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::traces::{self, Traces};
use crate::common::{nobody, soon};

const STARTED: &str = "LIANLU_TEST_STARTED";
const VARIABLE: &str = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN";

/// A place that logs go to.
#[derive(Clone)]
struct Logs {
    provider: SdkLoggerProvider,
    exporter: InMemoryLogExporter,
}

impl Logs {
    fn new() -> Self {
        let exporter = InMemoryLogExporter::default();
        let provider = SdkLoggerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        Self { provider, exporter }
    }

    /// Event, severity, class and text of each, with the span that it belongs to.
    fn all(&self) -> Vec<(String, [String; 2])> {
        let logs = self.exporter.get_emitted_logs().unwrap();
        let lines = logs.iter().map(|log| {
            let record = &log.record;
            assert!(["lianlu", "kratos"].contains(&log.instrumentation.name()));
            assert!(record.timestamp().is_some());
            let severity = record.severity_number().unwrap();
            assert_eq!(record.severity_text(), Some(severity.name()));
            assert!(matches!(severity, Severity::Warn | Severity::Error));
            let mut line = format!("{} {severity:?}", record.event_name().unwrap());
            for (key, value) in record.attributes_iter() {
                let opentelemetry::logs::AnyValue::String(value) = value else {
                    panic!("{record:?}")
                };
                line += &format!(" {key}={value}");
            }
            let ids = record.trace_context().unwrap();
            let ids = [ids.trace_id.to_string(), ids.span_id.to_string()];
            (line, ids)
        });
        lines.collect()
    }
}

fn ids(span: &SpanData) -> [String; 2] {
    let context = &span.span_context;
    [
        context.trace_id().to_string(),
        context.span_id().to_string(),
    ]
}

/// Type and text of the exceptions among the events of a span.
fn events(span: &SpanData) -> Vec<String> {
    let events = span.events.events.iter();
    events
        .map(|event| {
            assert_eq!(event.name, "exception");
            let attributes = event.attributes.iter();
            let attributes: Vec<_> = attributes
                .map(|attribute| format!("{}={}", attribute.key, attribute.value))
                .collect();
            attributes.join(" ")
        })
        .collect()
}

async fn serve(layer: ServerLayer) -> std::net::SocketAddr {
    let app = Router::new()
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", get(async || -> String { panic!("told to") }))
        .route(
            "/body-fails",
            get(async || response(None, scripted([Step::Data("a"), Step::Fail]))),
        )
        .layer(layer);
    net::serve(app).await
}

/// The server's span of a call.
async fn call(traces: &Traces, layer: ServerLayer, path: &str) -> SpanData {
    let address = serve(layer).await;
    let call = net::plain(Version::HTTP_11).request(net::request(Method::GET, address, path));
    if let Ok(response) = soon(call).await {
        let _ = net::read(response).await;
    }
    traces::server(&traces.all(1).await)
}

const PANIC: &str = "exception.type=panic exception.message=the service panicked";
const BODY: &str = "exception.type=Other exception.message=the disk is gone";

#[tokio::test]
async fn an_event_of_the_span_by_default() {
    for (path, expected) in [
        ("/no", &[][..]),
        ("/nowhere", &[]),
        ("/panics", &[PANIC]),
        ("/body-fails", &[BODY]),
    ] {
        let traces = Traces::default();
        let logs = Logs::new();
        let layer = traces.server().with_logger_provider(logs.provider.clone());
        assert_eq!(
            events(&call(&traces, layer, path).await),
            expected,
            "{path}"
        );
        assert!(logs.all().is_empty());
    }
}

#[tokio::test]
async fn a_client_without_an_answer() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces
        .client()
        .with_exceptions(Exceptions::Both)
        .with_logger_provider(logs.provider.clone());
    let address = nobody().await;
    let http = net::connect(layer.clone(), Version::HTTP_11);
    net::get(&http, address, "/").await.unwrap_err();
    let channel = echo::channel(address).connect_lazy();
    let channel = tower::Layer::layer(&layer, channel);
    let mut grpc = lianlu_protos::testing::echo_client::EchoClient::new(channel);
    soon(grpc.unary(message("hello", 0))).await.unwrap_err();

    let spans = traces.all(2).await;
    let logged = logs.all();
    for (span, (line, of)) in spans.iter().zip(&logged) {
        let [event] = &events(span)[..] else {
            panic!("{span:#?}")
        };
        assert!(event.starts_with("exception.type=ConnectionRefused exception.message="));
        assert!(line.ends_with(&format!("Warn {event}")), "{line}");
        assert_eq!(*of, ids(span));
    }
    assert!(logged[0].0.starts_with("http.client.request.exception "));
    assert!(logged[1].0.starts_with("rpc.client.call.exception "));
    assert_eq!(logged.len(), 2);
}

#[tokio::test]
async fn a_status_of_grpc_is_none_and_a_panic_is() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces
        .server()
        .with_exceptions(Exceptions::Both)
        .with_logger_provider(logs.provider.clone());
    let address = echo::serve(layer, echo::Echo::new(&traces)).await;
    let mut client = echo::connect(traces.client(), address).await;
    client
        .unary(message("fail 13 broken", 0))
        .await
        .unwrap_err();
    for span in traces.all(2).await {
        traces::assert_error(&span, "INTERNAL");
        assert!(events(&span).is_empty());
    }
    assert!(logs.all().is_empty());

    client.unary(message("panic", 0)).await.unwrap_err();
    let spans = traces.all(4).await.split_off(2);
    let server = traces::server(&spans);
    assert_eq!(events(&server), [PANIC]);
    let expected = format!("rpc.server.call.exception Error {PANIC}");
    assert_eq!(logs.all(), [(expected, ids(&server))]);
}

#[tokio::test]
async fn logs_instead_or_nothing() {
    for (told, is_logged) in [(Exceptions::Logs, true), (Exceptions::Off, false)] {
        let traces = Traces::default();
        let logs = Logs::new();
        let layer = traces
            .server()
            .with_exceptions(told)
            .with_logger_provider(logs.provider.clone());
        let span = call(&traces, layer, "/panics").await;
        assert!(events(&span).is_empty());
        let expected = format!("http.server.request.exception Error {PANIC}");
        let expected = is_logged.then(|| (expected, ids(&span)));
        assert_eq!(logs.all(), Vec::from_iter(expected));
    }
}

/// Logs are not sampled: an exception is told also where its span is not kept.
#[tokio::test]
async fn of_a_call_that_is_not_sampled() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let logs = Logs::new();
    let layer = traces
        .server()
        .with_exceptions(Exceptions::Logs)
        .with_logger_provider(logs.provider.clone());
    let address = serve(layer).await;
    let call = net::plain(Version::HTTP_11).request(net::request(Method::GET, address, "/panics"));
    soon(call).await.unwrap_err();
    assert_eq!(logs.all().len(), 1);
}

/// What a classifier takes for no error is no exception.
#[tokio::test]
async fn not_what_is_no_error() {
    let traces = Traces::default();
    let layer = traces.server().with_error_classifier(|_| false);
    let span = call(&traces, layer, "/panics").await;
    traces::assert_fine(&span);
    assert!(events(&span).is_empty());
}

/// Kratos records an event of its own.
#[tokio::test]
async fn kratos_does_not_double_it() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces
        .server()
        .with_exceptions(Exceptions::Both)
        .with_logger_provider(logs.provider.clone())
        .kratos();
    let span = call(&traces, layer, "/body-fails").await;
    assert_eq!(events(&span), [BODY]);
    assert_eq!(logs.all().len(), 1);
    // Named after the provider was given: the logger goes by it all the same.
    let emitted = logs.exporter.get_emitted_logs().unwrap();
    assert_eq!(emitted[0].instrumentation.name(), "kratos");
}

/// How many events and logs of a panic there are with this environment, and what is said of it.
fn started_with(value: Option<&str>) -> (String, String) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args([
            "--exact",
            "exceptions_are_recorded_once::as_the_environment_says",
            "--nocapture",
        ])
        .env_remove(VARIABLE)
        .env(STARTED, "1");
    if let Some(value) = value {
        process.env(VARIABLE, value);
    }
    let output = process.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let (_, found) = out.split_once("found: ").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.lines().filter(|line| line.starts_with("lianlu:"));
    (
        found.lines().next().unwrap().to_owned(),
        said.collect::<Vec<_>>().join("\n"),
    )
}

#[tokio::test]
async fn as_the_environment_says() {
    if std::env::var_os(STARTED).is_some() {
        let mut found = Vec::new();
        for told in [None, Some(Exceptions::Off)] {
            let traces = Traces::default();
            let logs = Logs::new();
            let mut layer = traces.server().with_logger_provider(logs.provider.clone());
            if let Some(told) = told {
                layer = layer.with_exceptions(told);
            }
            let span = call(&traces, layer, "/panics").await;
            found.push(format!("{} {}", events(&span).len(), logs.all().len()));
        }
        println!("found: {}", found.join(", "));
        return;
    }
    // Events and logs; and none of either where the code says so.
    for (value, found) in [
        (None, "1 0, 0 0"),
        (Some(""), "1 0, 0 0"),
        (Some("logs"), "0 1, 0 0"),
        (Some(" logs/dup "), "1 1, 0 0"),
    ] {
        assert_eq!(started_with(value), (found.to_owned(), String::new()));
    }
    let (found, said) = started_with(Some("events"));
    assert_eq!(found, "1 0, 0 0");
    let beginning = format!("lianlu: {VARIABLE}=\"events\": ");
    assert!(said.starts_with(&beginning), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
