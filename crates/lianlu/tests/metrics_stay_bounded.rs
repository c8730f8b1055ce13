//! The number of series is bounded, whatever methods, paths and hosts callers send.
//!
//! A program of its own: the tests fill tables of the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use common::echo::Echo;
use common::metrics::{Metrics, Series};
use common::traces::Traces;
use http::{HeaderValue, Method, Request, Response, Uri};
use lianlu::{ClientLayer, KeyValue, ServerLayer, conventions::KnownMethods};
use lianlu_protos::testing::echo_server::EchoServer;
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, Service, service_fn};

const CALLS: usize = 100_000;
/// For cases that are less likely to grow, as a debug build is slow.
const FEWER: usize = 10_000;
const HTTP_SERVER: &str = "http.server.request.duration";
const HTTP_CLIENT: &str = "http.client.request.duration";
const RPC_SERVER: &str = "rpc.server.call.duration";
const RPC_CLIENT: &str = "rpc.client.call.duration";
const KNOWN: &str = "lianlu.testing.Echo/Unary";

/// A generator with a fixed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 4 to 16 letters.
    fn word(&mut self) -> String {
        let length = 4 + self.next() % 13;
        let letter = |_| char::from(b'A' + (self.next() % 26) as u8);
        (0..length).map(letter).collect()
    }
}

fn random() -> Random {
    Random(0x9e37_79b9_7f4a_7c15)
}

fn server(metrics: &Metrics) -> ServerLayer {
    Traces::with_sampler(Sampler::AlwaysOff)
        .server()
        .with_metrics(|it| it.provider(metrics.provider.clone()))
}

fn client(metrics: &Metrics) -> ClientLayer {
    Traces::with_sampler(Sampler::AlwaysOff)
        .client()
        .with_metrics(|it| it.provider(metrics.provider.clone()))
}

/// Calls a service that is always ready, and drops the answer.
fn call<S, B>(service: &mut S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let cx = &mut Context::from_waker(Waker::noop());
    let future = service.call(request);
    assert!(matches!(pin!(future).poll(cx), Poll::Ready(Ok(_))));
}

fn grpc(path: &str) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::empty())
        .unwrap()
}

/// A path, which may look like a method.
fn grpc_path(random: &mut Random) -> String {
    match random.next() % 8 {
        0 => format!("/{}", random.word()),
        1 => format!("/{}/{}/{}", random.word(), random.word(), random.word()),
        2 => format!("/lianlu.testing.Echo/{}", random.word()),
        _ => format!("/{}.{}/{}", random.word(), random.word(), random.word()),
    }
}

/// A handler that answers with trailers only.
fn answer(
    code: u8,
) -> impl Clone + Fn(Request<Body>) -> std::future::Ready<Result<Response<Body>, Infallible>> {
    move |_| {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", HeaderValue::from(u16::from(code)))
            .body(Body::empty());
        std::future::ready(Ok(response.unwrap()))
    }
}

#[test]
fn http_methods_paths_and_hosts_make_four_series() {
    let metrics = Metrics::default();
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/files/{*path}", get(async || "a file"));
    let layer = server(&metrics).with_metrics(|metrics| metrics.active_requests().body_sizes());
    let mut service = layer.layer(app);
    let mut random = random();
    for at in 0..CALLS {
        let method = random.word();
        let path = match at % 4 {
            0 => format!("/orders/{}", random.word()),
            1 => format!("/files/{}/{}", random.word(), random.word()),
            _ => format!("/{}?{}={}", random.word(), random.word(), random.word()),
        };
        let request = Request::builder()
            .method(match at % 2 {
                0 => Method::GET,
                _ => Method::from_bytes(method.as_bytes()).unwrap(),
            })
            .uri(path)
            .header("host", format!("{}.example:{}", random.word(), at % 60_000))
            .header("user-agent", random.word())
            .header("x-forwarded-host", random.word())
            .header("x-forwarded-proto", random.word())
            .header("forwarded", format!("proto={};host=a", random.word()))
            .body(Body::empty());
        call(&mut service, request.unwrap());
    }
    // Methods that are known or not, and paths that are found or not.
    let series = metrics.of(HTTP_SERVER);
    let lines: Vec<_> = series.iter().map(|series| series.line()).collect();
    let line = |method: &str, status: u16| {
        format!(
            "http.request.method=\"{method}\" http.response.status_code={status} \
             network.protocol.version=\"1.1\" url.scheme=\"http\""
        )
    };
    assert_eq!(
        lines,
        [
            line("GET", 200),
            line("GET", 404),
            line("_OTHER", 404),
            line("_OTHER", 405)
        ]
    );
    assert_eq!(
        series.iter().map(|series| series.count).sum::<u64>(),
        CALLS as u64
    );
    let active = metrics.of("http.server.active_requests");
    assert_eq!(active.len(), 2, "{active:#?}");
    for name in [
        "http.server.request.body.size",
        "http.server.response.body.size",
    ] {
        assert_eq!(metrics.of(name).len(), 4, "{name}");
    }
}

