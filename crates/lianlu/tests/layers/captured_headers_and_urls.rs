//! Captured headers and recorded URLs: by allow list, and without credentials.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use axum::Router;
use lianlu::net::HeaderCapture;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use tower::ServiceExt;

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::traces::{self, Traces, attr, text};
use crate::common::{closed_port, soon};

const HEADERS: [(&str, &str); 8] = [
    ("authorization", "Bearer secret"),
    ("cookie", "session=secret"),
    ("proxy-authorization", "Basic secret"),
    ("set-cookie", "session=secret"),
    ("x-request-id", "7"),
    ("x-tenant-id", "acme"),
    ("x-tenant-name", "Acme"),
    ("x-next", "http://bob:secret@h/?sig=secret&a=1"),
];

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_static(value));
    }
    headers.append("x-tenant-id", HeaderValue::from_static("umbrella"));
    headers
}

fn captured(span: &SpanData) -> Vec<String> {
    let mut lines: Vec<_> = span
        .attributes
        .iter()
        .filter(|attribute| {
            let key = attribute.key.as_str();
            key.contains(".header.") || key.contains(".metadata.")
        })
        .map(|attribute| format!("{} {}", attribute.key, attribute.value))
        .collect();
    lines.sort();
    lines
}

fn with<K: lianlu::layer::Side>(
    layer: lianlu::TraceLayer<K>,
    capture: Option<&HeaderCapture>,
) -> lianlu::TraceLayer<K> {
    match capture {
        Some(capture) => layer.with_capture(|it| {
            it.request_headers(capture.clone())
                .response_headers(capture.clone())
        }),
        None => layer,
    }
}

/// The spans of client and server, of a call whose request and response have all of the headers.
async fn http(capture: Option<&HeaderCapture>) -> (SpanData, SpanData) {
    let traces = Traces::default();
    let address = net::serve_root(with(traces.server(), capture), async || {
        (headers(), "hello")
    })
    .await;
    let client = net::connect(with(traces.client(), capture), Version::HTTP_11);
    let mut request = net::request(Method::GET, address, "/");
    request.headers_mut().extend(headers());
    net::read(soon(client.oneshot(request)).await.unwrap())
        .await
        .unwrap();
    traces.pair().await
}

async fn grpc(capture: Option<&HeaderCapture>) -> (SpanData, SpanData) {
    use tonic::metadata::MetadataMap;

    let traces = Traces::default();
    let service = lianlu_protos::testing::echo_server::EchoServer::new(Echo::new(&traces));
    let add = |mut response: ::http::Response<tonic::body::Body>| {
        response.headers_mut().extend(headers());
        response
    };
    let layers = tower::ServiceBuilder::new()
        .layer(with(traces.server(), capture))
        .map_response(add);
    let (listener, address) = crate::common::listen().await;
    let server = tonic::transport::Server::builder()
        .layer(layers)
        .add_service(service);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(server.serve_with_incoming(incoming));
    let mut client = echo::connect(with(traces.client(), capture), address).await;
    let mut request = tonic::Request::new(message("hello", 0));
    *request.metadata_mut() = MetadataMap::from_headers(headers());
    client.unary(request).await.unwrap();
    traces.pair().await
}

#[tokio::test]
async fn no_header_is_captured_by_default() {
    for (client, server) in [http(None).await, grpc(None).await] {
        assert_eq!(captured(&client), [""; 0]);
        assert_eq!(captured(&server), [""; 0]);
    }
}

#[tokio::test]
async fn allowed_headers_are_captured_without_credentials() {
    let capture = HeaderCapture::new()
        .allow("X-Request-Id")
        .allow("x-tenant-*")
        .allow("x-next")
        .allow("authorization")
        .allow("*cookie")
        .allow("proxy-*");
    for (prefixes, (client, server)) in [
        (
            ["http.request.header", "http.response.header"],
            http(Some(&capture)).await,
        ),
        (
            ["rpc.request.metadata", "rpc.response.metadata"],
            grpc(Some(&capture)).await,
        ),
    ] {
        let expected: Vec<_> = prefixes
            .iter()
            .flat_map(|prefix| {
                [
                    r#"x-next ["http://REDACTED:REDACTED@h/?sig=REDACTED&a=1"]"#,
                    r#"x-request-id ["7"]"#,
                    r#"x-tenant-id ["acme","umbrella"]"#,
                    r#"x-tenant-name ["Acme"]"#,
                ]
                .map(|line| format!("{prefix}.{line}"))
            })
            .collect();
        assert_eq!(captured(&client), expected);
        assert_eq!(captured(&server), expected);
    }
}

#[tokio::test]
async fn a_star_does_not_capture_credentials() {
    let capture = HeaderCapture::new().allow("*");
    for (client, server) in [http(Some(&capture)).await, grpc(Some(&capture)).await] {
        for span in [client, server] {
            let lines = captured(&span);
            assert!(lines.len() >= 8, "{lines:?}");
            for line in lines {
                assert!(!line.contains("secret"), "{line}");
            }
        }
    }
}

#[tokio::test]
async fn force_captures_credentials() {
    let capture = HeaderCapture::new()
        .force("authorization")
        .force("set-cookie");
    let (client, server) = http(Some(&capture)).await;
    for span in [client, server] {
        assert_eq!(
            captured(&span),
            [
                r#"http.request.header.authorization ["Bearer secret"]"#,
                r#"http.request.header.set-cookie ["session=secret"]"#,
                r#"http.response.header.authorization ["Bearer secret"]"#,
                r#"http.response.header.set-cookie ["session=secret"]"#,
            ]
        );
    }
}

