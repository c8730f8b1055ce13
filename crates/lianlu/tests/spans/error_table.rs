//! What is an error, on spans and on metrics alike: by the conventions' tables, or by the user's word.

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};
use lianlu::{ClientLayer, GrpcCode, Outcome, ServerLayer, SpanKind};
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, Service, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{Step, scripted};
use crate::common::metrics::Values;
use crate::common::soon;
use crate::common::traces::{Traces, text};

/// Both sides' layers, and what they have told.
struct Told {
    traces: Traces,
    values: Values,
}

impl Told {
    fn new() -> Self {
        Self::by(Traces::default())
    }

    fn by(traces: Traces) -> Self {
        let values = Values::default();
        Self { traces, values }
    }

    fn server(&self) -> ServerLayer {
        let layer = self.traces.server();
        layer.with_meter_provider(self.values.clone())
    }

    fn client(&self) -> ClientLayer {
        let layer = self.traces.client();
        layer.with_meter_provider(self.values.clone())
    }

    /// The class of the last call's error, which its span and its value agree on.
    #[track_caller]
    fn last(&self) -> Option<String> {
        let span = self.traces.finished().pop().unwrap();
        let class = self.class(&span);
        assert_eq!(self.values.all().pop().unwrap().span, span.span_context);
        class
    }

