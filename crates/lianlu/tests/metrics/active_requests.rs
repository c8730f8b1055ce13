//! The requests under way are counted up once and down once, however they end.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
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

/// How a call goes: what its service does, and how far its caller follows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
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

const WAYS: [Way; 13] = [
    Way::NeverPolled,
    Way::PolledOnce,
    Way::HeadOnly,
    Way::BodyHalfRead,
    Way::BodyRead,
    Way::ServiceFails,
    Way::BodyFails,
    Way::CallPanics,
    Way::FuturePanics,
    Way::BodyPanics,
    Way::Upgrade,
    Way::NoContent,
    Way::Grpc,
];

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, std::io::Error>> + Send>>;

/// Without the hook that would print ten thousand panics.
fn panic_quietly() {
    resume_unwind(Box::new("told to"))
}

fn body(way: Way) -> Body {
    match way {
        Way::BodyRead => scripted([Step::Data("hel"), Step::Data("lo")]),
        Way::BodyFails => scripted([Step::Data("hel"), Step::Fail]),
        Way::BodyPanics => scripted([Step::Data("hel"), Step::Run(Box::new(panic_quietly))]),
        _ => scripted([Step::Data("hel"), Step::Hang]),
    }
}

fn handle(request: Request<Body>) -> Reply {
    let way = *request.extensions().get::<Way>().unwrap();
    if way == Way::CallPanics {
        panic_quietly();
    }
    Box::pin(async move {
        match way {
            Way::PolledOnce => pending().await,
            Way::ServiceFails => return Err(std::io::Error::other("no")),
            Way::FuturePanics => panic_quietly(),
            _ => {}
        }
        let status = match way {
            Way::Upgrade => StatusCode::SWITCHING_PROTOCOLS,
            Way::NoContent => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        Ok(Response::builder().status(status).body(body(way)).unwrap())
    })
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn call<S, B>(service: &mut S, way: Way)
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: http_body::Body,
{
    let mut request = Request::builder()
        .method(if way == Way::BodyRead { "POST" } else { "GET" })
        .uri("http://shop.example:81/")
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(way);
    if way == Way::Grpc {
        let headers = request.headers_mut();
        headers.insert("content-type", "application/grpc".parse().unwrap());
    }
    let mut future = pin!(service.call(request));
    if way == Way::NeverPolled {
        return;
    }
    let Poll::Ready(Ok(response)) = poll_once(future.as_mut()) else {
        return;
    };
    let mut body = pin!(response.into_body());
    let polls = match way {
        Way::HeadOnly | Way::Upgrade => 0,
        Way::BodyHalfRead => 1,
        _ => 3,
    };
    for _ in 0..polls {
        let cx = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(_))) = body.as_mut().poll_frame(cx) else {
            return;
        };
    }
}

/// In order, by label set: never below 0, and 0 at the end.
fn assert_balanced(values: &Values, name: &str) {
    let mut standing = HashMap::<String, i64>::new();
    let values = values.of(name);
    for value in &values {
        let standing = standing.entry(value.labels.join(" ")).or_default();
        *standing += value.value as i64;
        assert!((0..=1).contains(standing), "{standing} of {value:#?}");
    }
    assert!(standing.values().all(|at| *at == 0), "{standing:?}");
    let grpc = (0..CALLS).filter(|at| WAYS[at % WAYS.len()] == Way::Grpc);
    assert_eq!(values.len(), 2 * (CALLS - grpc.count()));
    assert_eq!(standing.len(), 2, "{standing:?}");
}

#[test]
fn ten_thousand_calls_leave_none() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let values = Values::default();
    let server = traces.server().with_meter_provider(values.clone());
    let mut server = server.with_active_requests().layer(service_fn(handle));
    let client = traces.client().with_meter_provider(values.clone());
    let mut client = client.with_active_requests().layer(service_fn(handle));
    let mut panics = 0;
    for at in 0..CALLS {
        let way = WAYS[at % WAYS.len()];
        let on_server = catch_unwind(AssertUnwindSafe(|| call(&mut server, way)));
        let on_client = catch_unwind(AssertUnwindSafe(|| call(&mut client, way)));
        assert_eq!(on_server.is_err(), on_client.is_err(), "{way:?}");
        panics += usize::from(on_server.is_err());
    }
    let panicking = [Way::CallPanics, Way::FuturePanics, Way::BodyPanics];
    let expected = (0..CALLS).filter(|at| panicking.contains(&WAYS[at % WAYS.len()]));
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
async fn one_while_a_body_streams() {
    for version in VERSIONS {
        let (traces, metrics) = (Traces::default(), Metrics::default());
        let gate = Gate::default();
        let inside = gate.clone();
        let app = Router::new()
            .route(
                "/",
                get(async move || {
                    let steps = [Step::Data("hel"), Step::Wait(inside), Step::Data("lo")];
                    response(None, scripted(steps))
                }),
            )
            .layer(
                traces
                    .server()
                    .with_meter_provider(metrics.provider.clone())
                    .with_active_requests(),
            );
        let address = net::serve(app).await;
        let layer = traces
            .client()
            .with_meter_provider(metrics.provider.clone());
        let client = net::connect(layer.with_active_requests(), version);
        let first = net::get(&client, address, "/").await.unwrap();
        let second = net::get(&client, address, "/").await.unwrap();
        for name in [SERVER, CLIENT] {
            let series = metrics.only(name);
            assert_eq!(series.sum, 2.0);
            assert_eq!(series.unit, "{request}");
        }
        // One is read to its end, one is dropped in the middle.
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
fn only_when_asked_for() {
    let values = Values::default();
    let layer = Traces::default()
        .server()
        .with_meter_provider(values.clone());
    call(&mut layer.layer(service_fn(handle)), Way::BodyRead);
    let names: Vec<_> = values.all().into_iter().map(|value| value.name).collect();
    assert_eq!(names, ["http.server.request.duration"]);
}

/// A known method and a made-up one count as two series, whatever else is made up.
#[test]
fn under_the_labels_they_began_with() {
    let values = Values::default();
    let layer = Traces::default()
        .server()
        .with_meter_provider(values.clone());
    let mut service = layer
        .with_active_requests()
        .layer(service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        }));
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