/// reqwest marks passwords as sensitive.
#[tokio::test]
async fn a_sensitive_value_is_a_credential_under_any_name() {
    for (capture, shown) in [
        (HeaderCapture::new().allow("x-token"), None),
        (HeaderCapture::new().allow("x-*"), None),
        (HeaderCapture::new().force("x-token"), Some("[\"secret\"]")),
    ] {
        let traces = Traces::default();
        let address = net::serve(Router::new()).await;
        let layer = traces
            .client()
            .with_capture(|it| it.request_headers(capture));
        let mut request = net::request(Method::GET, address, "/");
        let mut value = HeaderValue::from_static("secret");
        value.set_sensitive(true);
        request.headers_mut().insert("x-token", value);
        let client = net::connect(layer, Version::HTTP_11);
        soon(client.oneshot(request)).await.unwrap();
        let span = traces::client(&traces.all(1).await);
        let found = attr(&span, "http.request.header.x-token").map(ToString::to_string);
        assert_eq!(found.as_deref(), shown);
    }
}

#[tokio::test]
async fn captured_headers_are_limited_in_number_and_length() {
    let traces = Traces::default();
    let capture = HeaderCapture::new().allow("x-*");
    let app = Router::new().layer(
        traces
            .server()
            .with_capture(|it| it.request_headers(capture)),
    );
    let address = net::serve(app).await;
    let mut request = net::request(Method::GET, address, "/");
    for number in 0..80 {
        let name: HeaderName = format!("x-{number}").parse().unwrap();
        for _ in 0..2 {
            let value = "y".repeat(if number == 0 { 2000 } else { 1 });
            request.headers_mut().append(&name, value.parse().unwrap());
        }
    }
    for _ in 0..18 {
        let value = HeaderValue::from_static("z");
        request.headers_mut().append("x-0", value);
    }
    net::send(Version::HTTP_2, request).await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(captured(&span).len(), 64);
    let first = attr(&span, "http.request.header.x-0").unwrap().to_string();
    assert_eq!(first.matches('y').count(), 2 * 1024);
    assert_eq!(first.matches('z').count(), 14);
}

const KEYS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

fn signed() -> String {
    let pairs: Vec<_> = KEYS.iter().map(|key| format!("{key}=secret")).collect();
    format!("token=mine&{}&SIG=stays", pairs.join("&"))
}

async fn ask(traces: &Traces, layer: lianlu::ClientLayer, url: &str) -> SpanData {
    let call = net::reqwest(layer).oneshot(net::reqwest_get(url));
    let answer = soon(call).await;
    if let Ok(response) = answer {
        response.bytes().await.unwrap();
    }
    traces::of_kind(&traces.finished(), &SpanKind::Client).remove(0)
}

#[tokio::test]
async fn signatures_in_urls_are_redacted() {
    let traces = Traces::default();
    let address = net::serve(Router::new().layer(traces.server())).await;
    let url = format!("http://bob:secret@{address}/?{}", signed());
    ask(&traces, traces.client(), &url).await;
    let (client, server) = traces.pair().await;
    let query = signed().replace("secret", "REDACTED");
    let full = format!("http://REDACTED:REDACTED@{address}/?{query}");
    assert_eq!(text(&client, "url.full"), Some(full.as_str()));
    assert_eq!(text(&server, "url.query"), Some(query.as_str()));
    for span in [&client, &server] {
        assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
    }
}

/// Also in a URL without a query.
#[tokio::test]
async fn passwords_in_urls_are_redacted() {
    let traces = Traces::default();
    let address = net::serve(Router::new()).await;
    let url = format!("http://bob:secret@{address}/");
    let span = ask(&traces, traces.client(), &url).await;
    let full = format!("http://REDACTED:REDACTED@{address}/");
    assert_eq!(text(&span, "url.full"), Some(full.as_str()));
}

/// On the span, and in its exception.
#[tokio::test]
async fn urls_in_error_texts_are_redacted() {
    let traces = Traces::default();
    let url = format!("http://{}/?{}", closed_port().await, signed());
    let span = ask(&traces, traces.client(), &url).await;
    let all = format!("{span:?}");
    assert!(all.contains("sig=REDACTED"), "{all}");
    assert!(!all.contains("secret"), "{all}");
    let events = &span.events.events;
    assert_eq!((events.len(), events[0].name.as_ref()), (1, "exception"));
    assert!(format!("{:?}", events[0]).contains("REDACTED"));
}

#[tokio::test]
async fn urls_in_grpc_messages_are_redacted() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let text = "fail 13 no answer from https://bob:secret@h/?sig=secret";
    client.unary(message(text, 0)).await.unwrap_err();
    let (client, server) = traces.pair().await;
    for span in [client, server] {
        assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
        assert!(format!("{:?}", span.status).contains("https://REDACTED:REDACTED@h/"));
    }
}

#[tokio::test]
async fn with_redacted_query_keys_replaces_the_default_keys() {
    let traces = Traces::default();
    let keys = ["token"];
    let app = Router::new().layer(
        traces
            .server()
            .with_capture(|capture| capture.redacted_query_keys(keys)),
    );
    let address: SocketAddr = net::serve(app).await;
    let url = format!("http://bob:secret@{address}/?token=mine&sig=shown");
    ask(
        &traces,
        traces
            .client()
            .with_capture(|capture| capture.redacted_query_keys(keys)),
        &url,
    )
    .await;
    let (client, server) = traces.pair().await;
    let full = format!("http://REDACTED:REDACTED@{address}/?token=REDACTED&sig=shown");
    assert_eq!(text(&client, "url.full"), Some(full.as_str()));
    let query = "token=REDACTED&sig=shown";
    assert_eq!(text(&server, "url.query"), Some(query));
}
