//! Which calls are errors, on spans and on metrics: by the conventions' tables, or by the user's
//! classifier.

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};
use lianlu::{ClientLayer, ServerLayer, SpanKind, conventions::GrpcCode, layer::Outcome};
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, Service, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{Step, scripted};
use crate::common::metrics::Values;
use crate::common::soon;
use crate::common::traces::{Traces, text};

/// Spans and metrics of both sides.
struct Telemetry {
    traces: Traces,
    values: Values,
}

impl Telemetry {
    fn new() -> Self {
        Self::with_traces(Traces::default())
    }

    fn with_traces(traces: Traces) -> Self {
        let values = Values::default();
        Self { traces, values }
    }

    fn server(&self) -> ServerLayer {
        let layer = self.traces.server();
        layer.with_metrics(|metrics| metrics.provider(self.values.clone()))
    }

    fn client(&self) -> ClientLayer {
        let layer = self.traces.client();
        layer.with_metrics(|metrics| metrics.provider(self.values.clone()))
    }

    /// The `error.type` of the last call, on which span and metric agree.
    #[track_caller]
    fn last(&self) -> Option<String> {
        let span = self.traces.finished().pop().unwrap();
        let class = self.class(&span);
        assert_eq!(self.values.all().pop().unwrap().span, span.span_context);
        class
    }

    /// The `error.type` of a span, on which the metric agrees.
    #[track_caller]
    fn class(&self, span: &SpanData) -> Option<String> {
        let mut values = self.values.all();
        values.retain(|value| value.span == span.span_context);
        let [value] = &values[..] else {
            panic!("{} values of {span:#?}", values.len());
        };
        let class = text(span, "error.type").map(str::to_owned);
        let label = class.as_ref().map(|class| format!("error.type={class:?}"));
        let found = |label: &&String| label.starts_with("error.type=");
        assert_eq!(value.labels.iter().find(found), label.as_ref());
        let is_error = matches!(span.status, Status::Error { .. });
        assert_eq!(is_error, class.is_some(), "{span:#?}");
        class
    }
}

