//! Each active request is counted up once and down once, however it ends.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, Service, service_fn};

use crate::common::Gate;
use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::metrics::{Metrics, Values};
use crate::common::traces::Traces;

const SERVER: &str = "http.server.active_requests";
const CLIENT: &str = "http.client.active_requests";
const CALLS: usize = 10_000;

/// What the service does, and how far the caller polls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    NeverPolled,
    PolledOnce,
    HeadOnly,
    BodyHalfRead,
    BodyRead,
    ServiceFails,
    BodyFails,
    CallPanics,
    FuturePanics,
    BodyPanics,
    Upgrade,
    NoContent,
    Grpc,
}

const CASES: [Case; 13] = [
    Case::NeverPolled,
    Case::PolledOnce,
    Case::HeadOnly,
    Case::BodyHalfRead,
    Case::BodyRead,
    Case::ServiceFails,
    Case::BodyFails,
    Case::CallPanics,
    Case::FuturePanics,
    Case::BodyPanics,
    Case::Upgrade,
    Case::NoContent,
    Case::Grpc,
];

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, std::io::Error>> + Send>>;

/// Without the panic hook, which would print thousands of panics.
fn panic_quietly() {
    resume_unwind(Box::new("on request"))
}

fn body(case: Case) -> Body {
    match case {
        Case::BodyRead => scripted([Step::Data("hel"), Step::Data("lo")]),
        Case::BodyFails => scripted([Step::Data("hel"), Step::Fail]),
        Case::BodyPanics => scripted([Step::Data("hel"), Step::Run(Box::new(panic_quietly))]),
        _ => scripted([Step::Data("hel"), Step::Hang]),
    }
}

fn handle(request: Request<Body>) -> Reply {
    let case = *request.extensions().get::<Case>().unwrap();
    if case == Case::CallPanics {
        panic_quietly();
    }
    Box::pin(async move {
        match case {
            Case::PolledOnce => pending().await,
            Case::ServiceFails => return Err(std::io::Error::other("no")),
            Case::FuturePanics => panic_quietly(),
            _ => {}
        }
        let status = match case {
            Case::Upgrade => StatusCode::SWITCHING_PROTOCOLS,
            Case::NoContent => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        Ok(Response::builder().status(status).body(body(case)).unwrap())
    })
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn call<S, B>(service: &mut S, case: Case)
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body,
{
    let mut request = Request::builder()
        .method(if case == Case::BodyRead {
            "POST"
        } else {
            "GET"
        })
        .uri("http://shop.example:81/")
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(case);
    if case == Case::Grpc {
        let headers = request.headers_mut();
        headers.insert("content-type", "application/grpc".parse().unwrap());
    }
    let mut future = pin!(service.call(request));
    if case == Case::NeverPolled {
        return;
    }
    let Poll::Ready(Ok(response)) = poll_once(future.as_mut()) else {
        return;
    };
    let mut body = pin!(response.into_body());
    let polls = match case {
        Case::HeadOnly | Case::Upgrade => 0,
        Case::BodyHalfRead => 1,
        _ => 3,
    };
    for _ in 0..polls {
        let cx = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(_))) = body.as_mut().poll_frame(cx) else {
            return;
        };
    }
}

/// Asserts that each label set's sum is 0 or 1 at any time, and 0 at the end.
fn assert_balanced(values: &Values, name: &str) {
    let mut sums = HashMap::<String, i64>::new();
    let values = values.of(name);
    for value in &values {
        let sum = sums.entry(value.labels.join(" ")).or_default();
        *sum += value.value as i64;
        assert!((0..=1).contains(sum), "{sum} after {value:#?}");
    }
    assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    let grpc = (0..CALLS).filter(|at| CASES[at % CASES.len()] == Case::Grpc);
    assert_eq!(values.len(), 2 * (CALLS - grpc.count()));
    assert_eq!(sums.len(), 2, "{sums:?}");
}

