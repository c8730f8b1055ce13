//! Names and attributes of gRPC spans, and the instrumentation scope of all spans.

use lianlu::conventions::{Generation, RpcStatusKey};
use opentelemetry::trace::SpanKind;

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::traces::{self, Traces, attr, int, keys, text};

const SERVER: [&str; 11] = [
    "lianlu.rpc.request.bytes",
    "lianlu.rpc.request.messages",
    "lianlu.rpc.response.bytes",
    "lianlu.rpc.response.messages",
    "network.peer.address",
    "network.peer.port",
    "rpc.method",
    "rpc.response.status_code",
    "rpc.system.name",
    "server.address",
    "server.port",
];

#[tokio::test]
async fn both_spans_have_the_documented_attributes() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), Echo::new(&traces)).await;
    let target = format!("http://{address}");
    let layer = traces.client().with_target(&target);
    let mut client = echo::connect(layer, address).await;
    client.unary(message("hello", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(span.name, "lianlu.testing.Echo/Unary");
        for (key, value) in [
            ("rpc.system.name", "grpc"),
            ("rpc.method", "lianlu.testing.Echo/Unary"),
            ("rpc.response.status_code", "OK"),
            ("server.address", "127.0.0.1"),
        ] {
            assert_eq!(text(span, key), Some(value), "{key}");
        }
        assert_eq!(int(span, "server.port"), Some(address.port().into()));
    }
    assert_eq!(keys(&server), SERVER);
    assert_eq!(text(&server, "network.peer.address"), Some("127.0.0.1"));
    assert_ne!(
        int(&server, "network.peer.port"),
        int(&server, "server.port")
    );
    let client_keys: Vec<_> = SERVER
        .into_iter()
        .filter(|key| !key.starts_with("network"))
        .collect();
    assert_eq!(keys(&client), client_keys);
}

/// Not the socket's address.
#[tokio::test]
async fn the_server_address_is_the_authority_or_the_target() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), Echo::new(&traces)).await;
    let channel = echo::channel(address)
        .origin("http://shop.example:81".parse().unwrap())
        .connect()
        .await
        .unwrap();
    let layer = traces.client().with_target("dns:///catalog.example:82");
    let channel = tower::ServiceBuilder::new().layer(layer).service(channel);
    let mut client = lianlu_protos::testing::echo_client::EchoClient::new(channel);
    client.unary(message("hello", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(text(&server, "server.address"), Some("shop.example"));
    assert_eq!(int(&server, "server.port"), Some(81));
    assert_eq!(text(&client, "server.address"), Some("catalog.example"));
    assert_eq!(int(&client, "server.port"), Some(82));
}

#[tokio::test]
async fn a_channel_without_a_target_has_no_server_address() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("hello", 0)).await.unwrap();
    let (client, _) = traces.pair().await;
    assert_eq!(attr(&client, "server.address"), None);
    assert_eq!(attr(&client, "server.port"), None);
}

#[tokio::test]
async fn a_path_that_is_not_a_method_is_not_used_as_a_name() {
    for path in ["/", "/just-one", "/a/b/c", "//", "/a/", "//b"] {
        let traces = Traces::default();
        let app = axum::Router::new()
            .fallback(async || "")
            .layer(traces.server());
        let address = net::serve(app).await;
        let mut request = net::grpc_request(address, path);
        let headers = request.headers_mut();
        headers.insert("content-type", "application/grpc+proto".parse().unwrap());
        net::send(::http::Version::HTTP_2, request).await;
        let span = traces::server(&traces.all(1).await);
        assert_eq!(span.name, "grpc", "{path}");
        assert_eq!(text(&span, "rpc.method"), Some("_OTHER"));
        assert_eq!(text(&span, "rpc.method_original"), Some(path));
    }
}

#[tokio::test]
async fn the_scope_names_this_crate_its_version_and_the_schema() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("hello", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    for span in [client, server] {
        let scope = &span.instrumentation_scope;
        assert_eq!(scope.name(), "lianlu");
        assert_eq!(scope.version(), Some(env!("CARGO_PKG_VERSION")));
        let schema = scope.schema_url().unwrap();
        assert!(
            schema == "https://opentelemetry.io/schemas/1.44.0",
            "{schema}"
        );
    }
}

#[tokio::test]
async fn with_tracer_name_names_the_scope() {
    let traces = Traces::default();
    let layer = traces.server().with_tracer_name("shop");
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let mut client = echo::connect(traces.client(), address).await;
    client.unary(message("hello", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(client.instrumentation_scope.name(), "lianlu");
    assert_eq!(server.instrumentation_scope.name(), "shop");
    assert!(server.instrumentation_scope.version().is_some());
    assert_eq!(server.span_kind, SpanKind::Server);
}

/// The name of the status's key after conventions 1.44, both keys in a migration, and the schema
/// that has them.
#[tokio::test]
async fn the_status_has_the_key_of_its_schema() {
    let (old, new) = ("rpc.response.status_code", "rpc.status_code");
    type Change = fn(lianlu::ServerLayer) -> lianlu::ServerLayer;
    let cases: [(Change, [bool; 3], &str); 4] = [
        (|it| it, [true, false, false], "1.44.0"),
        (
            |it| {
                it.with_conventions(|conventions| {
                    conventions.rpc_status_key(RpcStatusKey::StatusCode)
                })
            },
            [false, true, false],
            "1.45.0",
        ),
        (
            |it| it.with_conventions(|conventions| conventions.rpc(Generation::Both)),
            [true, true, true],
            "1.44.0",
        ),
        (
            |it| {
                it.with_conventions(|conventions| {
                    conventions
                        .rpc_status_key(RpcStatusKey::StatusCode)
                        .rpc(Generation::Both)
                })
            },
            [true, true, true],
            "1.45.0",
        ),
    ];
    for (change, expected, schema) in cases {
        let traces = Traces::default();
        let address = echo::serve(change(traces.server()), echo::Echo::new(&traces)).await;
        let mut client = echo::connect(traces.client(), address).await;
        client.unary(message("hello", 0)).await.unwrap();
        let server = traces::server(&traces.all(2).await);
        let found = [old, new, "rpc.grpc.status_code"].map(|key| attr(&server, key).is_some());
        assert_eq!(found, expected, "{server:#?}");
        let url = format!("https://opentelemetry.io/schemas/{schema}");
        assert_eq!(
            server.instrumentation_scope.schema_url(),
            Some(url.as_str())
        );
    }
}
