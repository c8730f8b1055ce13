//! What a client does before a request: finding addresses, connecting, shaking hands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use ::http::{Method, Uri, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use common::echo::{Echo, message};
use common::traces::{
    Traces, assert_child, assert_error, assert_fine, assert_root, attr, cancelled, int, named, text,
};
use common::{Gate, echo, http as net, listen, nobody, soon};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lianlu::SpanKind;
use lianlu::connection::{Connect, Dns, PhaseService};
use opentelemetry::trace::{FutureExt, Status};
use opentelemetry_sdk::trace::SpanData;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use tower::{Layer, Service, ServiceExt, service_fn};

type Resolver = PhaseService<GaiResolver, Dns>;

fn connector(traces: &Traces) -> PhaseService<HttpConnector<Resolver>, Connect> {
    let dns = lianlu::connection::dns().with_tracer_provider(traces.provider.clone());
    let connect = lianlu::connection::connect().with_tracer_provider(traces.provider.clone());
    let mut http = HttpConnector::new_with_resolver(dns.layer(GaiResolver::new()));
    http.enforce_http(false);
    connect.layer(http)
}

async fn serve() -> SocketAddr {
    net::serve(Router::new().route("/", get(async || "hello"))).await
}

fn client_of(spans: &[SpanData], index: usize) -> SpanData {
    let mut clients: Vec<_> = spans
        .iter()
        .filter(|span| span.span_kind == SpanKind::Client)
        .collect();
    clients.sort_by_key(|span| span.start_time);
    clients[index].clone()
}

fn assert_within(inner: &SpanData, outer: &SpanData) {
    assert!(outer.start_time <= inner.start_time && inner.end_time <= outer.end_time);
}

#[tokio::test]
async fn hyper_connects_once() {
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
        let first = client_of(&spans, 0);
        assert_child(&connect, &first);
        assert_child(&dns, &connect);
        assert_within(&dns, &connect);
        assert_within(&connect, &first);
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
async fn hyper_is_refused() {
    let traces = Traces::default();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector(&traces));
    let client = traces.client().layer(client);
    let address = nobody().await;
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
async fn a_name_that_nobody_has() {
    let traces = Traces::default();
    let resolver = service_fn(async |_: Name| {
        Err::<std::vec::IntoIter<SocketAddr>, _>(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "no such host",
        ))
    });
    let dns = lianlu::connection::dns().with_tracer_provider(traces.provider.clone());
    let mut resolver = dns.layer(resolver);
    let name = "shop.invalid".parse::<Name>().unwrap();
    soon(resolver.ready().await.unwrap().call(name))
        .await
        .unwrap_err();
    let spans = traces.all(1).await;
    assert_eq!(assert_error(&spans[0], "NotFound"), "no such host");
    assert_eq!(text(&spans[0], "server.address"), Some("shop.invalid"));
    // Whoever resolves for no call, does it in a trace of its own.
    assert_root(&spans[0]);
}

#[tokio::test]
async fn given_up_before_the_end() {
    let traces = Traces::default();
    let connect = lianlu::connection::connect().with_tracer_provider(traces.provider.clone());
    let entered = Gate::default();
    let told = entered.clone();
    let mut connector = connect.layer(service_fn(move |_: Uri| {
        told.open();
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

#[tokio::test]
async fn reqwest_connects_once() {
    let traces = Traces::default();
    let address = serve().await;
    let dns = lianlu::connection::dns().with_tracer_provider(traces.provider.clone());
    let connect = lianlu::connection::connect().with_tracer_provider(traces.provider.clone());
    let http = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(dns.layer(GaiResolver::new()))
        .connector_layer(connect)
        .build()
        .unwrap();
    let client = traces.client().layer(http);
    for _ in 0..2 {
        let url = format!("http://localhost:{}/", address.port());
        let request = reqwest::Request::new(Method::GET, url.parse().unwrap());
        let response = soon(client.clone().oneshot(request)).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
    }
    let spans = traces.all(4).await;
    let (dns, connect) = (named(&spans, "dns"), named(&spans, "connect"));
    assert_child(&connect, &client_of(&spans, 0));
    assert_child(&dns, &connect);
    assert_eq!(text(&dns, "server.address"), Some("localhost"));
    let port = Some(i64::from(address.port()));
    assert_eq!(text(&connect, "network.peer.address"), Some("127.0.0.1"));
    assert_eq!(int(&connect, "network.peer.port"), port);

    let traces = Traces::default();
    let connect = lianlu::connection::connect().with_tracer_provider(traces.provider.clone());
    let http = reqwest::Client::builder()
        .no_proxy()
        .connector_layer(connect);
    let url = format!("http://{}/", nobody().await).parse().unwrap();
    let request = reqwest::Request::new(Method::GET, url);
    let client = traces.client().layer(http.build().unwrap());
    soon(client.oneshot(request)).await.unwrap_err();
    let spans = traces.all(2).await;
    let connect = named(&spans, "connect");
    assert_child(&connect, &client_of(&spans, 0));
    assert_error(&connect, "ConnectionRefused");
}

#[tokio::test]
async fn tonic_connects_before_its_calls() {
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

/// A channel that connects when it is needed does so in a task of its own.
#[tokio::test]
async fn tonic_connects_lazily() {
    let traces = Traces::default();
    let address = nobody().await;
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

/// Says `hello?` and waits for `hello!`, which stands for a handshake.
#[derive(Clone)]
struct Shaking<C>(C);

impl<C> Service<Uri> for Shaking<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>> + Clone + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C::Future: Send,
{
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let mut io = connecting.await.map_err(Into::into)?.into_inner();
            io.write_all(b"hello?").await?;
            let mut answer = [0; 6];
            io.read_exact(&mut answer).await?;
            if &answer != b"hello!" {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "rude").into());
            }
            Ok(TokioIo::new(io))
        })
    }
}

/// Answers each connection with the next of these words, once it has been asked.
async fn shakes_hands(answers: &'static [&'static str]) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_exact(&mut [0; 6]).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            open.push(socket);
        }
        std::future::pending::<()>().await;
    });
    address
}