#[test]
fn ten_thousand_calls_leave_no_active_request() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let values = Values::default();
    let server = values.on(traces.server());
    let mut server = server
        .with_metrics(|metrics| metrics.active_requests())
        .layer(service_fn(handle));
    let client = values.on(traces.client());
    let mut client = client
        .with_metrics(|metrics| metrics.active_requests())
        .layer(service_fn(handle));
    let mut panics = 0;
    for at in 0..CALLS {
        let case = CASES[at % CASES.len()];
        let on_server = catch_unwind(AssertUnwindSafe(|| call(&mut server, case)));
        let on_client = catch_unwind(AssertUnwindSafe(|| call(&mut client, case)));
        assert_eq!(on_server.is_err(), on_client.is_err(), "{case:?}");
        panics += usize::from(on_server.is_err());
    }
    let panicking = [Case::CallPanics, Case::FuturePanics, Case::BodyPanics];
    let expected = (0..CALLS).filter(|at| panicking.contains(&CASES[at % CASES.len()]));
    assert_eq!(panics, expected.count());
    assert_balanced(&values, SERVER);
    assert_balanced(&values, CLIENT);
    let labels = |name| values.of(name)[0].labels.join(" ");
    assert_eq!(
        labels(SERVER),
        "http.request.method=\"GET\" url.scheme=\"http\""
    );
    assert_eq!(
        labels(CLIENT),
        "http.request.method=\"GET\" server.address=\"shop.example\" server.port=81"
    );
}

#[tokio::test]
async fn a_request_is_active_until_its_body_ends() {
    for version in VERSIONS {
        let (traces, metrics) = (Traces::default(), Metrics::default());
        let gate = Gate::default();
        let inside = gate.clone();
        let address = net::serve_root(
            metrics
                .on(traces.server())
                .with_metrics(|metrics| metrics.active_requests()),
            async move || {
                let steps = [Step::Data("hel"), Step::Wait(inside), Step::Data("lo")];
                response(None, scripted(steps))
            },
        )
        .await;
        let layer = metrics.on(traces.client());
        let client = net::connect(
            layer.with_metrics(|metrics| metrics.active_requests()),
            version,
        );
        let first = net::get(&client, address, "/").await.unwrap();
        let second = net::get(&client, address, "/").await.unwrap();
        for name in [SERVER, CLIENT] {
            let series = metrics.only(name);
            assert_eq!(series.sum, 2.0);
            assert_eq!(series.unit, "{request}");
        }
        // One is dropped in the middle, the other read to its end.
        drop(second);
        metrics.stands_at(CLIENT, 1.0).await;
        metrics.stands_at(SERVER, 1.0).await;
        gate.open();
        assert_eq!(net::read(first).await.unwrap(), "hello");
        metrics.stands_at(CLIENT, 0.0).await;
        metrics.stands_at(SERVER, 0.0).await;
    }
}

#[test]
fn the_metric_is_off_by_default() {
    let values = Values::default();
    let layer = Traces::default()
        .server()
        .with_metrics(|metrics| metrics.provider(values.clone()));
    call(&mut layer.layer(service_fn(handle)), Case::BodyRead);
    let names: Vec<_> = values.all().into_iter().map(|value| value.name).collect();
    assert_eq!(names, ["http.server.request.duration"]);
}

#[test]
fn unknown_methods_are_one_series() {
    let values = Values::default();
    let layer = Traces::default()
        .server()
        .with_metrics(|metrics| metrics.provider(values.clone()));
    let mut service = layer
        .with_metrics(|metrics| metrics.active_requests())
        .layer(service_fn(net::answer));
    for method in ["GET", "BREW", "STEAL"] {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("http://{method}.example/{method}"))
            .body(Body::empty())
            .unwrap();
        drop(poll_once(pin!(service.call(request))));
    }
    let values = values.of(SERVER);
    let lines: Vec<_> = values.iter().map(|value| value.labels.join(" ")).collect();
    let known = "http.request.method=\"GET\" url.scheme=\"http\"";
    let other = "http.request.method=\"_OTHER\" url.scheme=\"http\"";
    assert_eq!(lines, [known, known, other, other, other, other]);
}