/// Waits for metrics, which are recorded just after the spans end.
async fn wait_for_values(telemetry: &Telemetry, count: usize) {
    soon(async {
        while telemetry.values.all().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn grpc_codes_are_errors_by_the_conventions_table() {
    const ON_SERVERS: [i32; 6] = [2, 4, 12, 13, 14, 15];
    for code in 0..17 {
        let telemetry = Telemetry::new();
        let address = echo::serve(telemetry.server(), Echo::new(&telemetry.traces)).await;
        let mut client = echo::connect(telemetry.client(), address).await;
        let text = match code {
            0 => "fine".to_owned(),
            _ => format!("fail {code} a message"),
        };
        let result = client.unary(message(&text, 0)).await;
        assert_eq!(result.is_ok(), code == 0);
        let (client, server) = telemetry.traces.pair().await;
        wait_for_values(&telemetry, 2).await;
        let name = GrpcCode::ALL[code as usize].name();
        let on_server = ON_SERVERS.contains(&code).then_some(name);
        assert_eq!(telemetry.class(&server).as_deref(), on_server, "{name}");
        let on_client = (code != 0).then_some(name);
        assert_eq!(telemetry.class(&client).as_deref(), on_client, "{name}");
    }
}

fn request(is_grpc: bool, timeout: Option<&str>) -> Request<Body> {
    let mut request = Request::post("http://shop.example/a.B/C");
    if is_grpc {
        request = request.header("content-type", "application/grpc");
    }
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    request.body(Body::empty()).unwrap()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Calls, reads what is ready, and drops the rest.
fn call<S, B>(mut service: S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body,
{
    let mut future = pin!(service.call(request));
    let Poll::Ready(Ok(response)) = poll_once(future.as_mut()) else {
        return;
    };
    let mut body = pin!(response.into_body());
    let cx = &mut Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(_))) = body.as_mut().poll_frame(cx) {}
}

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, std::io::Error>> + Send>>;

#[derive(Clone)]
struct Answer(fn() -> Reply);

impl Service<Request<Body>> for Answer {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Reply {
        (self.0)()
    }
}

const HANGS: Answer = Answer(|| Box::pin(pending()));
const FAILS: Answer = Answer(|| Box::pin(ready(Err(std::io::ErrorKind::ConnectionRefused.into()))));
const BREAKS_OFF: Answer = Answer(|| respond(scripted([Step::Data("hel"), Step::Fail])));
const NEVER_ENDS: Answer = Answer(|| respond(scripted([Step::Data("hel"), Step::Hang])));
const ANSWERS: Answer = Answer(|| respond(scripted([Step::Data("hel")])));

fn respond(body: Body) -> Reply {
    Box::pin(ready(Ok(Response::new(body))))
}

#[test]
fn http_statuses_are_errors_by_the_conventions_table() {
    let telemetry = Telemetry::new();
    let answer = service_fn(|request: Request<Body>| {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let response = Response::builder().status(status);
        ready(Ok::<_, std::io::Error>(
            response.body(Body::empty()).unwrap(),
        ))
    });
    let server = telemetry.server().layer(answer);
    let client = telemetry.client().layer(answer);
    for status in (100..600)
        .step_by(7)
        .chain([200, 399, 400, 404, 499, 500, 503, 599])
    {
        let request = || {
            let uri = format!("http://shop.example/{status}");
            Request::get(uri).body(Body::empty()).unwrap()
        };
        call(server.clone(), request());
        let class = (status >= 500).then(|| status.to_string());
        assert_eq!(telemetry.last(), class, "{status} on a server");
        call(client.clone(), request());
        let class = (status >= 400).then(|| status.to_string());
        assert_eq!(telemetry.last(), class, "{status} on a client");
    }
    let spans = telemetry.traces.finished();
    let descriptions = spans.iter().map(|span| match &span.status {
        Status::Error { description } => description.to_string(),
        _ => String::new(),
    });
    // The code is the class; there is no description.
    assert!(descriptions.into_iter().all(|text| text.is_empty()));
}

/// Calls over both protocols on both sides; asserts each `error.type`, on server and client.
fn check(answer: &Answer, http: [Option<&str>; 2], grpc: [Option<&str>; 2], timeout: Option<&str>) {
    for (is_grpc, [on_server, on_client]) in [(false, http), (true, grpc)] {
        let telemetry = Telemetry::new();
        call(
            telemetry.server().layer(answer.clone()),
            request(is_grpc, timeout),
        );
        assert_eq!(telemetry.last().as_deref(), on_server, "grpc: {is_grpc}");
        call(
            telemetry.client().layer(answer.clone()),
            request(is_grpc, timeout),
        );
        assert_eq!(telemetry.last().as_deref(), on_client, "grpc: {is_grpc}");
    }
}

#[test]
fn errors_of_the_service_and_of_the_body_are_errors() {
    check(
        &FAILS,
        [Some("ConnectionRefused"); 2],
        [Some("ConnectionRefused"); 2],
        None,
    );
    check(&BREAKS_OFF, [Some("Other"); 2], [Some("Other"); 2], None);
}

/// A disconnected client, or a dropped call, at any point.
#[test]
fn cancellation_is_not_an_error() {
    check(&HANGS, [None; 2], [None; 2], None);
    check(&NEVER_ENDS, [None; 2], [None; 2], None);
    check(&HANGS, [None; 2], [None; 2], Some("1H"));
}

/// HTTP has no deadline.
#[test]
fn a_grpc_call_dropped_after_its_deadline_is_an_error() {
    let slow = Answer(|| {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        Box::pin(pending())
    });
    let exceeded = Some("DEADLINE_EXCEEDED");
    check(&slow, [None; 2], [exceeded; 2], Some("1m"));
}

const PANICS: [Answer; 3] = [
    Answer(|| resume_unwind(Box::new("on request"))),
    Answer(|| Box::pin(async { resume_unwind(Box::new("on request")) })),
    Answer(|| {
        let panic = Step::Run(Box::new(|| resume_unwind(Box::new("on request"))));
        respond(scripted([Step::Data("hel"), panic]))
    }),
];

#[test]
fn a_panic_is_an_error_and_is_passed_on() {
    for answer in PANICS {
        for is_grpc in [false, true] {
            let telemetry = Telemetry::new();
            for kind in [SpanKind::Server, SpanKind::Client] {
                let result = catch_unwind(AssertUnwindSafe(|| match kind {
                    SpanKind::Server => {
                        call(
                            telemetry.server().layer(answer.clone()),
                            request(is_grpc, None),
                        );
                    }
                    _ => call(
                        telemetry.client().layer(answer.clone()),
                        request(is_grpc, None),
                    ),
                }));
                let payload = result.unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&"on request"));
                assert_eq!(telemetry.last().as_deref(), Some("panic"));
                assert_eq!(telemetry.traces.finished().pop().unwrap().span_kind, kind);
            }
        }
    }
}

/// In status, `error.type` and exceptions.
#[test]
fn a_classifier_can_declare_errors_fine() {
    for answer in [FAILS, BREAKS_OFF, PANICS[1].clone()] {
        for is_grpc in [false, true] {
            let telemetry = Telemetry::new();
            // Counted and asserted later: a failed assertion in the hook during a panic would
            // abort.
            let errors = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&errors);
            let never = move |outcome: &Outcome<'_>| {
                let is_error = outcome.is_error() && outcome.error_type().is_some();
                seen.fetch_add(usize::from(is_error), Ordering::SeqCst);
                false
            };
            let server = telemetry
                .server()
                .with_errors(|errors| errors.classifier(never.clone()));
            let client = telemetry
                .client()
                .with_errors(|errors| errors.classifier(never));
            for on_server in [true, false] {
                let answer = answer.clone();
                let _ = catch_unwind(AssertUnwindSafe(|| match on_server {
                    true => call(server.layer(answer), request(is_grpc, None)),
                    false => call(client.layer(answer), request(is_grpc, None)),
                }));
                assert_eq!(telemetry.last(), None);
                let span = telemetry.traces.finished().pop().unwrap();
                assert_eq!(span.status, Status::Unset);
                assert!(span.events.is_empty(), "{span:#?}");
            }
            assert_eq!(errors.load(Ordering::SeqCst), 2);
        }
    }
}