#[test]
fn inside_of_axums_router_only_route_templates_are_labels() {
    let metrics = Metrics::default();
    let mut service = Router::<()>::new()
        .route("/orders/{id}", get(async || "an order"))
        .fallback(async || "nothing")
        .layer(server(&metrics));
    let mut random = random();
    for at in 0..FEWER {
        let path = match at % 2 {
            0 => format!("/orders/{}", random.word()),
            _ => format!("/{}", random.word()),
        };
        let request = Request::get(path).body(Body::empty()).unwrap();
        call(&mut service, request);
    }
    let series = metrics.of(HTTP_SERVER);
    let routes: Vec<_> = series.iter().map(|it| it.label("http.route")).collect();
    assert_eq!(routes, [Some("/orders/{id}"), None]);
}

/// tonic's router answers `UNIMPLEMENTED`.
#[test]
fn grpc_methods_that_the_router_refuses_are_one_series() {
    let metrics = Metrics::default();
    let router = tonic::service::Routes::new(EchoServer::new(Echo::default()));
    let router = router.into_axum_router();
    let mut service = server(&metrics).layer(router);
    let mut random = random();
    for _ in 0..CALLS {
        call(&mut service, grpc(&grpc_path(&mut random)));
    }
    let series = metrics.only(RPC_SERVER);
    assert_eq!(series.label("rpc.method"), Some("_OTHER"));
    assert_eq!(series.count, CALLS as u64);
    // A method that exists.
    call(&mut service, grpc(&format!("/{KNOWN}")));
    let series = metrics.of(RPC_SERVER);
    let methods: Vec<_> = series.iter().map(|it| it.label("rpc.method")).collect();
    assert_eq!(methods, [Some(KNOWN), Some("_OTHER")]);
}

#[test]
fn grpc_methods_outside_of_the_list_are_one_series() {
    for code in [0, 16] {
        let metrics = Metrics::default();
        let layer = server(&metrics)
            .with_conventions(|conventions| conventions.grpc_methods(KnownMethods::new([KNOWN])));
        let mut service = layer.layer(service_fn(answer(code)));
        let mut random = random();
        for _ in 0..FEWER {
            call(&mut service, grpc(&grpc_path(&mut random)));
        }
        call(&mut service, grpc(&format!("/{KNOWN}")));
        let series = metrics.of(RPC_SERVER);
        let counts: Vec<_> = series
            .iter()
            .map(|it| (it.label("rpc.method").unwrap(), it.count))
            .collect();
        assert_eq!(counts, [("_OTHER", FEWER as u64), (KNOWN, 1)]);
    }
}

/// All methods are answered, so 256 of them are learned.
#[test]
fn grpc_methods_without_a_list_are_at_most_257_series() {
    for code in [0, 16] {
        let metrics = Metrics::default();
        let mut service = server(&metrics).layer(service_fn(answer(code)));
        // A method that was learned before keeps its name.
        call(&mut service, grpc(&format!("/{KNOWN}")));
        let mut random = random();
        for _ in 0..FEWER {
            call(&mut service, grpc(&grpc_path(&mut random)));
        }
        call(&mut service, grpc(&format!("/{KNOWN}")));
        let series = metrics.of(RPC_SERVER);
        assert_eq!(series.len(), 257);
        let of = |method| {
            let mut series = series.iter();
            series.find(|it| it.label("rpc.method") == Some(method))
        };
        assert_eq!(of(KNOWN).unwrap().count, 2);
        assert!(of("_OTHER").unwrap().count > FEWER as u64 - 300);
    }
}

