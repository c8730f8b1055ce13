//! Errors of the service or the body, and panics, are recorded as exceptions: as span events by
//! default, as logs on request. A peer's answer is not an exception.

use std::io::Error;

use ::http::{Method, Request, Response, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::{ServerLayer, layer::Exceptions};
use opentelemetry::logs::Severity;
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, ServiceExt};

use crate::common::echo::{self, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::traces::{self, Traces};
use crate::common::{closed_port, soon};
use crate::own_process::{child, role, run};

const VARIABLE: &str = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN";

/// A log provider in memory.
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

    /// The event's name, severity and attributes of each record, with the ids of its span.
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

/// The attributes of a span's events, all of which must be exceptions.
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
        .route("/panics", get(async || -> String { panic!("on request") }))
        .route(
            "/body-fails",
            get(async || response(None, scripted([Step::Data("a"), Step::Fail]))),
        )
        .layer(layer);
    net::serve(app).await
}

/// The server span of a call.
async fn call(traces: &Traces, layer: ServerLayer, path: &str) -> SpanData {
    let address = serve(layer).await;
    let call = net::plain(Version::HTTP_11).request(net::request(Method::GET, address, path));
    if let Ok(response) = soon(call).await {
        let _ = net::read(response).await;
    }
    traces::server(&traces.all(1).await)
}

const PANIC: &str = "exception.type=panic exception.message=on request";
const UNKNOWN_PANIC: &str = "exception.type=panic exception.message=the service panicked";
const BOOM: &str = "exception.type=panic exception.message=boom";
const BODY: &str = "exception.type=Other exception.message=the disk is gone";

/// Without a logger provider. With one they are logs, which have a panic's message.
#[tokio::test]
async fn exceptions_are_span_events_or_logs_by_default() {
    for (path, event, log) in [
        ("/no", None, None),
        ("/nowhere", None, None),
        ("/panics", Some(UNKNOWN_PANIC), Some(PANIC)),
        ("/body-fails", Some(BODY), Some(BODY)),
    ] {
        let traces = Traces::default();
        let span = call(&traces, traces.server(), path).await;
        assert_eq!(events(&span), Vec::from_iter(event), "{path}");
        let (traces, logs) = (Traces::default(), Logs::new());
        let layer = traces
            .server()
            .with_errors(|errors| errors.logger_provider(logs.provider.clone()));
        assert!(
            events(&call(&traces, layer, path).await).is_empty(),
            "{path}"
        );
        let lines = logs.all().into_iter().map(|(line, _)| line);
        let expected = log.map(|log| format!("http.server.request.exception Error {log}"));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "{path}"
        );
    }
}

#[tokio::test]
async fn messages_of_panics_may_be_formatted() {
    let (traces, logs) = (Traces::default(), Logs::new());
    let layer = traces
        .server()
        .with_errors(|errors| errors.logger_provider(logs.provider.clone()));
    let address = net::serve_root(layer, async || -> String { panic!("no {}", 7) }).await;
    let call = net::plain(Version::HTTP_11).request(net::request(Method::GET, address, "/"));
    soon(call).await.unwrap_err();
    traces.all(1).await;
    assert!(
        logs.all()[0].0.ends_with("exception.message=no 7"),
        "{:?}",
        logs.all()
    );
}

/// Other panics of the thread are not mistaken for the one that ends a call, which ends the calls
/// around it too.
#[tokio::test]
async fn a_call_has_the_message_of_the_panic_that_ends_it() {
    let (traces, logs) = (Traces::default(), Logs::new());
    let with_logs = |errors: lianlu::layer::Errors| errors.logger_provider(logs.provider.clone());
    let client = traces.client().with_errors(with_logs);
    let client = client.on_end(|_, _| panic!("by the hook"));
    let connector = async |_: Request<Body>| -> Result<Response<Body>, Error> { panic!("boom") };
    let client = client.layer(tower::service_fn(connector));
    let app = Router::new()
        .route(
            "/resumes",
            get(async || -> () {
                let other = tokio::spawn(async { panic!("card 4111") });
                assert!(other.await.unwrap_err().is_panic());
                std::panic::resume_unwind(Box::new("the hook does not see it"))
            }),
        )
        .route(
            "/calls",
            get(async || drop(client.oneshot(Request::default()).await)),
        )
        .layer(traces.server().with_errors(with_logs));
    let address = net::serve(app).await;
    for path in ["/resumes", "/calls"] {
        let request = net::request(Method::GET, address, path);
        let call = net::plain(Version::HTTP_11).request(request);
        soon(call).await.unwrap_err();
    }
    traces.all(3).await;
    let lines = logs.all().into_iter().map(|(line, _)| line);
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            format!("http.server.request.exception Error {UNKNOWN_PANIC}"),
            format!("http.client.request.exception Warn {BOOM}"),
            format!("http.server.request.exception Error {BOOM}"),
        ]
    );
}