#[tokio::test]
async fn a_handshake_starts_where_the_connection_was_made() {
    let traces = Traces::default();
    let tls = lianlu::connection::tls().with_tracer_provider(traces.provider.clone());
    let connector = tls.layer(Shaking(connector(&traces)));
    let address = shakes_hands(&["hello!", "go off", ""]).await;
    let uri: Uri = format!("https://{address}/").parse().unwrap();

    let root = traces.root("caller");
    let call = connector.clone().oneshot(uri.clone());
    soon(call.with_context(root.clone())).await.unwrap();
    drop(root);
    let spans = traces.all(3).await;
    let (connect, tls) = (named(&spans, "connect"), named(&spans, "tls"));
    let caller = named(&spans, "caller");
    assert_child(&connect, &caller);
    assert_child(&tls, &caller);
    assert_eq!(tls.start_time, connect.end_time);
    assert_fine(&tls);
    assert_eq!(text(&tls, "server.address"), Some("127.0.0.1"));
    assert_eq!(int(&tls, "server.port"), Some(address.port().into()));

    // The other end speaks something else.
    soon(connector.clone().oneshot(uri.clone()))
        .await
        .unwrap_err();
    let spans = traces.all(5).await;
    let failed = spans.last().unwrap();
    assert_eq!(failed.name, "tls");
    assert_error(failed, "InvalidData");

    // It never answers.
    let mut call = Box::pin(connector.clone().oneshot(uri));
    while traces.finished().len() < 6 {
        assert!(futures_util::poll!(&mut call).is_pending());
        tokio::task::yield_now().await;
    }
    drop(call);
    let spans = traces.all(7).await;
    assert_eq!(spans[6].name, "tls");
    assert!(cancelled(&spans[6]));
}

#[tokio::test]
async fn no_handshake_without_a_connection_or_in_plain_text() {
    let traces = Traces::default();
    let tls = lianlu::connection::tls().with_tracer_provider(traces.provider.clone());
    let connector = tls.layer(Shaking(connector(&traces)));
    let uri: Uri = format!("https://{}/", nobody().await).parse().unwrap();
    soon(connector.clone().oneshot(uri)).await.unwrap_err();
    let address = shakes_hands(&["hello!"]).await;
    let uri: Uri = format!("http://{address}/").parse().unwrap();
    soon(connector.clone().oneshot(uri)).await.unwrap();
    let spans = traces.all(2).await;
    assert!(spans.iter().all(|span| span.name == "connect"));
}

/// Without a layer inside that tells, the span is all of it.
#[tokio::test]
async fn a_handshake_alone() {
    let traces = Traces::default();
    let tls = lianlu::connection::tls().with_tracer_provider(traces.provider.clone());
    let connector = tls.layer(Shaking(service_fn(async |uri: Uri| {
        let address = uri.authority().unwrap().as_str().to_owned();
        TcpStream::connect(address).await.map(TokioIo::new)
    })));
    let address = shakes_hands(&["hello!"]).await;
    let uri: Uri = format!("https://{address}/").parse().unwrap();
    soon(connector.oneshot(uri)).await.unwrap();
    assert_fine(&named(&traces.all(1).await, "tls"));
}
