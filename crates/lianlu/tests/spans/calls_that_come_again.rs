//! A thread remembers how it has described calls, and describes others like them by that. Whatever differs between two
//! calls is told apart: their spans and metrics are those that each has over `opentelemetry_sdk`'s provider, where
//! nothing is remembered.

use std::convert::Infallible;
use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use lianlu::{
    Conventions, HeaderCapture, KeyValue, KnownMethods, OptIn, ServerLayer, Side, TraceLayer,
    TraceOptions,
};
use opentelemetry::Value;
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::http as net;
use crate::common::metrics::Metrics;
use crate::common::plain::Plain;
use crate::common::provider::Whose;
use crate::common::traces::Traces;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// What a call may differ in.
#[derive(Debug, Clone, Copy)]
struct Call {
    path: &'static str,
    authority: Option<&'static str>,
    scheme: &'static str,
    host: Option<&'static str>,
    peer: Option<&'static str>,
    /// A gRPC status, or 0.
    code: u8,
    caller: Option<&'static str>,
    tenant: Option<&'static str>,
    asked: bool,
    is_http: bool,
    /// Of an HTTP call.
    method: &'static str,
    route: Option<&'static str>,
    agent: Option<&'static str>,
    version: Version,
    status: u16,
    parent: &'static str,
}

const PLAIN: Call = Call {
    path: "/shop.Orders/Get",
    authority: Some("shop.example:8080"),
    scheme: "http",
    host: None,
    peer: Some("10.0.0.7:51234"),
    code: 0,
    caller: None,
    tenant: None,
    asked: false,
    is_http: false,
    method: "POST",
    route: None,
    agent: None,
    version: Version::HTTP_2,
    status: 404,
    parent: SAMPLED,
};

const ROUTED: Call = Call {
    path: "/orders/7?q=1",
    is_http: true,
    method: "GET",
    route: Some("/orders/{id}"),
    agent: Some("curl/8.14.1"),
    status: 200,
    ..PLAIN
};

