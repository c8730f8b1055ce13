//! Where a gRPC client says that its calls go, in each form that a target has.

use crate::common::echo::{Echo, connect, message, serve};
use crate::common::soon;
use crate::common::traces::{self, Traces, attr, int, text};

/// The examples of the conventions for gRPC, and the forms beside them.
const TARGETS: [(&str, &str, Option<i64>); 16] = [
    // The five forms.
    ("grpc.io:50051", "grpc.io", Some(50051)),
    ("dns://1.2.3.4/grpc.io:50051", "grpc.io", Some(50051)),
    (
        "unix:///run/containerd/containerd.sock",
        "/run/containerd/containerd.sock",
        None,
    ),
    (
        "zk://zookeeper.google.com/my-server",
        "zk://zookeeper.google.com/my-server",
        None,
    ),
    (
        "ipv4:198.51.100.123:50051,198.51.100.124:50051",
        "ipv4:198.51.100.123:50051,198.51.100.124:50051",
        None,
    ),
    // Spelt otherwise.
    ("grpc.io", "grpc.io", None),
    ("dns:///grpc.io:50051", "grpc.io", Some(50051)),
    ("dns:grpc.io:50051", "grpc.io", Some(50051)),
    ("[2001:db8::1]:50051", "2001:db8::1", Some(50051)),
    ("dns:///[2001:db8::1]:50051", "2001:db8::1", Some(50051)),
    ("unix:run/shop.sock", "run/shop.sock", None),
    ("unix-abstract:shop", "shop", None),
    (
        "xds:///wallet.grpcwallet.io",
        "xds:///wallet.grpcwallet.io",
        None,
    ),
    // What a tonic endpoint is made of.
    ("http://10.1.2.80:50051", "10.1.2.80", Some(50051)),
    ("https://grpc.io", "grpc.io", Some(443)),
    // Nobody should write this; it must not end in a trace store.
    (
        "zk://user:secret@zookeeper/shop",
        "zk://REDACTED:REDACTED@zookeeper/shop",
        None,
    ),
];

#[tokio::test]
async fn each_target_is_the_server_of_the_span() {
    let address = serve(lianlu::server(), Echo::default()).await;
    for (target, host, port) in TARGETS {
        let traces = Traces::default();
        let mut client = connect(traces.client().with_target(target), address).await;
        soon(client.unary(message("hello", 0))).await.unwrap();
        let span = traces::client(&traces.all(1).await);
        assert_eq!(text(&span, "server.address"), Some(host), "{target}");
        assert_eq!(int(&span, "server.port"), port, "{target}");
    }
}

/// The call fails before it has a connection, and its span says all the same where it went.
#[tokio::test]
async fn a_target_that_is_down() {
    let traces = Traces::default();
    let channel = crate::common::echo::channel(crate::common::nobody().await).connect_lazy();
    let layer = traces.client().with_target("dns:///shop.example:81");
    let channel = tower::ServiceBuilder::new().layer(layer).service(channel);
    let mut client = lianlu_protos::testing::echo_client::EchoClient::new(channel);
    soon(client.unary(message("hello", 0))).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(text(&span, "server.address"), Some("shop.example"));
    assert_eq!(int(&span, "server.port"), Some(81));
    assert!(attr(&span, "error.type").is_some());
}
