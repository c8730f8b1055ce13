//! Client address, scheme and host are taken from the headers of trusted proxies only.

use std::net::SocketAddr;

use ::http::Version;
use axum::Router;
use lianlu::{conventions::OptIn, net::TrustedProxies};
use opentelemetry_sdk::trace::SpanData;

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::traces::{self, Traces, int, text};

fn trusting(networks: &[&str]) -> TrustedProxies {
    TrustedProxies::new(networks).unwrap()
}

/// `client scheme server:port` of the server span.
fn summary(span: &SpanData) -> String {
    let or = |key| text(span, key).unwrap_or("-");
    let port = int(span, "server.port").map_or(String::new(), |port| format!(":{port}"));
    format!(
        "{} {} {}{port}",
        or("client.address"),
        or("url.scheme"),
        or("server.address"),
    )
}

async fn http(proxies: Option<TrustedProxies>, headers: &[(&str, &str)]) -> (SpanData, SocketAddr) {
    let traces = Traces::default();
    let mut layer = traces
        .server()
        .with_conventions(|conventions| conventions.opt_in(OptIn::ClientPort));
    if let Some(proxies) = proxies {
        layer = layer.with_trusted_proxies(proxies);
    }
    let address = net::serve(Router::new().layer(layer)).await;
    net::send(Version::HTTP_11, net::request_with(address, "/", headers)).await;
    (traces::server(&traces.all(1).await), address)
}

const ALL: &[(&str, &str)] = &[
    (
        "forwarded",
        "for=192.0.2.66;proto=https;host=spoofed.example, for=\"192.0.2.1:4711\";proto=https;host=\"shop.example:8443\"",
    ),
    ("x-forwarded-for", "192.0.2.66, 192.0.2.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "x.example"),
    ("x-forwarded-port", "444"),
];

#[tokio::test]
async fn untrusted_peers_are_ignored() {
    for proxies in [
        None,
        Some(TrustedProxies::default()),
        Some(trusting(&["10.0.0.0/8", "::1"])),
    ] {
        let (span, address) = http(proxies, ALL).await;
        assert_eq!(summary(&span), format!("127.0.0.1 http {address}"));
        assert!(!format!("{span:?}").contains("example"), "{span:#?}");
    }
}

#[tokio::test]
async fn the_last_untrusted_hop_is_the_client() {
    let (span, _) = http(Some(trusting(&["127.0.0.1"])), ALL).await;
    assert_eq!(summary(&span), "192.0.2.1 https shop.example:8443");
    assert_eq!(int(&span, "client.port"), Some(4711));
    // The peer is still the socket's.
    assert_eq!(text(&span, "network.peer.address"), Some("127.0.0.1"));
}

#[tokio::test]
async fn several_trusted_hops_are_skipped() {
    let headers = [
        (
            "forwarded",
            "for=192.0.2.66;host=spoofed.example;proto=http, for=192.0.2.1;host=shop.example;proto=https",
        ),
        ("forwarded", "for=10.0.0.1;host=inner.example;proto=http"),
    ];
    let (span, _) = http(Some(trusting(&["127.0.0.1", "10.0.0.0/8"])), &headers).await;
    assert_eq!(summary(&span), "192.0.2.1 https shop.example");
    // An untrusted hop is the client.
    let (span, _) = http(Some(trusting(&["127.0.0.1"])), &headers).await;
    assert_eq!(summary(&span), "10.0.0.1 http inner.example");
}

#[tokio::test]
async fn one_kind_of_header_can_be_chosen() {
    let local = || trusting(&["127.0.0.0/8"]);
    let (span, _) = http(Some(local()), &ALL[1..]).await;
    assert_eq!(summary(&span), "192.0.2.2 https x.example:444");
    let (span, _) = http(Some(local().only_x_forwarded()), ALL).await;
    assert_eq!(summary(&span), "192.0.2.2 https x.example:444");
    let (span, address) = http(Some(local().only_forwarded()), &ALL[1..]).await;
    assert_eq!(summary(&span), format!("127.0.0.1 http {address}"));
}

#[tokio::test]
async fn values_that_the_proxy_does_not_send_are_the_sockets() {
    let local = trusting(&["127.0.0.1"]);
    let (span, address) = http(Some(local.clone()), &[("forwarded", "proto=https")]).await;
    assert_eq!(summary(&span), format!("127.0.0.1 https {address}"));
    for nonsense in ["nonsense", "for=\"", "for=1.2.3.4.5;proto=gopher", ""] {
        let headers = [("forwarded", nonsense)];
        let (span, address) = http(Some(local.clone()), &headers).await;
        assert_eq!(
            summary(&span),
            format!("127.0.0.1 http {address}"),
            "{nonsense}"
        );
    }
}

#[tokio::test]
async fn without_a_known_peer_no_proxy_is_trusted() {
    let traces = Traces::default();
    let layer = |proxies| traces.server().with_trusted_proxies(proxies);
    let (listener, address) = crate::common::listen().await;
    let private = TrustedProxies::private();
    let app = Router::new()
        .nest("/no", Router::new().layer(layer(private.clone())))
        .layer(layer(private))
        .into_make_service();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let request = net::request_with(address, "/", &[("x-forwarded-for", "192.0.2.1")]);
    net::send(Version::HTTP_11, request).await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(summary(&span), format!("- http {address}"));
}

#[tokio::test]
async fn grpc_servers_use_trusted_proxies_too() {
    for (proxies, shown) in [
        (None, None),
        (Some(trusting(&["10.0.0.0/8"])), None),
        (Some(trusting(&["127.0.0.1"])), Some("shop.example:8443")),
    ] {
        let traces = Traces::default();
        let mut layer = traces.server();
        if let Some(proxies) = proxies {
            layer = layer.with_trusted_proxies(proxies);
        }
        let address = echo::serve(layer, Echo::new(&traces)).await;
        let mut client = echo::connect(traces.client(), address).await;
        let mut request = tonic::Request::new(message("hello", 0));
        let (_, forwarded) = ALL[0];
        let metadata = request.metadata_mut();
        metadata.insert("forwarded", forwarded.parse().unwrap());
        client.unary(request).await.unwrap();
        let (_, server) = traces.pair().await;
        let found = format!(
            "{}:{}",
            text(&server, "server.address").unwrap(),
            int(&server, "server.port").unwrap()
        );
        let shown = shown.map_or(address.to_string(), str::to_owned);
        assert_eq!(found, shown);
        assert_eq!(text(&server, "network.peer.address"), Some("127.0.0.1"));
    }
}