/// Each differs from the first, or from its neighbour, in one thing.
fn calls() -> Vec<Call> {
    let changed = |mut call: Call, change: &dyn Fn(&mut Call)| {
        change(&mut call);
        call
    };
    let but = |change: &dyn Fn(&mut Call)| changed(PLAIN, change);
    let routed = |change: &dyn Fn(&mut Call)| changed(ROUTED, change);
    vec![
        PLAIN,
        but(&|call| call.path = "/shop.Orders/Put"),
        but(&|call| call.path = "/shop.Orders/Get/more"),
        but(&|call| call.path = "/"),
        but(&|call| call.authority = Some("shop.example:8081")),
        but(&|call| call.authority = Some("shop.example")),
        but(&|call| {
            call.authority = Some("shop.example");
            call.scheme = "https";
        }),
        but(&|call| call.authority = Some("[::1]:8080")),
        but(&|call| call.authority = None),
        but(&|call| {
            call.authority = None;
            call.host = Some("shop.example:8080");
        }),
        but(&|call| call.host = Some("other.example:8080")),
        but(&|call| call.peer = None),
        but(&|call| call.peer = Some("10.0.0.7:51235")),
        but(&|call| call.peer = Some("10.0.0.7:16384")),
        but(&|call| call.peer = Some("10.0.0.7:16383")),
        but(&|call| call.peer = Some("10.0.0.7:200")),
        but(&|call| call.peer = Some("10.0.0.7:127")),
        but(&|call| call.peer = Some("10.0.0.7:1")),
        but(&|call| call.peer = Some("10.0.0.7:0")),
        but(&|call| call.peer = Some("10.0.0.8:51234")),
        but(&|call| call.peer = Some("0.0.0.0:0")),
        but(&|call| call.peer = Some("[::1]:51234")),
        but(&|call| call.peer = Some("[::1]:51235")),
        but(&|call| call.version = Version::HTTP_3),
        but(&|call| call.peer = Some("[::2]:51234")),
        but(&|call| call.code = 5),
        but(&|call| call.code = 13),
        but(&|call| call.caller = Some("cart")),
        but(&|call| call.caller = Some("stock")),
        but(&|call| call.tenant = Some("acme")),
        but(&|call| call.tenant = Some("emca")),
        but(&|call| call.asked = true),
        but(&|call| call.is_http = true),
        but(&|call| {
            call.is_http = true;
            call.path = "/orders/7?q=1";
        }),
        but(&|call| call.parent = UNSAMPLED),
        but(&|call| call.parent = ""),
        ROUTED,
        routed(&|call| call.peer = Some("10.0.0.7:51235")),
        routed(&|call| call.peer = Some("10.0.0.7:8080")),
        routed(&|call| call.path = "/orders/7"),
        routed(&|call| call.path = "/orders/8?sig=secret"),
        routed(&|call| call.route = Some("/orders/{order}")),
        routed(&|call| call.route = None),
        routed(&|call| call.route = Some("/shop.Orders/Get")),
        routed(&|call| call.method = "POST"),
        routed(&|call| call.method = "BREW"),
        routed(&|call| call.method = "STEW"),
        routed(&|call| call.agent = Some("curl/8.14.2")),
        routed(&|call| call.agent = Some("")),
        routed(&|call| call.agent = None),
        routed(&|call| call.version = Version::HTTP_11),
        routed(&|call| call.scheme = "https"),
        routed(&|call| call.authority = Some("shop.example:8081")),
        routed(&|call| {
            call.authority = None;
            call.host = Some("shop.example:8080");
        }),
        routed(&|call| call.peer = Some("10.0.0.7:51235")),
        routed(&|call| call.peer = None),
        routed(&|call| call.status = 204),
        routed(&|call| call.status = 301),
        routed(&|call| call.status = 400),
        routed(&|call| call.status = 404),
        routed(&|call| call.status = 409),
        routed(&|call| call.status = 500),
        routed(&|call| call.status = 503),
        routed(&|call| call.status = 600),
        routed(&|call| call.caller = Some("cart")),
        routed(&|call| call.asked = true),
        routed(&|call| call.parent = UNSAMPLED),
    ]
}

impl Call {
    fn request(self) -> Request<Empty<bytes::Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.parse().unwrap();
        *request.version_mut() = self.version;
        let uri = match self.authority {
            Some(authority) => format!("{}://{authority}{}", self.scheme, self.path),
            None => self.path.to_owned(),
        };
        *request.uri_mut() = uri.parse().unwrap();
        let kind = if self.is_http {
            "application/json"
        } else {
            "application/grpc"
        };
        let headers = request.headers_mut();
        for (name, value) in [
            ("content-type", Some(kind)),
            ("host", self.host),
            ("x-md-service-name", self.caller),
            ("x-tenant", self.tenant),
            ("user-agent", self.agent),
            ("traceparent", Some(self.parent).filter(|it| !it.is_empty())),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        let peer: Option<SocketAddr> = self.peer.map(|peer| peer.parse().unwrap());
        request.extensions_mut().insert(TcpConnectInfo {
            local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
            remote_addr: peer,
        });
        if let Some(route) = self.route {
            request.extensions_mut().insert(lianlu::Route(route.into()));
        }
        if self.asked {
            let asked = TraceOptions::new()
                .with_name("asked")
                .with_attribute(KeyValue::new("asked", true));
            request.extensions_mut().insert(asked);
        }
        request
    }

    async fn send<K: Side>(self, layer: &TraceLayer<K>) {
        let service = service_fn(async |_: Request<Empty<bytes::Bytes>>| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from(u16::from(self.code)));
            let body = Full::new(bytes::Bytes::from_static(b"\0\0\0\0\x02\n\0"));
            let body = body.with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
            let mut response = Response::new(body);
            if self.is_http {
                *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
            }
            Ok::<_, Infallible>(response)
        });
        let response = layer.layer(service).oneshot(self.request()).await.unwrap();
        net::read(response).await.unwrap();
    }
}

