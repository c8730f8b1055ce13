//! `server.address` and `server.port` of a gRPC client, for each form of a target.

use crate::common::echo::{Echo, connect, connect_lazily, message, serve};
use crate::common::traces::{self, Traces, attr, int, text};
use crate::common::{closed_port, soon};

/// The examples of the gRPC conventions, and other forms.
const TARGETS: [(&str, &str, Option<i64>); 18] = [
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
    // Other spellings and schemes.
    ("grpc.io", "grpc.io", None),
    ("dns:///grpc.io:50051", "grpc.io", Some(50051)),
    ("dns:grpc.io:50051", "grpc.io", Some(50051)),
    ("[2001:db8::1]:50051", "2001:db8::1", Some(50051)),
    ("dns:///[2001:db8::1]:50051", "2001:db8::1", Some(50051)),
    ("unix:run/shop.sock", "run/shop.sock", None),
    ("unix:///run/shop.sock", "/run/shop.sock", None),
    ("consul://shop", "consul://shop", None),
    ("unix-abstract:shop", "shop", None),
    (
        "xds:///wallet.grpcwallet.io",
        "xds:///wallet.grpcwallet.io",
        None,
    ),
    // URLs, as for a tonic endpoint.
    ("http://10.1.2.80:50051", "10.1.2.80", Some(50051)),
    ("https://grpc.io", "grpc.io", Some(443)),
    // Credentials must not be exported.
    (
        "zk://user:secret@zookeeper/shop",
        "zk://REDACTED:REDACTED@zookeeper/shop",
        None,
    ),
];

#[tokio::test]
async fn each_form_of_a_target_gives_the_servers_address() {
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

#[tokio::test]
async fn a_call_without_a_connection_has_the_servers_address() {
    let traces = Traces::default();
    let layer = traces.client().with_target("dns:///shop.example:81");
    let mut client = connect_lazily(layer, closed_port().await);
    soon(client.unary(message("hello", 0))).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(text(&span, "server.address"), Some("shop.example"));
    assert_eq!(int(&span, "server.port"), Some(81));
    assert!(attr(&span, "error.type").is_some());
}
