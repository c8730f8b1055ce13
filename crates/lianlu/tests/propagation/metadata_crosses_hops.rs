//! Metadata: global keys cross every hop, local ones one hop, over HTTP and gRPC.

use std::net::SocketAddr;

use ::http::Version;
use axum::Router;
use lianlu::metadata::{self, Metadata};
use lianlu_protos::testing::echo_client::EchoClient;
use lianlu_protos::testing::echo_server::EchoServer;
use opentelemetry::Context;
use opentelemetry::trace::FutureExt;
use tonic::transport::Channel;
use tower::{ServiceBuilder, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::{http as net, listen, soon};

type Http = metadata::ClientService<net::Legacy>;

fn http(layer: metadata::ClientLayer) -> Http {
    let client = net::plain(Version::HTTP_11);
    ServiceBuilder::new().layer(layer).service(client)
}

async fn ask(client: &Http, address: SocketAddr) -> String {
    let request = net::request(::http::Method::GET, address, "/");
    let response = soon(client.clone().oneshot(request)).await.unwrap();
    net::read(response).await.unwrap()
}

/// The metadata of the current call, as text.
fn lines() -> String {
    let metadata = metadata::current();
    let lines: Vec<_> = metadata
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    lines.join(" ")
}

/// Answers with its metadata.
async fn last(layer: metadata::ServerLayer) -> SocketAddr {
    let app = Router::new().fallback(async || {
        // Metadata is still there after an await.
        tokio::task::yield_now().await;
        lines()
    });
    net::serve(app.layer(layer)).await
}

/// Answers with its metadata, and with the answer of the next service.
async fn middle(layer: metadata::ServerLayer, client: Http, next: SocketAddr) -> SocketAddr {
    let app = Router::new().fallback(async move || {
        let here = lines();
        format!("{here} | {}", ask(&client, next).await)
    });
    net::serve(app.layer(layer)).await
}

fn sending<const N: usize>(pairs: [(&str, &str); N]) -> Context {
    metadata::append_to_client_context(&Context::new(), pairs)
}

#[tokio::test]
async fn global_keys_cross_all_hops_and_local_keys_one() {
    let last = last(metadata::server()).await;
    let middle = middle(metadata::server(), http(metadata::client()), last).await;
    let first = self::middle(metadata::server(), http(metadata::client()), middle).await;
    let cx = sending([("x-md-global-tenant", "acme"), ("x-md-local-note", "hi")]);
    let answer = ask(&http(metadata::client()), first).with_context(cx).await;
    assert_eq!(
        answer,
        "x-md-global-tenant=acme x-md-local-note=hi | x-md-global-tenant=acme | x-md-global-tenant=acme"
    );
}

#[tokio::test]
async fn all_values_of_a_key_are_sent() {
    let last = last(metadata::server()).await;
    let middle = middle(metadata::server(), http(metadata::client()), last).await;
    let cx = sending([("x-md-global-zone", "replaced"), ("x-md-local-two", "kept")]);
    let cx = metadata::merge_to_client_context(
        &cx,
        Metadata::from_iter([
            ("X-Md-Global-Zone", "a"),
            ("x-md-global-zone", "b"),
            ("x-md-local-one", "1"),
            ("x-md-local-one", "2"),
        ]),
    );
    let answer = ask(&http(metadata::client()), middle)
        .with_context(cx)
        .await;
    assert_eq!(
        answer,
        "x-md-global-zone=a x-md-global-zone=b x-md-local-one=1 x-md-local-one=2 \
         x-md-local-two=kept | x-md-global-zone=a x-md-global-zone=b"
    );
}

/// As Kratos's `Set`.
#[tokio::test]
async fn a_later_pair_replaces_an_earlier_one_and_empty_ones_are_ignored() {
    let last = last(metadata::server()).await;
    let cx = sending([("x-md-local-a", "old"), ("X-MD-Local-A", "new"), ("", "x")]);
    let cx = metadata::append_to_client_context(&cx, [("x-md-local-a", ""), ("x-md-local-b", "")]);
    let sent = metadata::from_client_context(&cx).unwrap();
    assert!(sent.iter().eq([("x-md-local-a", "new")]));
    let mut request = net::request(::http::Method::GET, last, "/");
    for value in ["first", "new"] {
        let value = ::http::HeaderValue::from_static(value);
        request.headers_mut().append("x-md-local-a", value);
    }
    let call = http(metadata::client()).oneshot(request).with_context(cx);
    let answer = net::read(soon(call).await.unwrap()).await.unwrap();
    // As Kratos's `Add`, but a value that is there already is not doubled.
    assert_eq!(answer, "x-md-local-a=first x-md-local-a=new");
}

#[tokio::test]
async fn constants_are_added() {
    let constants = |pairs: [(&'static str, &'static str); 2]| Metadata::from_iter(pairs);
    let server = metadata::server().with_constants(constants([
        ("x-md-global-region", "eu"),
        ("x-md-global-tenant", "default"),
    ]));
    let client = metadata::client()
        .with_constants(constants([("x-md-local-build", "7"), ("x-other", "yes")]));
    let last = last(metadata::server().with_propagated_prefix(["x-"])).await;
    let middle = middle(server, http(client), last).await;
    let cx = sending([("x-md-global-tenant", "acme")]);
    let answer = ask(&http(metadata::client()), middle)
        .with_context(cx)
        .await;
    assert_eq!(
        answer,
        "x-md-global-region=eu x-md-global-tenant=default x-md-global-tenant=acme | \
         x-md-global-region=eu x-md-global-tenant=default x-md-global-tenant=acme \
         x-md-local-build=7 x-other=yes"
    );
}

#[tokio::test]
async fn with_propagated_prefix_replaces_the_default_prefixes() {
    let server = || metadata::server().with_propagated_prefix(["X-Shop-"]);
    let client = metadata::client().with_propagated_prefix(["x-shop-all-", "x-shop-too-"]);
    let last = last(server()).await;
    let middle = middle(server(), http(client), last).await;
    let cx = sending([
        ("x-md-global-tenant", "acme"),
        ("x-shop-all-a", "1"),
        ("X-SHOP-TOO-B", "2"),
        ("x-shop-here-c", "3"),
    ]);
    let answer = ask(&http(metadata::client()), middle)
        .with_context(cx)
        .await;
    assert_eq!(
        answer,
        "x-shop-all-a=1 x-shop-here-c=3 x-shop-too-b=2 | x-shop-all-a=1 x-shop-too-b=2"
    );
}

#[tokio::test]
async fn entries_that_cannot_be_headers_are_left_out() {
    let last = last(metadata::server().with_propagated_prefix([""])).await;
    let cx = sending([
        ("x-md-global-line", "a\nb"),
        ("x-md-global no name", "a"),
        ("content-length", "99"),
        ("grpc-timeout", "1n"),
        ("x-md-global-fine", "张三"),
    ]);
    let answer = ask(&http(metadata::client()), last).with_context(cx).await;
    let (_, answer) = answer.split_once(' ').unwrap();
    assert_eq!(answer, "x-md-global-fine=张三 x-md-global-line=a%0Ab");
}

#[tokio::test]
async fn metadata_is_empty_outside_of_a_call() {
    assert!(metadata::current().is_empty());
    assert_eq!(metadata::from_server_context(&Context::current()), None);
    let last = last(metadata::server()).await;
    assert_eq!(ask(&http(metadata::client()), last).await, "");
}

/// gRPC, then HTTP, with tracing layers as in a service.
#[tokio::test]
async fn metadata_crosses_grpc_and_http() {
    #[derive(Clone)]
    struct Relay(Http, SocketAddr);

    #[tonic::async_trait]
    impl lianlu_protos::helloworld::greeter_server::Greeter for Relay {
        async fn say_hello(
            &self,
            _: tonic::Request<lianlu_protos::helloworld::HelloRequest>,
        ) -> Result<tonic::Response<lianlu_protos::helloworld::HelloReply>, tonic::Status> {
            let here = lines();
            let message = format!("{here} | {}", ask(&self.0, self.1).await);
            Ok(tonic::Response::new(
                lianlu_protos::helloworld::HelloReply { message },
            ))
        }
    }

    let last = last(metadata::server()).await;
    let (listener, first) = listen().await;
    let layers = ServiceBuilder::new()
        .layer(lianlu::server())
        .layer(metadata::server());
    let relay = Relay(http(metadata::client()), last);
    let server = tonic::transport::Server::builder()
        .layer(layers)
        .add_service(lianlu_protos::helloworld::greeter_server::GreeterServer::new(relay));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(server.serve_with_incoming(incoming));

    let channel = echo::channel(first).connect().await.unwrap();
    let channel =
        ServiceBuilder::new()
            .layer(lianlu::client().with_propagator(
                lianlu::propagation::default_propagator().with_caller_name("till"),
            ))
            .layer(metadata::client())
            .service(channel);
    let mut client = lianlu_protos::helloworld::greeter_client::GreeterClient::new(channel);
    let request = lianlu_protos::helloworld::HelloRequest::default();
    let mut sent = Metadata::from_iter([
        ("x-md-global-name", "张三"),
        ("x-md-global-tenant", "acme"),
        ("x-md-local-note", "hi"),
        ("x-md-local-name-bin", "张三"),
    ]);
    // Crosses gRPC as base64, and HTTP as it is.
    sent.append_bytes("x-md-global-raw-bin", [b'a', 0xff]);
    let cx = metadata::merge_to_client_context(&Context::new(), sent);
    let reply = client.say_hello(request).with_context(cx).await.unwrap();
    // The caller's name has the prefix of local keys.
    assert_eq!(
        reply.get_ref().message,
        "x-md-global-name=%E5%BC%A0%E4%B8%89 x-md-global-raw-bin=a\u{fffd} \
         x-md-global-tenant=acme x-md-local-name-bin=张三 x-md-local-note=hi \
         x-md-service-name=till | x-md-global-name=%E5%BC%A0%E4%B8%89 \
         x-md-global-raw-bin=a\u{fffd} x-md-global-tenant=acme"
    );
}

/// What a peer sends that is not ours: bytes that are no text, and gRPC's binary metadata.
#[tokio::test]
async fn every_received_value_is_kept() {
    let read = async |content_type: &str, key: &str, values: &[&[u8]]| {
        let mut request = ::http::Request::builder().header("content-type", content_type);
        for value in values {
            request = request.header(key, *value);
        }
        let service = ServiceBuilder::new().layer(metadata::server()).service_fn(
            async |_: ::http::Request<()>| {
                let response = ::http::Response::builder().extension(metadata::current());
                response.body(String::new())
            },
        );
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        let found: &Metadata = response.extensions().get().unwrap();
        let bytes = found.get_bytes(key).unwrap().to_vec();
        (bytes, found.get_all(key).collect::<Vec<_>>().join("|"))
    };
    let grpc = "application/grpc";
    for (content_type, key, values, first, texts) in [
        (
            "a/b",
            "x-md-a",
            &[&b"\xff"[..], b""][..],
            &b"\xff"[..],
            "\u{fffd}|",
        ),
        (grpc, "x-md-a", &[b"\xe9a"], b"\xe9a", "\u{fffd}a"),
        (grpc, "x-md-a-bin", &[b"YWI=,Yw", b"ZA=="], b"ab", "ab|c|d"),
        (
            grpc,
            "x-md-a-bin",
            &[b"no base64"],
            b"no base64",
            "no base64",
        ),
        ("a/b", "x-md-a-bin", &[b"YWI="], b"YWI=", "YWI="),
    ] {
        let found = read(content_type, key, values).await;
        assert_eq!(
            found,
            (first.to_vec(), texts.to_owned()),
            "{content_type} {key}"
        );
    }
}

#[tokio::test]
async fn metadata_is_current_in_a_response_stream() {
    let app = Router::new().fallback(async || {
        let line = futures_util::stream::once(async {
            tokio::task::yield_now().await;
            Ok::<_, std::convert::Infallible>(lines())
        });
        axum::body::Body::from_stream(line)
    });
    let address = net::serve(app.layer(metadata::server())).await;
    let cx = sending([("x-md-local-note", "hi")]);
    let answer = ask(&http(metadata::client()), address)
        .with_context(cx)
        .await;
    assert_eq!(answer, "x-md-local-note=hi");
}

#[tokio::test]
async fn reqwest_sends_metadata() {
    let last = last(metadata::server()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = ServiceBuilder::new()
        .layer(lianlu::client())
        .layer(metadata::client())
        .service(client);
    let url = format!("http://{last}/").parse().unwrap();
    let request = reqwest::Request::new(::http::Method::GET, url);
    let cx = sending([("x-md-local-note", "hi")]);
    let response = client.oneshot(request).with_context(cx).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "x-md-local-note=hi");
}

#[tokio::test]
async fn streams_and_errors_of_a_channel_are_passed_on() {
    let (listener, address) = listen().await;
    let server = tonic::transport::Server::builder()
        .layer(metadata::server())
        .add_service(EchoServer::new(Echo::default()));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(server.serve_with_incoming(incoming));
    let channel = echo::channel(address).connect().await.unwrap();
    let mut client: EchoClient<metadata::ClientService<Channel>> = EchoClient::new(
        ServiceBuilder::new()
            .layer(metadata::client())
            .service(channel),
    );
    let reply = client.server_stream(message("tick", 2)).await.unwrap();
    assert_eq!(echo::drain(reply).await, 2);
    let status = client
        .unary(message("fail 5 no such", 0))
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}