#[test]
fn a_classifier_can_declare_fine_calls_errors() {
    for (answer, http, grpc) in [
        (ANSWERS, "200", "UNKNOWN"),
        (HANGS, "cancelled", "CANCELLED"),
        (NEVER_ENDS, "cancelled", "CANCELLED"),
    ] {
        for (is_grpc, class) in [(false, http), (true, grpc)] {
            let telemetry = Telemetry::new();
            let server = telemetry
                .server()
                .with_errors(|errors| errors.classifier(|_| true));
            call(server.layer(answer.clone()), request(is_grpc, None));
            assert_eq!(telemetry.last().as_deref(), Some(class), "grpc: {is_grpc}");
            let client = telemetry
                .client()
                .with_errors(|errors| errors.classifier(|_| true));
            call(client.layer(answer.clone()), request(is_grpc, None));
            assert_eq!(telemetry.last().as_deref(), Some(class), "grpc: {is_grpc}");
        }
    }
}

/// As documented: `NOT_FOUND` is fine on the client, and an error on the server.
#[tokio::test]
async fn a_classifier_can_decide_by_the_grpc_code() {
    let telemetry = Telemetry::new();
    let is_not_found = |outcome: &Outcome<'_>| outcome.grpc_code() == Some(GrpcCode::NotFound);
    let server = telemetry
        .server()
        .with_errors(|errors| errors.classifier(move |outcome| is_not_found(outcome)));
    let client = telemetry.client().with_errors(|errors| {
        errors.classifier(move |outcome| outcome.is_error() && !is_not_found(outcome))
    });
    let address = echo::serve(server, Echo::new(&telemetry.traces)).await;
    let mut client = echo::connect(client, address).await;
    client.unary(message("fail 5 gone", 0)).await.unwrap_err();
    let (client_span, server_span) = telemetry.traces.pair().await;
    wait_for_values(&telemetry, 2).await;
    assert_eq!(telemetry.class(&client_span), None);
    assert_eq!(telemetry.class(&server_span).as_deref(), Some("NOT_FOUND"));
    assert_eq!(server_span.status, Status::error("gone"));

    client.unary(message("fail 13 oh", 0)).await.unwrap_err();
    let spans = telemetry.traces.all(4).await;
    wait_for_values(&telemetry, 4).await;
    for span in &spans[2..] {
        let class = (span.span_kind == SpanKind::Client).then_some("INTERNAL");
        assert_eq!(telemetry.class(span).as_deref(), class);
    }
}

#[test]
fn a_classifier_decides_for_unsampled_calls() {
    let telemetry = Telemetry::with_traces(Traces::with_sampler(Sampler::AlwaysOff));
    let is_error = |value: usize| {
        let labels = &telemetry.values.all()[value].labels;
        labels.iter().any(|label| label.starts_with("error.type="))
    };
    call(telemetry.server().layer(FAILS), request(false, None));
    assert!(is_error(0));
    let layer = telemetry
        .server()
        .with_errors(|errors| errors.classifier(|_| false));
    call(layer.layer(FAILS), request(false, None));
    assert!(!is_error(1));
}

/// Their status is Kratos's.
#[test]
fn a_classifier_does_not_change_spans_in_kratos_mode() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .server()
        .kratos()
        .with_errors(|errors| errors.classifier(|_| false));
    call(layer.layer(FAILS), request(false, None));
    let span = telemetry.traces.finished().pop().unwrap();
    assert!(matches!(span.status, Status::Error { .. }), "{span:#?}");
    let labels = &telemetry.values.all()[0].labels;
    assert!(!labels.iter().any(|label| label.starts_with("error.type=")));
}

#[test]
fn with_error_type_replaces_the_class_of_errors() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .server()
        .with_errors(|errors| {
            errors.classifier(|outcome| outcome.http_status().is_some() || outcome.is_error())
        })
        .with_errors(|errors| {
            errors.error_type(|outcome| {
                // Called for errors only.
                assert!(outcome.is_error());
                outcome.http_status()?;
                Some(format!("was {}", outcome.error_type().unwrap()).into())
            })
        });
    call(layer.layer(ANSWERS), request(false, None));
    assert_eq!(telemetry.last().as_deref(), Some("was 200"));
    // `None` keeps the class.
    call(layer.layer(FAILS), request(false, None));
    assert_eq!(telemetry.last().as_deref(), Some("ConnectionRefused"));
    call(layer.layer(HANGS), request(false, None));
    assert_eq!(telemetry.last(), None);
}