#[tokio::test]
async fn connection_errors_are_recorded_and_logged_by_clients() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces.client().with_errors(|errors| {
        errors
            .exceptions(Exceptions::Both)
            .logger_provider(logs.provider.clone())
    });
    let address = closed_port().await;
    let http = net::connect(layer.clone(), Version::HTTP_11);
    net::get(&http, address, "/").await.unwrap_err();
    let mut grpc = echo::connect_lazily(layer, address);
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
async fn grpc_statuses_are_not_exceptions_but_panics_are() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces.server().with_errors(|errors| {
        errors
            .exceptions(Exceptions::Both)
            .logger_provider(logs.provider.clone())
    });
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
async fn exceptions_are_logs_or_switched_off_by_option() {
    for (exceptions, is_logged) in [(Exceptions::Logs, true), (Exceptions::Off, false)] {
        let traces = Traces::default();
        let logs = Logs::new();
        let layer = traces.server().with_errors(|errors| {
            errors
                .exceptions(exceptions)
                .logger_provider(logs.provider.clone())
        });
        let span = call(&traces, layer, "/panics").await;
        assert!(events(&span).is_empty());
        let expected = format!("http.server.request.exception Error {PANIC}");
        let expected = is_logged.then(|| (expected, ids(&span)));
        assert_eq!(logs.all(), Vec::from_iter(expected));
    }
}

/// Logs are not sampled.
#[tokio::test]
async fn exceptions_of_unsampled_calls_are_logged() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let logs = Logs::new();
    let layer = traces.server().with_errors(|errors| {
        errors
            .exceptions(Exceptions::Logs)
            .logger_provider(logs.provider.clone())
    });
    let address = serve(layer).await;
    let call = net::plain(Version::HTTP_11).request(net::request(Method::GET, address, "/panics"));
    soon(call).await.unwrap_err();
    assert_eq!(logs.all().len(), 1);
}

#[tokio::test]
async fn calls_that_a_classifier_declares_fine_have_no_exception() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .with_errors(|errors| errors.classifier(|_| false));
    let span = call(&traces, layer, "/panics").await;
    traces::assert_fine(&span);
    assert!(events(&span).is_empty());
}

/// Kratos mode records an event of its own.
#[tokio::test]
async fn kratos_mode_records_one_exception() {
    let traces = Traces::default();
    let logs = Logs::new();
    let layer = traces
        .server()
        .with_errors(|errors| {
            errors
                .exceptions(Exceptions::Both)
                .logger_provider(logs.provider.clone())
        })
        .kratos();
    let span = call(&traces, layer, "/body-fails").await;
    assert_eq!(events(&span), [BODY]);
    assert_eq!(logs.all().len(), 1);
    // `kratos()` after `logger_provider` still names the logger.
    let emitted = logs.exporter.get_emitted_logs().unwrap();
    assert_eq!(emitted[0].instrumentation.name(), "kratos");
}

#[tokio::test]
async fn the_environment_chooses_the_signal_unless_the_code_does() {
    if role().is_some() {
        let mut found = Vec::new();
        for in_code in [None, Some(Exceptions::Off)] {
            let traces = Traces::default();
            let logs = Logs::new();
            let mut layer = traces
                .server()
                .with_errors(|errors| errors.logger_provider(logs.provider.clone()));
            if let Some(exceptions) = in_code {
                layer = layer.with_errors(|errors| errors.exceptions(exceptions));
            }
            let span = call(&traces, layer, "/panics").await;
            found.push(format!("{} {}", events(&span).len(), logs.all().len()));
        }
        println!("found: {}", found.join(", "));
        return;
    }
    // The numbers of events and logs of a panic: by the environment, and switched off in code.
    for (value, found, is_bad) in [
        (None, "0 1, 0 0", false),
        (Some(""), "0 1, 0 0", false),
        (Some("logs"), "0 1, 0 0", false),
        (Some(" logs/dup "), "1 1, 0 0", false),
        (Some("events"), "0 1, 0 0", true),
    ] {
        let mut process = child(&this_test!(), "");
        process.env_remove(VARIABLE);
        process.envs(value.map(|value| (VARIABLE, value)));
        let printed = run(&mut process);
        assert_eq!(printed.marked("found: "), [found]);
        let warnings = printed.warnings();
        assert_eq!(warnings.len(), usize::from(is_bad), "{warnings:?}");
        let beginning = format!("lianlu: {VARIABLE}=\"events\": ");
        assert!(warnings.iter().all(|line| line.starts_with(&beginning)));
    }
}