#[test]
fn hosts_of_http_clients_are_at_most_101_series() {
    let metrics = Metrics::default();
    let layer = client(&metrics).with_metrics(|metrics| metrics.active_requests().body_sizes());
    let mut service = layer.layer(service_fn(answer(0)));
    let mut random = random();
    for at in 0..FEWER {
        let uri = match at % 3 {
            0 => format!("http://{}.example/{}", random.word(), random.word()),
            1 => format!("http://one.example:{}/", 1 + random.next() % 60_000),
            _ => format!(
                "http://10.0.{}.{}/",
                random.next() % 256,
                random.next() % 256
            ),
        };
        let uri: Uri = uri.parse().unwrap();
        let request = Request::get(uri).body(Body::empty()).unwrap();
        call(&mut service, request);
    }
    for name in [
        HTTP_CLIENT,
        "http.client.active_requests",
        "http.client.request.body.size",
        "http.client.response.body.size",
    ] {
        let series = metrics.of(name);
        assert_eq!(series.len(), 101, "{name}");
        let is_other = |it: &&Series| it.label("server.address") == Some("_OTHER");
        let other: Vec<_> = series.iter().filter(is_other).collect();
        assert_eq!(other.len(), 1);
        assert_eq!(other[0].label("server.port"), None);
    }
}

/// With `ServerAddressOnMetrics`.
#[test]
fn hosts_of_servers_are_at_most_101_series() {
    let metrics = Metrics::default();
    let layer = server(&metrics).with_conventions(|conventions| {
        conventions.opt_in(lianlu::conventions::OptIn::ServerAddressOnMetrics)
    });
    let mut service = layer
        .with_metrics(|metrics| metrics.active_requests())
        .layer(service_fn(answer(0)));
    let mut random = random();
    for _ in 0..FEWER {
        let host = format!("{}:{}", random.word(), 1 + random.next() % 60_000);
        let request = Request::get("/").header("host", &host);
        call(&mut service, request.body(Body::empty()).unwrap());
        call(&mut service, grpc(&format!("http://{host}/{KNOWN}")));
    }
    for name in [HTTP_SERVER, RPC_SERVER, "http.server.active_requests"] {
        assert!(metrics.of(name).len() <= 101, "{name}");
    }
}

#[test]
fn hosts_and_methods_of_grpc_clients_are_bounded() {
    let metrics = Metrics::default();
    let mut service = client(&metrics).layer(service_fn(answer(0)));
    let mut random = random();
    for _ in 0..FEWER {
        let host = random.word();
        call(
            &mut service,
            grpc(&format!("http://{host}.example/{KNOWN}")),
        );
    }
    assert_eq!(metrics.of(RPC_CLIENT).len(), 101);

    let metrics = Metrics::default();
    let mut service = client(&metrics).layer(service_fn(answer(0)));
    for _ in 0..FEWER {
        let path = grpc_path(&mut random);
        call(&mut service, grpc(&format!("http://one.example{path}")));
    }
    assert_eq!(metrics.of(RPC_CLIENT).len(), 257);
}

/// On all metrics that are recorded at the end of a call.
#[test]
fn with_metric_attributes_adds_labels() {
    let metrics = Metrics::default();
    let layer = server(&metrics)
        .with_metrics(|metrics| metrics.body_sizes())
        .with_metrics(|metrics| {
            metrics.attributes(|outcome| {
                assert!(outcome.duration().as_secs() < 3600 && !outcome.is_error());
                let class = outcome.http_status().unwrap().as_u16() / 100;
                vec![KeyValue::new("class", i64::from(class))]
            })
        });
    let mut service = layer.layer(service_fn(async |request: Request<Body>| {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let response = Response::builder().status(status);
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    }));
    for status in [200, 204, 404] {
        let request = Request::get(format!("/{status}")).body(Body::empty());
        call(&mut service, request.unwrap());
    }
    for name in [HTTP_SERVER, "http.server.response.body.size"] {
        let classes: Vec<_> = metrics
            .of(name)
            .iter()
            .map(|it| it.label("class").unwrap().to_owned())
            .collect();
        assert_eq!(classes, ["2", "2", "4"], "{name}");
    }
}
