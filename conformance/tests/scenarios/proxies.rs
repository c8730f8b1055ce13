//! Scenarios of an HTTP server behind trusted and untrusted proxies.

use axum::Router;
use axum::routing::any;
use http::{Method, Version};
use lianlu::net::TrustedProxies;
use lianlu_conformance::{Expected, Fact, Group};

use crate::Scenario;
use crate::common::http as net;
use crate::common::soon;
use crate::http_calls::server;

const X_FORWARDED: [(&str, &str); 4] = [
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-port", "8443"),
];
const FORWARDED: [(&str, &str); 1] = [(
    "forwarded",
    "for=\"[2001:db8::7]:4711\";proto=https;host=\"shop.example:8443\"",
)];

pub fn scenarios() -> Vec<Scenario> {
    vec![
        behind("X-Forwarded-*", &X_FORWARDED, Some("203.0.113.7")),
        behind("Forwarded", &FORWARDED, Some("2001:db8::7")),
        behind("X-Forwarded-* of an untrusted peer", &X_FORWARDED, None),
        behind("Forwarded of an untrusted peer", &FORWARDED, None),
    ]
}

/// `client`: the forwarded address, if the proxy is trusted.
fn behind(name: &str, headers: &'static [(&str, &str)], client: Option<&'static str>) -> Scenario {
    Scenario::new(format!("http server: {name}"), async move |harness| {
        let network = if client.is_some() {
            "127.0.0.0/8"
        } else {
            "10.0.0.0/8"
        };
        let proxies = TrustedProxies::new([network]).unwrap();
        let app = Router::new()
            .route("/", any(async || "hello"))
            .layer(harness.server().with_trusted_proxies(proxies));
        let address = net::serve(app).await;
        let mut request = net::request(Method::GET, address, "/");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        soon(net::plain(Version::HTTP_11).request(request))
            .await
            .unwrap();
        let call = match client {
            None => server(address, "GET", "/", Version::HTTP_11),
            Some(client) => Expected::http(Group::HttpServer, "GET")
                .facts([
                    Fact::AuthorityKnown,
                    Fact::PortKnown,
                    Fact::PeerKnown,
                    Fact::VersionKnown,
                    Fact::Forwarded,
                ])
                .value("client.address", client)
                .value("network.peer.address", "127.0.0.1")
                .value("url.scheme", "https")
                .value("url.path", "/")
                .value("server.address", "shop.example")
                .value("server.port", 8443),
        };
        vec![call.route("/").http_status(200)]
    })
}
