//! So many calls through the layer, and nothing else worth counting.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, Version, header};
use lianlu_sdk::{Batch, Export, Failure, Limits, TracerProvider};
use opentelemetry::metrics::noop::NoopMeterProvider;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower_layer::Layer;
use tower_service::Service;

use crate::allocations;
use crate::caller::call;
use crate::page::Page;
use crate::service::Greeter;

/// Caches, pools and one-time looks at the environment are filled before anything counts.
const WARM_UP: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Without the layer: what the caller and the service take, and all cases have in them.
    Bare,
    /// A sampled parent, and nothing besides.
    Sampled,
    /// The same with the body type of a tonic server, in which the layer counts messages.
    SampledTonicBody,
    SampledTracestate,
    SampledBaggage,
    Unsampled,
    Off,
    /// A server's HTTP call of a route, sampled.
    Http,
    /// A client's calls, which begin a trace each.
    HttpClient,
    GrpcClient,
}

impl Case {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::Sampled,
        Self::SampledTonicBody,
        Self::SampledTracestate,
        Self::SampledBaggage,
        Self::Unsampled,
        Self::Off,
        Self::Http,
        Self::HttpClient,
        Self::GrpcClient,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Sampled => "sampled",
            Self::SampledTonicBody => "sampled-tonic-body",
            Self::SampledTracestate => "sampled-tracestate",
            Self::SampledBaggage => "sampled-baggage",
            Self::Unsampled => "unsampled",
            Self::Off => "off",
            Self::Http => "http",
            Self::HttpClient => "http-client",
            Self::GrpcClient => "grpc-client",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }
}

/// Makes the calls; says how many heap allocations of this thread they took.
pub(crate) fn run(case: Case, calls: usize) -> u64 {
    install();
    let layer = lianlu::server().with_enabled(case != Case::Off);
    match case {
        Case::Bare => count(Greeter, case, calls, || ()),
        Case::SampledTonicBody => count(layer.layer(Greeter), case, calls, Body::empty),
        Case::Http => count(layer.layer(Page), case, calls, || ()),
        Case::HttpClient => count(lianlu::client().layer(Page), case, calls, || ()),
        Case::GrpcClient => count(lianlu::client().layer(Greeter), case, calls, || ()),
        _ => count(layer.layer(Greeter), case, calls, || ()),
    }
}

fn count<S, B, R>(mut service: S, case: Case, calls: usize, body: impl Fn() -> B) -> u64
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    let requests = (0..WARM_UP + calls).map(|number| request(case, number, body()));
    let mut requests: Vec<_> = requests.collect();
    for request in requests.drain(..WARM_UP) {
        call(&mut service, request);
    }
    let before = allocations::of_this_thread();
    // By a reference that is not generic, so that the function below has one name.
    counted(&mut || {
        for request in requests.drain(..) {
            call(&mut service, request);
        }
    });
    allocations::of_this_thread() - before
}

/// Callgrind counts in here alone.
#[inline(never)]
fn counted(calls: &mut dyn FnMut()) {
    calls();
    // Or the call would be in tail position, and this function gone before it.
    std::hint::black_box(());
}

fn request<B>(case: Case, number: usize, body: B) -> Request<B> {
    match case {
        Case::Http => {
            let mut request = http_request(body);
            add_caller(&mut request, case, number);
            request
                .extensions_mut()
                .insert(lianlu::Route("/orders/{id}".into()));
            request
        }
        Case::HttpClient => http_request(body),
        Case::GrpcClient => grpc_request(body),
        _ => {
            let mut request = grpc_request(body);
            add_caller(&mut request, case, number);
            request
        }
    }
}

fn http_request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.uri_mut() = http::Uri::from_static("http://shop.example:8080/orders/7?full=1");
    for (name, value) in [
        (header::ACCEPT, "application/json"),
        (header::USER_AGENT, "curl/8.14.1"),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    request
}

fn grpc_request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() =
        http::Uri::from_static("http://shop.example:8080/helloworld.Greeter/SayHello");
    for (name, value) in [
        (header::CONTENT_TYPE, "application/grpc"),
        (header::TE, "trailers"),
        (header::USER_AGENT, "grpc-go/1.76.0"),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    request
}

/// What comes with a server's request: the caller's trace, and its address.
fn add_caller<B>(request: &mut Request<B>, case: Case, number: usize) {
    let flags = if case == Case::Unsampled { "00" } else { "01" };
    let traceparent = format!(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-{flags}",
        number + 1
    );
    let headers = request.headers_mut();
    headers.insert(
        "traceparent",
        HeaderValue::try_from(traceparent).expect("hex is a header value"),
    );
    if matches!(case, Case::SampledTracestate | Case::SampledBaggage) {
        let value = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
        headers.insert("tracestate", HeaderValue::from_static(value));
    }
    if case == Case::SampledBaggage {
        let value = "tenant=acme,user.tier=gold,session=4bf92f3577b34da6";
        headers.insert("baggage", HeaderValue::from_static(value));
    }
    request.extensions_mut().insert(TcpConnectInfo {
        local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
        remote_addr: Some(SocketAddr::from(([10, 0, 0, 7], 51_234))),
    });
}

struct Drop;

impl Export for Drop {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        Ok(())
    }
}

/// A pipeline that holds all and is never woken, and metrics that go nowhere.
fn install() {
    let mut limits = Limits::default();
    limits.queue_size = 1 << 16;
    limits.batch_size = 1 << 16;
    limits.schedule_delay = Duration::from_secs(3600);
    let provider = TracerProvider::builder()
        .with_limits(limits)
        .with_exporter(Drop)
        .build();
    lianlu::set_tracer_provider(provider.expect("there is a thread"));
    lianlu::set_meter_provider(NoopMeterProvider::new());
}
