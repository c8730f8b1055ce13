//! Spans of DNS lookups and of connecting.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use ::http::{Method, Uri, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lianlu::SpanKind;
use lianlu::connection::{Connect, Dns, PhaseService};
use opentelemetry::trace::{FutureExt, Status};
use opentelemetry_sdk::trace::SpanData;
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common::echo::{Echo, message};
use crate::common::traces::{
    Traces, assert_child, assert_error, assert_fine, assert_root, attr, cancelled, int, named,
    of_kind, text,
};
use crate::common::{Gate, closed_port, echo, http as net, soon};

type Resolver = PhaseService<GaiResolver, Dns>;

fn connector(traces: &Traces) -> PhaseService<HttpConnector<Resolver>, Connect> {
    let dns = traces.dns();
    let connect = traces.connect();
    let mut http = HttpConnector::new_with_resolver(dns.layer(GaiResolver::new()));
    http.enforce_http(false);
    connect.layer(http)
}

async fn serve() -> SocketAddr {
    net::serve(Router::new().route("/", get(async || "hello"))).await
}

fn assert_within(inner: &SpanData, outer: &SpanData) {
    assert!(outer.start_time <= inner.start_time && inner.end_time <= outer.end_time);
}

#[tokio::test]
async fn the_first_call_of_a_hyper_client_has_dns_and_connect_spans() {
    for version in net::VERSIONS {
        let traces = Traces::default();
        let address = serve().await;
        let client: Client<_, Body> = Client::builder(TokioExecutor::new())
            .http2_only(version == Version::HTTP_2)
            .build(connector(&traces));
        let client = traces.client().layer(client);
        for _ in 0..2 {
            let uri = format!("http://localhost:{}/", address.port());
            let request = ::http::Request::get(uri).body(Body::empty()).unwrap();
            let response = soon(client.clone().oneshot(request)).await.unwrap();
            assert_eq!(net::read(response).await.unwrap(), "hello");
        }
        let spans = traces.all(4).await;
        let (dns, connect) = (named(&spans, "dns"), named(&spans, "connect"));
        let first = &of_kind(&spans, &SpanKind::Client)[0];
        assert_child(&connect, first);
        assert_child(&dns, &connect);
        assert_within(&dns, &connect);
        assert_within(&connect, first);
        for span in [&dns, &connect] {
            assert_fine(span);
            assert_eq!(span.span_kind, SpanKind::Internal);
            assert_eq!(span.instrumentation_scope.name(), "lianlu");
            assert_eq!(text(span, "server.address"), Some("localhost"));
        }
        let port = Some(i64::from(address.port()));
        assert_eq!(int(&connect, "server.port"), port);
        assert_eq!(attr(&dns, "server.port"), None);
        assert_eq!(text(&connect, "network.peer.address"), Some("127.0.0.1"));
        assert_eq!(int(&connect, "network.peer.port"), port);
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_error_of_connect_and_of_the_call() {
    let traces = Traces::default();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector(&traces));
    let client = traces.client().layer(client);
    let address = closed_port().await;
    let request = net::request(Method::GET, address, "/");
    soon(client.oneshot(request)).await.unwrap_err();
    let spans = traces.all(2).await;
    let (connect, client) = (named(&spans, "connect"), named(&spans, "GET"));
    assert_child(&connect, &client);
    let description = assert_error(&connect, "ConnectionRefused");
    assert!(description.contains("refused"), "{description}");
    assert_error(&client, "ConnectionRefused");
    assert_eq!(text(&connect, "server.address"), Some("127.0.0.1"));
    let port = i64::from(address.port());
    assert_eq!(int(&connect, "server.port"), Some(port));
    assert_eq!(attr(&connect, "network.peer.address"), None);
}

#[tokio::test]
async fn a_failed_lookup_is_an_error() {
    let traces = Traces::default();
    let resolver = service_fn(async |_: Name| {
        Err::<std::vec::IntoIter<SocketAddr>, _>(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "no such host",
        ))
    });
    let dns = traces.dns();
    let mut resolver = dns.layer(resolver);
    let name = "shop.invalid".parse::<Name>().unwrap();
    soon(resolver.ready().await.unwrap().call(name))
        .await
        .unwrap_err();
    let spans = traces.all(1).await;
    let class = "name_resolution_error";
    assert_eq!(assert_error(&spans[0], class), "no such host");
    assert_eq!(text(&spans[0], "server.address"), Some("shop.invalid"));
    // A lookup outside of a call is a root.
    assert_root(&spans[0]);
}

#[tokio::test]
async fn a_dropped_connect_is_cancelled() {
    let traces = Traces::default();
    let connect = traces.connect();
    let entered = Gate::default();
    let inside = entered.clone();
    let mut connector = connect.layer(service_fn(move |_: Uri| {
        inside.open();
        std::future::pending::<Result<TokioIo<TcpStream>, std::io::Error>>()
    }));
    let call = connector
        .ready()
        .await
        .unwrap()
        .call(Uri::from_static("http://[::1]/"));
    entered.pass().await;
    assert_eq!(traces.open(), 1);
    drop(call);
    let span = named(&traces.all(1).await, "connect");
    assert!(cancelled(&span));
    assert_eq!(span.status, Status::Unset);
    assert_eq!(text(&span, "server.address"), Some("::1"));
    assert_eq!(int(&span, "server.port"), Some(80));
}

