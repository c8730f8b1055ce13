//! Names and attributes of HTTP spans.

use ::http::{Method, Request, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use tower::ServiceExt;

use crate::common::http::{self as net, VERSIONS};
use crate::common::soon;
use crate::common::traces::{self, Traces, attr, http_status, int, keys, text};

fn version_number(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

fn app(traces: &Traces) -> Router {
    let orders = Router::new()
        .route("/", get(async || "orders"))
        .route("/{id}/items/{item}", any(async || "an item"));
    Router::new()
        .route("/", get(async || "home"))
        .route("/files/{*path}", get(async || "a file"))
        .nest("/api/orders", orders)
        .layer(traces.server())
}

async fn ask(traces: &Traces, version: Version, method: &str, path: &str) -> SpanData {
    let address = net::serve(app(traces)).await;
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = net::request(method, address, path);
    let response = net::send(version, request).await;
    net::read(response).await.unwrap();
    traces::server(&traces.all(1).await)
}

#[tokio::test]
async fn server_spans_have_the_documented_attributes() {
    for version in VERSIONS {
        let traces = Traces::default();
        let address = net::serve(app(&traces)).await;
        let path = "/api/orders/7/items/9?q=1";
        let request = net::request_with(address, path, &[("user-agent", "test/1")]);
        net::send(version, request).await;
        let span = traces::server(&traces.all(1).await);
        assert_eq!(span.name, "GET /api/orders/{id}/items/{item}");
        assert_eq!(
            keys(&span).join(" "),
            "client.address http.request.method http.response.status_code http.route \
             network.peer.address network.peer.port network.protocol.version server.address \
             server.port url.path url.query url.scheme user_agent.original"
        );
        for (key, value) in [
            ("client.address", "127.0.0.1"),
            ("http.request.method", "GET"),
            ("http.route", "/api/orders/{id}/items/{item}"),
            ("network.peer.address", "127.0.0.1"),
            ("network.protocol.version", version_number(version)),
            ("server.address", "127.0.0.1"),
            ("url.path", "/api/orders/7/items/9"),
            ("url.query", "q=1"),
            ("url.scheme", "http"),
            ("user_agent.original", "test/1"),
        ] {
            assert_eq!(text(&span, key), Some(value), "{key}");
        }
        assert_eq!(http_status(&span), Some(200));
        assert_eq!(int(&span, "server.port"), Some(address.port().into()));
        assert!(int(&span, "network.peer.port").unwrap() > 0);
        assert_ne!(int(&span, "network.peer.port"), int(&span, "server.port"));
    }
}

#[tokio::test]
async fn client_spans_have_the_documented_attributes() {
    for version in VERSIONS {
        let traces = Traces::default();
        let address = net::serve(Router::new()).await;
        let client = net::connect(traces.client(), version);
        let mut request = net::request(Method::GET, address, "/a/7?q=1&sig=secret");
        *request.version_mut() = version;
        soon(client.oneshot(request)).await.unwrap();
        let span = traces::client(&traces.all(1).await);
        assert_eq!(span.name, "GET");
        assert_eq!(
            keys(&span).join(" "),
            "error.type http.request.method http.response.status_code network.peer.address \
             network.peer.port network.protocol.version server.address server.port url.full"
        );
        assert_eq!(
            text(&span, "url.full"),
            Some(format!("http://{address}/a/7?q=1&sig=REDACTED").as_str())
        );
        for side in ["server", "network.peer"] {
            let host = text(&span, &format!("{side}.address"));
            assert_eq!(host, Some("127.0.0.1"));
            let port = int(&span, &format!("{side}.port"));
            assert_eq!(port, Some(address.port().into()));
        }
        assert_eq!(
            text(&span, "network.protocol.version"),
            Some(version_number(version))
        );
    }
}

/// The version is the response's: that of a request is only reqwest's preference.
#[tokio::test]
async fn reqwest_spans_have_the_documented_attributes() {
    let traces = Traces::default();
    let address = net::serve(Router::new().route("/a", get(async || "a"))).await;
    let url = format!("http://bob:secret@{address}/a?X-Amz-Signature=secret#sig=secret");
    let call = net::reqwest(traces.client()).oneshot(net::reqwest_get(&url));
    soon(call).await.unwrap();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(span.name, "GET");
    assert_eq!(text(&span, "server.address"), Some("127.0.0.1"));
    assert_eq!(int(&span, "server.port"), Some(address.port().into()));
    assert_eq!(text(&span, "network.protocol.version"), Some("1.1"));
    let full = text(&span, "url.full").unwrap();
    assert!(
        full.ends_with(&format!(
            "{address}/a?X-Amz-Signature=REDACTED#sig=REDACTED"
        )),
        "{full}"
    );
    assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
}

#[tokio::test]
async fn a_span_is_named_by_method_and_route_but_never_by_path() {
    for (method, path, name, route) in [
        ("GET", "/", "GET /", Some("/")),
        ("HEAD", "/", "HEAD /", Some("/")),
        ("GET", "/api/orders", "GET /api/orders", Some("/api/orders")),
        (
            "GET",
            "/files/a/b/c.txt",
            "GET /files/{*path}",
            Some("/files/{*path}"),
        ),
        (
            "PATCH",
            "/api/orders/1/items/2",
            "PATCH /api/orders/{id}/items/{item}",
            Some("/api/orders/{id}/items/{item}"),
        ),
        ("GET", "/nowhere/7", "GET", None),
        ("DELETE", "/nowhere/7", "DELETE", None),
        ("POST", "/", "POST /", Some("/")),
    ] {
        let traces = Traces::default();
        let span = ask(&traces, Version::HTTP_11, method, path).await;
        assert_eq!(span.name, name, "{method} {path}");
        assert_eq!(text(&span, "http.route"), route, "{method} {path}");
        assert_eq!(text(&span, "url.path"), Some(path));
        assert_eq!(text(&span, "http.request.method"), Some(method));
        assert_eq!(attr(&span, "http.request.method_original"), None);
    }
}

#[tokio::test]
async fn an_unknown_method_is_other() {
    for (method, path, name) in [
        (
            "BREW",
            "/api/orders/1/items/2",
            "HTTP /api/orders/{id}/items/{item}",
        ),
        ("get", "/nowhere", "HTTP"),
        ("PROPFIND", "/nowhere", "HTTP"),
    ] {
        let traces = Traces::default();
        let span = ask(&traces, Version::HTTP_11, method, path).await;
        assert_eq!(span.name, name);
        assert_eq!(text(&span, "http.request.method"), Some("_OTHER"));
        assert_eq!(text(&span, "http.request.method_original"), Some(method));
    }
}

#[tokio::test]
async fn signatures_in_a_query_are_redacted() {
    for (query, expected) in [
        (
            "X-Amz-Signature=1&X-Amz-Credential=1&X-Amz-Security-Token=1",
            "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED",
        ),
        (
            "AWSAccessKeyId=1&Signature=1&sig=1&X-Goog-Signature=1",
            "AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED",
        ),
        ("a=1&sig=a%26b=c&SIG=kept", "a=1&sig=REDACTED&SIG=kept"),
        ("sig", "sig"),
        ("", ""),
    ] {
        let traces = Traces::default();
        let path = format!("/?{query}");
        let span = ask(&traces, Version::HTTP_11, "GET", &path).await;
        assert_eq!(text(&span, "url.query"), Some(expected));
    }
    let traces = Traces::default();
    let span = ask(&traces, Version::HTTP_11, "GET", "/").await;
    assert_eq!(attr(&span, "url.query"), None);
}

/// Header values may be any bytes.
#[tokio::test]
async fn headers_beyond_ascii_are_text() {
    for (header, value, key, expected) in [
        (
            "user-agent",
            "test/1 (αβγ)".as_bytes(),
            "user_agent.original",
            Some("test/1 (αβγ)"),
        ),
        (
            "user-agent",
            b"a\xff",
            "user_agent.original",
            Some("a\u{fffd}"),
        ),
        (
            "host",
            "链路.example:8080".as_bytes(),
            "server.address",
            Some("链路.example"),
        ),
        ("host", b"\xff.example", "server.address", None),
        (
            "host",
            b"example.org:",
            "server.address",
            Some("example.org"),
        ),
        ("host", b"[::1]:", "server.address", Some("::1")),
        (
            "host",
            b"example.org:+80",
            "server.address",
            Some("example.org"),
        ),
    ] {
        let traces = Traces::default();
        let address = net::serve(app(&traces)).await;
        let mut request = net::request(Method::GET, address, "/");
        let value = ::http::HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert(header, value);
        net::send(Version::HTTP_11, request).await;
        let span = traces::server(&traces.all(1).await);
        assert_eq!(text(&span, key), expected, "{header}");
        if header == "host" {
            let port = expected.filter(|host| host.starts_with('链')).map(|_| 8080);
            assert_eq!(int(&span, "server.port"), port, "{expected:?}");
        }
    }
}

/// A server without peer addresses, and a client without a host.
#[tokio::test]
async fn unknown_values_are_left_out() {
    let traces = Traces::default();
    let service = tower::service_fn(net::answer);
    let server = tower::Layer::layer(&traces.server(), service);
    server.oneshot(Request::new(Body::empty())).await.unwrap();
    let client = tower::Layer::layer(&traces.client(), service);
    client.oneshot(Request::new(Body::empty())).await.unwrap();
    let spans = traces.all(2).await;
    assert_eq!(
        keys(&traces::server(&spans)).join(" "),
        "http.request.method http.response.status_code network.protocol.version \
             url.path url.scheme"
    );
    let client = traces::client(&spans);
    assert_eq!(client.span_kind, SpanKind::Client);
    assert_eq!(attr(&client, "server.address"), None);
}

#[tokio::test]
async fn each_form_of_a_host_gives_address_and_port() {
    for (host, address, port) in [
        ("shop.example:8080", "shop.example", Some(8080)),
        ("shop.example", "shop.example", None),
        ("[::1]:8080", "::1", Some(8080)),
        ("[::1]", "::1", None),
    ] {
        let traces = Traces::default();
        let service = tower::service_fn(net::answer);
        let server = tower::Layer::layer(&traces.server(), service);
        let request = Request::get("/").header("host", host).body(Body::empty());
        server.oneshot(request.unwrap()).await.unwrap();
        let client = tower::Layer::layer(&traces.client(), service);
        let request = Request::get(format!("http://{host}/")).body(Body::empty());
        client.oneshot(request.unwrap()).await.unwrap();
        let spans = traces.all(2).await;
        let (server, client) = (traces::server(&spans), traces::client(&spans));
        assert_eq!(text(&server, "server.address"), Some(address));
        assert_eq!(int(&server, "server.port"), port);
        assert_eq!(text(&client, "server.address"), Some(address));
        // Without a port a client uses the scheme's.
        assert_eq!(int(&client, "server.port"), port.or(Some(80)));
    }
}

/// An HTTP/1.1 request has no scheme.
#[tokio::test]
async fn with_https_sets_the_scheme() {
    for (layer, scheme) in [
        (Traces::server as fn(&Traces) -> _, "http"),
        (
            |traces: &Traces| {
                traces
                    .server()
                    .with_conventions(|conventions| conventions.https())
            },
            "https",
        ),
    ] {
        let traces = Traces::default();
        let app = Router::new().route("/", get(async || "home"));
        let address = net::serve(app.layer(layer(&traces))).await;
        let request = net::request(Method::GET, address, "/");
        net::send(Version::HTTP_11, request).await;
        let span = traces::server(&traces.all(1).await);
        assert_eq!(text(&span, "url.scheme"), Some(scheme));
    }
}