/// Spans and series of all calls, each several times and next to each other one.
async fn seen<K: Side>(
    whose: Whose,
    made: impl Fn(&Traces) -> TraceLayer<K>,
) -> (Vec<Plain>, Vec<String>) {
    let calls = calls();
    let traces = Traces::of(whose, Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    let metrics = Metrics::default();
    let layer = made(&traces);
    // As two routes of a service, or two of its ports, may have: what they know is not each other's.
    let other = layer
        .clone()
        .with_known_methods(KnownMethods::new(["a.B/C"]));
    let measured = layer
        .clone()
        .with_meter_provider(metrics.provider.clone())
        .with_active_requests();
    for _ in 0..2 {
        for (at, call) in calls.iter().enumerate() {
            for layer in [&layer, &other, &measured] {
                call.send(layer).await;
                calls[at * 7 % calls.len()].send(layer).await;
                PLAIN.send(layer).await;
                call.send(layer).await;
                ROUTED.send(layer).await;
                call.send(layer).await;
            }
        }
    }
    let spans = traces.finished();
    assert_eq!(traces.open(), 0);
    let mut spans: Vec<&SpanData> = spans.iter().collect();
    // Calls come one after the other.
    spans.sort_by_key(|span| span.start_time);
    let plain = spans.iter().map(|span| Plain::of(span, &[])).collect();
    let series = metrics.all().into_iter();
    let series = series.map(|series| format!("{} {} {}", series.name, series.line(), series.count));
    (plain, series.collect())
}

async fn same_of<K: Side>(made: impl Fn(&Traces) -> TraceLayer<K>) {
    let (ours, our_series) = seen(Whose::Ours, &made).await;
    let (others, other_series) = seen(Whose::Sdk, &made).await;
    assert_eq!(ours.len(), others.len());
    for (at, (ours, others)) in ours.iter().zip(&others).enumerate() {
        assert_eq!(ours, others, "call {at}");
    }
    assert!(!our_series.is_empty());
    assert_eq!(our_series, other_series);
}

async fn same(told: impl Fn(ServerLayer) -> ServerLayer) {
    same_of(|traces| told(traces.server())).await;
}

#[tokio::test]
async fn by_a_layer_that_is_told_nothing() {
    same(|layer| layer).await;
}

/// A peer's connections are described alike, but for their ports: in those of each length, by each layer.
#[tokio::test]
async fn from_many_ports() {
    const PORTS: [u16; 9] = [51234, 51235, 0, 1, 127, 128, 16383, 16384, 65535];
    for whose in Whose::BOTH {
        let traces = Traces::of(whose, Sampler::AlwaysOn);
        let layer = traces.server();
        let asked = layer
            .clone()
            .with_opt_in(OptIn::ClientPort)
            .with_opt_in(OptIn::NetworkLocal);
        let old = layer
            .clone()
            .with_rpc_conventions(Conventions::Both)
            .with_http_conventions(Conventions::Both);
        let mut wanted = Vec::new();
        for _ in 0..4 {
            for port in PORTS {
                for address in ["10.0.0.7", "[::1]"] {
                    let peer = Some(&*format!("{address}:{port}").leak());
                    for layer in [&layer, &asked, &old] {
                        for call in [PLAIN, ROUTED] {
                            Call { peer, ..call }.send(layer).await;
                            wanted.push(port);
                        }
                    }
                }
            }
        }
        let mut spans = traces.finished();
        spans.sort_by_key(|span| span.start_time);
        assert_eq!(spans.len(), wanted.len());
        let keys = ["network.peer.port", "client.port", "net.sock.peer.port"];
        let mut seen = [0; 3];
        for (span, wanted) in spans.iter().zip(wanted) {
            for (key, seen) in keys.into_iter().zip(&mut seen) {
                let ports = span.attributes.iter().filter(|it| it.key.as_str() == key);
                for port in ports {
                    assert_eq!(port.value, Value::I64(wanted.into()), "{key} of {span:?}");
                    *seen += 1;
                }
            }
        }
        // All; those of HTTP by the layer that was asked, and by the one that has both conventions.
        let all = spans.len();
        assert_eq!(seen, [all, all / 6, all / 6], "{whose:?}");
    }
}

/// More methods, peers and layers than there are places to remember them in.
#[tokio::test]
async fn by_more_than_are_remembered() {
    const MANY: usize = 300;
    let paths: Vec<&'static str> = (0..MANY)
        .map(|at| &*format!("/shop.Orders/Get{at}").leak())
        .collect();
    let peers: Vec<&'static str> = (0..MANY)
        .map(|at| &*format!("10.0.{}.{}:{}", at / 100, at % 100, 1000 + at).leak())
        .collect();
    let mut seen = Vec::new();
    for whose in Whose::BOTH {
        let traces = Traces::of(whose, Sampler::AlwaysOn);
        let all = KnownMethods::new(paths.iter().map(|path| path.trim_start_matches('/')));
        let layer = traces.server().with_known_methods(all);
        for _ in 0..3 {
            for path in &paths {
                Call { path, ..PLAIN }.send(&layer).await;
            }
        }
        for _ in 0..3 {
            for peer in &peers {
                let peer = Some(*peer);
                Call { peer, ..PLAIN }.send(&layer).await;
            }
        }
        // They know the method, or don't.
        let layers: Vec<_> = (0..MANY)
            .map(|at| {
                let known = if at % 2 == 0 {
                    "shop.Orders/Get"
                } else {
                    "a.B/C"
                };
                traces
                    .server()
                    .with_known_methods(KnownMethods::new([known]))
            })
            .collect();
        for _ in 0..3 {
            for layer in &layers {
                PLAIN.send(layer).await;
            }
        }
        let mut spans = traces.all(9 * MANY).await;
        spans.sort_by_key(|span| span.start_time);
        let plain = spans.iter().map(|span| Plain::of(span, &[]));
        seen.push(plain.collect::<Vec<_>>());
    }
    for (at, (ours, others)) in seen[0].iter().zip(&seen[1]).enumerate() {
        assert_eq!(ours, others, "call {at}");
    }
}

#[tokio::test]
async fn by_clients() {
    same_of(Traces::client).await;
    same_of(|traces| traces.client().with_target("http://shop.example:9000")).await;
    same_of(|traces| traces.client().with_rpc_conventions(Conventions::Both)).await;
}

#[tokio::test]
async fn by_layers_that_are_told_more() {
    same(|layer| layer.with_known_methods(KnownMethods::new(["shop.Orders/Get"]))).await;
    same(|layer| layer.with_rpc_conventions(Conventions::Both)).await;
    same(|layer| layer.with_rpc_conventions(Conventions::Old)).await;
    same(|layer| layer.with_http_conventions(Conventions::Both)).await;
    same(|layer| layer.with_http_conventions(Conventions::Old)).await;
    same(|layer| layer.with_body_sizes()).await;
    same(|layer| layer.with_opt_in(OptIn::BodySize)).await;
    same(|layer| layer.with_opt_in(OptIn::SyntheticUserAgent)).await;
    same(|layer| layer.with_opt_in(OptIn::ClientPort)).await;
    same(|layer| layer.with_span_name(|head| Some(head.method().to_string().into()))).await;
    same(|layer| {
        let layer = layer.with_opt_in(OptIn::NetworkLocal);
        layer.with_opt_in(OptIn::NetworkTransport)
    })
    .await;
    same(|layer| layer.with_opt_in(OptIn::ServerAddressOnMetrics)).await;
    same(|layer| {
        let captured = HeaderCapture::new().allow("x-tenant");
        layer.with_captured_request_headers(captured)
    })
    .await;
    same(|layer| layer.with_attributes(|head| vec![KeyValue::new("path", head.path().to_owned())]))
        .await;
}