    /// The class of a span's error, which the value that was measured in it agrees with.
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

/// Values come just after the spans.
async fn values(told: &Told, count: usize) {
    soon(async {
        while told.values.all().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_17_codes_of_grpc() {
    const ON_SERVERS: [i32; 6] = [2, 4, 12, 13, 14, 15];
    for code in 0..17 {
        let told = Told::new();
        let address = echo::serve(told.server(), Echo::new(&told.traces)).await;
        let mut client = echo::connect(told.client(), address).await;
        let text = match code {
            0 => "fine".to_owned(),
            _ => format!("fail {code} it is said"),
        };
        let result = client.unary(message(&text, 0)).await;
        assert_eq!(result.is_ok(), code == 0);
        let (client, server) = told.traces.pair().await;
        values(&told, 2).await;
        let name = GrpcCode::ALL[code as usize].name();
        let on_server = ON_SERVERS.contains(&code).then_some(name);
        assert_eq!(told.class(&server).as_deref(), on_server, "{name}");
        let on_client = (code != 0).then_some(name);
        assert_eq!(told.class(&client).as_deref(), on_client, "{name}");
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

/// Calls, and reads what there is to read without waiting. Then drops all.
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
struct Does(fn() -> Reply);

impl Service<Request<Body>> for Does {
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

const HANGS: Does = Does(|| Box::pin(pending()));
const FAILS: Does = Does(|| Box::pin(ready(Err(std::io::ErrorKind::ConnectionRefused.into()))));
const BREAKS_OFF: Does = Does(|| respond(scripted([Step::Data("hel"), Step::Fail])));
const NEVER_ENDS: Does = Does(|| respond(scripted([Step::Data("hel"), Step::Hang])));
const ANSWERS: Does = Does(|| respond(scripted([Step::Data("hel")])));

fn respond(body: Body) -> Reply {
    Box::pin(ready(Ok(Response::new(body))))
}

#[test]
fn the_statuses_of_http() {
    let told = Told::new();
    let answer = service_fn(|request: Request<Body>| {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let response = Response::builder().status(status);
        ready(Ok::<_, std::io::Error>(
            response.body(Body::empty()).unwrap(),
        ))
    });
    let server = told.server().layer(answer);
    let client = told.client().layer(answer);
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
        assert_eq!(told.last(), class, "{status} on a server");
        call(client.clone(), request());
        let class = (status >= 400).then(|| status.to_string());
        assert_eq!(told.last(), class, "{status} on a client");
    }
    let spans = told.traces.finished();
    let descriptions = spans.iter().map(|span| match &span.status {
        Status::Error { description } => description.to_string(),
        _ => String::new(),
    });
    // The code says it all.
    assert!(descriptions.into_iter().all(|text| text.is_empty()));
}

/// Calls of both protocols on both sides, each with its class.
fn check(does: &Does, http: [Option<&str>; 2], grpc: [Option<&str>; 2], timeout: Option<&str>) {
    for (is_grpc, [on_server, on_client]) in [(false, http), (true, grpc)] {
        let told = Told::new();
        call(told.server().layer(does.clone()), request(is_grpc, timeout));
        assert_eq!(told.last().as_deref(), on_server, "grpc: {is_grpc}");
        call(told.client().layer(does.clone()), request(is_grpc, timeout));
        assert_eq!(told.last().as_deref(), on_client, "grpc: {is_grpc}");
    }
}

#[test]
fn errors_of_the_service_and_of_the_body() {
    check(
        &FAILS,
        [Some("ConnectionRefused"); 2],
        [Some("ConnectionRefused"); 2],
        None,
    );
    check(&BREAKS_OFF, [Some("Other"); 2], [Some("Other"); 2], None);
}

/// The client has gone, or the caller has dropped the call: nobody's error, at any point.
#[test]
fn cancellation_is_none() {
    check(&HANGS, [None; 2], [None; 2], None);
    check(&NEVER_ENDS, [None; 2], [None; 2], None);
    check(&HANGS, [None; 2], [None; 2], Some("1H"));
}

/// Once the time is over, giving up is `DEADLINE_EXCEEDED`. HTTP has no such time.
#[test]
fn a_deadline_that_has_passed_is_one() {
    let slow = Does(|| {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        Box::pin(pending())
    });
    let exceeded = Some("DEADLINE_EXCEEDED");
    check(&slow, [None; 2], [exceeded; 2], Some("1m"));
}

const PANICS: [Does; 3] = [
    Does(|| resume_unwind(Box::new("told to"))),
    Does(|| Box::pin(async { resume_unwind(Box::new("told to")) })),
    Does(|| {
        let panic = Step::Run(Box::new(|| resume_unwind(Box::new("told to"))));
        respond(scripted([Step::Data("hel"), panic]))
    }),
];

#[test]
fn a_panic_is_one_and_is_passed_on() {
    for does in PANICS {
        for is_grpc in [false, true] {
            let told = Told::new();
            for kind in [SpanKind::Server, SpanKind::Client] {
                let result = catch_unwind(AssertUnwindSafe(|| match kind {
                    SpanKind::Server => {
                        call(told.server().layer(does.clone()), request(is_grpc, None));
                    }
                    _ => call(told.client().layer(does.clone()), request(is_grpc, None)),
                }));
                let payload = result.unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&"told to"));
                assert_eq!(told.last().as_deref(), Some("panic"));
                assert_eq!(told.traces.finished().pop().unwrap().span_kind, kind);
            }
        }
    }
}

/// What the tables call errors is none, in status, `error.type` and exceptions.
#[test]
fn a_classifier_makes_none_of_errors() {
    for does in [FAILS, BREAKS_OFF, PANICS[1].clone()] {
        for is_grpc in [false, true] {
            let told = Told::new();
            // A panic in a hook, while the call's panic goes by, would end the process.
            let errors = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&errors);
            let never = move |outcome: &Outcome<'_>| {
                let is_error = outcome.is_error() && outcome.error_type().is_some();
                seen.fetch_add(usize::from(is_error), Ordering::SeqCst);
                false
            };
            let server = told.server().with_error_classifier(never.clone());
            let client = told.client().with_error_classifier(never);
            for on_server in [true, false] {
                let does = does.clone();
                let _ = catch_unwind(AssertUnwindSafe(|| match on_server {
                    true => call(server.layer(does), request(is_grpc, None)),
                    false => call(client.layer(does), request(is_grpc, None)),
                }));
                assert_eq!(told.last(), None);
                let span = told.traces.finished().pop().unwrap();
                assert_eq!(span.status, Status::Unset);
                assert!(span.events.is_empty(), "{span:#?}");
            }
            assert_eq!(errors.load(Ordering::SeqCst), 2);
        }
    }
}

/// What the tables call none is an error, with a class.
#[test]
fn a_classifier_makes_errors_of_none() {
    for (does, http, grpc) in [
        (ANSWERS, "200", "UNKNOWN"),
        (HANGS, "cancelled", "CANCELLED"),
        (NEVER_ENDS, "cancelled", "CANCELLED"),
    ] {
        for (is_grpc, class) in [(false, http), (true, grpc)] {
            let told = Told::new();
            let server = told.server().with_error_classifier(|_| true);
            call(server.layer(does.clone()), request(is_grpc, None));
            assert_eq!(told.last().as_deref(), Some(class), "grpc: {is_grpc}");
            let client = told.client().with_error_classifier(|_| true);
            call(client.layer(does.clone()), request(is_grpc, None));
            assert_eq!(told.last().as_deref(), Some(class), "grpc: {is_grpc}");
        }
    }
}

/// The documented use: a client that expects `NOT_FOUND`; and a server that does not want it.
#[tokio::test]
async fn a_classifier_decides_by_the_code() {
    let told = Told::new();
    let is_not_found = |outcome: &Outcome<'_>| outcome.grpc_code() == Some(GrpcCode::NotFound);
    let server = told
        .server()
        .with_error_classifier(move |outcome| is_not_found(outcome));
    let client = told
        .client()
        .with_error_classifier(move |outcome| outcome.is_error() && !is_not_found(outcome));
    let address = echo::serve(server, Echo::new(&told.traces)).await;
    let mut client = echo::connect(client, address).await;
    client.unary(message("fail 5 gone", 0)).await.unwrap_err();
    let (client_span, server_span) = told.traces.pair().await;
    values(&told, 2).await;
    assert_eq!(told.class(&client_span), None);
    assert_eq!(told.class(&server_span).as_deref(), Some("NOT_FOUND"));
    assert_eq!(server_span.status, Status::error("gone"));

    client.unary(message("fail 13 oh", 0)).await.unwrap_err();
    let spans = told.traces.all(4).await;
    values(&told, 4).await;
    for span in &spans[2..] {
        let class = (span.span_kind == SpanKind::Client).then_some("INTERNAL");
        assert_eq!(told.class(span).as_deref(), class);
    }
}

/// Also where there is only a metric to tell it.
#[test]
fn a_classifier_decides_for_calls_that_are_not_sampled() {
    let told = Told::by(Traces::with_sampler(Sampler::AlwaysOff));
    let is_error = |value: usize| {
        let labels = &told.values.all()[value].labels;
        labels.iter().any(|label| label.starts_with("error.type="))
    };
    call(told.server().layer(FAILS), request(false, None));
    assert!(is_error(0));
    let layer = told.server().with_error_classifier(|_| false);
    call(layer.layer(FAILS), request(false, None));
    assert!(!is_error(1));
}

/// Spans of Kratos's mode say what Kratos would.
#[test]
fn a_classifier_leaves_the_spans_of_kratos_mode_alone() {
    let told = Told::new();
    let layer = told.server().kratos().with_error_classifier(|_| false);
    call(layer.layer(FAILS), request(false, None));
    let span = told.traces.finished().pop().unwrap();
    assert!(matches!(span.status, Status::Error { .. }), "{span:#?}");
    let labels = &told.values.all()[0].labels;
    assert!(!labels.iter().any(|label| label.starts_with("error.type=")));
}

#[test]
fn a_class_of_ones_own() {
    let told = Told::new();
    let layer = told
        .server()
        .with_error_classifier(|outcome| outcome.http_status().is_some() || outcome.is_error())
        .with_error_type(|outcome| {
            // Asked about errors alone.
            assert!(outcome.is_error());
            outcome.http_status()?;
            Some(format!("was {}", outcome.error_type().unwrap()).into())
        });
    call(layer.layer(ANSWERS), request(false, None));
    assert_eq!(told.last().as_deref(), Some("was 200"));
    // `None` leaves what there was.
    call(layer.layer(FAILS), request(false, None));
    assert_eq!(told.last().as_deref(), Some("ConnectionRefused"));
    call(layer.layer(HANGS), request(false, None));
    assert_eq!(told.last(), None);
}