/// The request takes a connection that becomes free while its own is being made.
#[tokio::test]
async fn a_connection_that_is_ready_after_its_call_is_still_its_child() {
    type Connecting = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<TcpStream>>> + Send>>;
    let traces = Traces::default();
    let (asked, answer) = (Gate::default(), Gate::default());
    let (entered, wait) = (asked.clone(), answer.clone());
    let slow = async move || {
        entered.open();
        wait.pass().await;
        "slow"
    };
    let app = Router::new()
        .route("/slow", get(slow))
        .route("/", get(async || "hello"));
    let address = net::serve(app).await;

    let (second, go_on) = (Gate::default(), Gate::default());
    let (entered, wait) = (second.clone(), go_on.clone());
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let connect = traces.connect();
    let connector = connect.layer(service_fn(move |_: Uri| -> Connecting {
        let is_second = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1;
        let (entered, wait) = (entered.clone(), wait.clone());
        Box::pin(async move {
            if is_second {
                entered.open();
                wait.pass().await;
            }
            TcpStream::connect(address).await.map(TokioIo::new)
        })
    }));
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let client = traces.client().layer(client);
    let ask = |path| {
        let call = client
            .clone()
            .oneshot(net::request(Method::GET, address, path));
        tokio::spawn(async move { net::read(call.await.unwrap()).await.unwrap() })
    };
    let first = ask("/slow");
    soon(asked.pass()).await;
    let late = ask("/");
    soon(second.pass()).await;
    answer.open();
    assert_eq!(soon(first).await.unwrap(), "slow");
    assert_eq!(soon(late).await.unwrap(), "hello");
    assert_eq!((traces.finished().len(), traces.open()), (3, 1));
    go_on.open();
    let spans = traces.all(4).await;
    let (late, connect) = (&of_kind(&spans, &SpanKind::Client)[1], &spans[3]);
    assert_eq!(connect.name, "connect");
    assert_child(connect, late);
    assert_fine(connect);
    assert!(late.end_time < connect.end_time);
}

#[tokio::test]
async fn the_first_call_of_a_reqwest_client_has_dns_and_connect_spans() {
    let traces = Traces::default();
    let address = serve().await;
    let dns = traces.dns();
    let connect = traces.connect();
    let http = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(dns.layer(GaiResolver::new()))
        .connector_layer(connect)
        .build()
        .unwrap();
    let client = traces.client().layer(http);
    for _ in 0..2 {
        let request = net::reqwest_get(&format!("http://localhost:{}/", address.port()));
        let response = soon(client.clone().oneshot(request)).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
    }
    let spans = traces.all(4).await;
    let (dns, connect) = (named(&spans, "dns"), named(&spans, "connect"));
    assert_child(&connect, &of_kind(&spans, &SpanKind::Client)[0]);
    assert_child(&dns, &connect);
    assert_eq!(text(&dns, "server.address"), Some("localhost"));
    let port = Some(i64::from(address.port()));
    assert_eq!(text(&connect, "network.peer.address"), Some("127.0.0.1"));
    assert_eq!(int(&connect, "network.peer.port"), port);

    let traces = Traces::default();
    let connect = traces.connect();
    let http = reqwest::Client::builder()
        .no_proxy()
        .connector_layer(connect);
    let request = net::reqwest_get(&format!("http://{}/", closed_port().await));
    let client = traces.client().layer(http.build().unwrap());
    soon(client.oneshot(request)).await.unwrap_err();
    let spans = traces.all(2).await;
    let connect = named(&spans, "connect");
    assert_child(&connect, &of_kind(&spans, &SpanKind::Client)[0]);
    assert_error(&connect, "ConnectionRefused");
}

#[tokio::test]
async fn a_tonic_channel_connects_in_the_context_of_connect() {
    let traces = Traces::default();
    let address = echo::serve(lianlu::server(), Echo::new(&traces)).await;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let root = traces.root("start");
    let channel = endpoint
        .connect_with_connector(connector(&traces))
        .with_context(root.clone());
    let channel = soon(channel).await.unwrap();
    drop(root);
    let channel = traces.client().layer(channel);
    let mut client = lianlu_protos::testing::echo_client::EchoClient::new(channel);
    for _ in 0..2 {
        soon(client.unary(message("hi", 0))).await.unwrap();
    }
    let spans = traces.all(4).await;
    let connect = named(&spans, "connect");
    assert_child(&connect, &named(&spans, "start"));
    assert_fine(&connect);
    assert_eq!(text(&connect, "server.address"), Some("127.0.0.1"));
}

/// It connects in a task of its own.
#[tokio::test]
async fn a_lazy_tonic_channel_connects_in_a_trace_of_its_own() {
    let traces = Traces::default();
    let address = closed_port().await;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect_with_connector_lazy(connector(&traces));
    let channel = traces.client().layer(channel);
    let mut client = lianlu_protos::testing::echo_client::EchoClient::new(channel);
    soon(client.unary(message("hi", 0))).await.unwrap_err();
    let spans = traces.all(2).await;
    let connect = named(&spans, "connect");
    assert_error(&connect, "ConnectionRefused");
    assert_root(&connect);
}
