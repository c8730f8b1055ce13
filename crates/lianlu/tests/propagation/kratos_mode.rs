//! Kratos mode: names, attributes, status and events as a Kratos v2.9.1 service exports them.

use ::http::{Method, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu::kratos::{Operation, PathTemplate};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use tower::ServiceExt;

use crate::common::echo::{self, Echo, EchoClient, message, size};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::traces::{self, Traces, attr, int, keys, text};
use crate::common::{closed_port, soon};

/// A client named `caller` and a server, both in Kratos mode.
async fn grpc(traces: &Traces) -> (EchoClient, std::net::SocketAddr) {
    let address = echo::serve(traces.server().kratos(), Echo::new(traces)).await;
    let layer = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("caller"))
        .with_target(format!("http://{address}"))
        .kratos();
    (echo::connect(layer, address).await, address)
}

fn assert_kind(span: &SpanData, kind: SpanKind) {
    assert_eq!(span.span_kind, kind);
    let scope = &span.instrumentation_scope;
    assert_eq!(scope.name(), "kratos");
    assert_eq!((scope.version(), scope.schema_url()), (None, None));
}

fn assert_texts(span: &SpanData, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(text(span, key), Some(*value), "{key}");
    }
}

/// Asserts the status and the event of a failed call.
fn assert_failed(span: &SpanData, code: i64, class: &str, message: &str) {
    assert_eq!(span.status, Status::error(message.to_owned()));
    assert_eq!(int(span, "rpc.status_code"), Some(code));
    let [event] = &span.events.events[..] else {
        panic!("not one event: {span:#?}");
    };
    assert_eq!(event.name, "exception");
    let attributes: Vec<_> = event
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), attribute.value.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("exception.type", class.into()),
            ("exception.message", message.into())
        ]
    );
}

fn assert_ok(span: &SpanData) {
    assert_eq!(span.status, Status::Ok, "{span:#?}");
    assert_eq!(attr(span, "rpc.status_code"), None);
    assert!(span.events.events.is_empty());
}

#[tokio::test]
async fn grpc_spans_have_kratos_attributes() {
    let traces = Traces::default();
    let (mut client, address) = grpc(&traces).await;
    client.unary(message("world", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_kind(&client, SpanKind::Client);
    assert_kind(&server, SpanKind::Server);
    for span in [&client, &server] {
        assert_eq!(span.name, "/lianlu.testing.Echo/Unary");
        assert_ok(span);
        assert_texts(
            span,
            &[
                ("net.peer.ip", "127.0.0.1"),
                ("rpc.method", "Unary"),
                ("rpc.service", "lianlu.testing.Echo"),
                ("rpc.system", "grpc"),
            ],
        );
        assert_eq!(int(span, "recv_msg.size"), Some(size("world", 0)));
        assert_eq!(int(span, "send_msg.size"), Some(size("world", 0)));
    }
    assert_eq!(
        keys(&client).join(" "),
        "net.peer.ip net.peer.port recv_msg.size rpc.method rpc.service rpc.system \
             send_msg.size"
    );
    assert_eq!(
        keys(&server).join(" "),
        "net.peer.ip net.peer.port peer.service recv_msg.size rpc.method rpc.service \
             rpc.system send_msg.size"
    );
    // Ports are strings in Kratos.
    let port = address.port().to_string();
    assert_eq!(text(&client, "net.peer.port"), Some(port.as_str()));
    let port: u16 = text(&server, "net.peer.port").unwrap().parse().unwrap();
    assert_ne!(port, address.port());
    assert_eq!(text(&server, "peer.service"), Some("caller"));
}

#[tokio::test]
async fn each_grpc_code_is_an_error_on_both_sides() {
    for (code, name, http_like) in [
        (1, "Canceled", 499),
        (2, "Unknown", 500),
        (3, "InvalidArgument", 400),
        (4, "DeadlineExceeded", 504),
        (5, "NotFound", 404),
        (6, "AlreadyExists", 409),
        (7, "PermissionDenied", 403),
        (8, "ResourceExhausted", 429),
        (9, "FailedPrecondition", 400),
        (10, "Aborted", 409),
        (11, "OutOfRange", 400),
        (12, "Unimplemented", 501),
        (13, "Internal", 500),
        (14, "Unavailable", 503),
        (15, "DataLoss", 500),
        (16, "Unauthenticated", 401),
    ] {
        let traces = Traces::default();
        let (mut client, _) = grpc(&traces).await;
        let request = message(&format!("fail {code} boom"), 0);
        let request_size = size(&request.text, 0);
        client.unary(request).await.unwrap_err();
        let (client, server) = traces.pair().await;
        let text = format!("rpc error: code = {name} desc = boom");
        for span in [&client, &server] {
            assert_failed(span, http_like, "*status.Error", &text);
        }
        assert_eq!(int(&client, "send_msg.size"), Some(request_size));
        assert_eq!(int(&client, "recv_msg.size"), Some(0));
        assert_eq!(int(&server, "send_msg.size"), Some(0));
        assert_eq!(int(&server, "recv_msg.size"), Some(request_size));
        assert_eq!(
            keys(&client).join(" "),
            "net.peer.ip net.peer.port recv_msg.size rpc.method rpc.service rpc.status_code \
             rpc.system send_msg.size"
        );
    }
}

#[tokio::test]
async fn a_refused_grpc_connection_is_503() {
    let traces = Traces::default();
    let address = closed_port().await;
    let layer = traces
        .client()
        .with_target(format!("http://{address}"))
        .kratos();
    let mut client = echo::connect_lazily(layer, address);
    soon(client.unary(message("world", 0))).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(int(&span, "rpc.status_code"), Some(503));
    let port = address.port().to_string();
    assert_eq!(text(&span, "net.peer.port"), Some(port.as_str()));
    assert!(matches!(
        &span.status,
        Status::Error { description }
            if description.starts_with("rpc error: code = Unavailable desc = ")
                && description.contains("refused")
    ));
    // As captured from Kratos: the size is 0 if no message was received.
    assert_eq!(int(&span, "recv_msg.size"), Some(0));
}

/// Unlike Kratos, which makes a span for each message.
#[tokio::test]
async fn a_grpc_stream_is_one_span() {
    let traces = Traces::default();
    let (mut client, _) = grpc(&traces).await;
    echo::drain(client.server_stream(message("tick", 3)).await.unwrap()).await;
    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(span.name, "/lianlu.testing.Echo/ServerStream");
        assert_ok(span);
    }
    assert_eq!(int(&server, "send_msg.size"), Some(3 * size("tick", 0)));
}

/// Unlike Kratos, where it is Ok.
#[tokio::test]
async fn a_grpc_panic_is_an_error() {
    let traces = Traces::default();
    let (mut client, _) = grpc(&traces).await;
    soon(client.unary(message("panic", 0))).await.unwrap_err();
    let (_, server) = traces.pair().await;
    assert_failed(
        &server,
        500,
        "*status.Error",
        "rpc error: code = Unknown desc = panic",
    );
}

/// Unlike Kratos, which sets an empty one.
#[tokio::test]
async fn a_caller_without_a_name_has_no_peer_service() {
    let traces = Traces::default();
    let address = echo::serve(traces.server().kratos(), Echo::new(&traces)).await;
    let mut client = echo::connect(traces.client().kratos(), address).await;
    client.unary(message("world", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(attr(&server, "peer.service"), None);
    assert_eq!(attr(&client, "net.peer.ip"), None, "there is no target");
}

/// A request of Kratos's generated client.
fn hello(address: std::net::SocketAddr, name: &str) -> ::http::Request<axum::body::Body> {
    let mut request = net::request(Method::GET, address, &format!("/helloworld/{name}"));
    let extensions = request.extensions_mut();
    extensions.insert(Operation("/helloworld.Greeter/SayHello".into()));
    extensions.insert(PathTemplate("/helloworld/{name}".into()));
    request
}

/// Routes with an operation, as in generated code, and without.
async fn http(traces: &Traces) -> std::net::SocketAddr {
    let name = |mut request: axum::extract::Request, next: axum::middleware::Next| {
        let operation = Operation("/helloworld.Greeter/SayHello".into());
        request.extensions_mut().insert(operation);
        next.run(request)
    };
    let app = Router::new()
        .route(
            "/helloworld/{name}",
            get(
                async |axum::extract::Path(name): axum::extract::Path<String>| match name.as_str() {
                    "missing" => Err(StatusCode::NOT_FOUND),
                    "boom" => Err(StatusCode::INTERNAL_SERVER_ERROR),
                    _ => Ok("hello"),
                },
            ),
        )
        .layer(traces.server().kratos())
        .layer(axum::middleware::from_fn(name))
        .route(
            "/plain/{id}",
            get(async || "plain").layer::<_, std::convert::Infallible>(traces.server().kratos()),
        );
    net::serve(app).await
}

#[tokio::test]
async fn http_spans_have_kratos_attributes() {
    let traces = Traces::default();
    let address = http(&traces).await;
    let layer = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("caller"))
        .kratos();
    let client = net::connect(layer, Version::HTTP_11);
    let response = soon(client.oneshot(hello(address, "world"))).await.unwrap();
    net::read(response).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_kind(&client, SpanKind::Client);
    assert_kind(&server, SpanKind::Server);
    for span in [&client, &server] {
        assert_eq!(span.name, "/helloworld.Greeter/SayHello");
        assert_ok(span);
        assert_texts(
            span,
            &[
                ("http.method", "GET"),
                ("http.route", "/helloworld/{name}"),
                ("http.target", "/helloworld/world"),
                ("net.peer.ip", "127.0.0.1"),
                ("rpc.method", "SayHello"),
                ("rpc.service", "helloworld.Greeter"),
                ("rpc.system", "http"),
            ],
        );
    }
    // As captured from Kratos, without message sizes, which are unknown here.
    let client_keys = [
        "http.method",
        "http.route",
        "http.target",
        "net.peer.ip",
        "net.peer.port",
        "rpc.method",
        "rpc.service",
        "rpc.system",
    ];
    assert_eq!(keys(&client), client_keys);
    let mut server_keys = [&client_keys[..], &["peer.service"]].concat();
    server_keys.sort_unstable();
    assert_eq!(keys(&server), server_keys);
    let port = address.port().to_string();
    assert_eq!(text(&client, "net.peer.port"), Some(port.as_str()));
    assert_eq!(text(&server, "peer.service"), Some("caller"));
}

#[tokio::test]
async fn an_http_error_is_an_error_on_both_sides() {
    for (name, code, reason) in [
        ("missing", 404, "Not Found"),
        ("boom", 500, "Internal Server Error"),
    ] {
        let traces = Traces::default();
        let address = http(&traces).await;
        let client = net::connect(traces.client().kratos(), Version::HTTP_11);
        soon(client.oneshot(hello(address, name))).await.unwrap();
        let (client, server) = traces.pair().await;
        let message = format!(
            "error: code = {code} reason =  message = {reason} metadata = map[] cause = <nil>"
        );
        for span in [&client, &server] {
            assert_failed(span, code, "*errors.Error", &message);
        }
    }
}

/// Kratos's client accepts 2xx only.
#[tokio::test]
async fn an_http_304_is_an_error_on_the_client_only() {
    let traces = Traces::default();
    let address =
        net::serve_root(traces.server().kratos(), async || StatusCode::NOT_MODIFIED).await;
    let client = net::connect(traces.client().kratos(), Version::HTTP_11);
    net::get(&client, address, "/").await.unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(server.status, Status::Ok);
    let message =
        "error: code = 304 reason =  message = Not Modified metadata = map[] cause = <nil>";
    assert_failed(&client, 304, "*errors.Error", message);
}

#[tokio::test]
async fn a_refused_http_connection_is_500() {
    let traces = Traces::default();
    let address = closed_port().await;
    let client = net::connect(traces.client().kratos(), Version::HTTP_11);
    soon(client.oneshot(hello(address, "world")))
        .await
        .unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(int(&span, "rpc.status_code"), Some(500));
    let Status::Error { description } = &span.status else {
        panic!("{span:#?}");
    };
    let class = "ConnectionRefused";
    assert_failed(&span, 500, class, description);
}

#[tokio::test]
async fn a_dropped_http_call_is_499() {
    let traces = Traces::default();
    let address = net::serve_root(traces.server().kratos(), async || {
        response(None, scripted([Step::Hang]))
    })
    .await;
    let client = net::connect(traces.client().kratos(), Version::HTTP_11);
    drop(net::get(&client, address, "/").await.unwrap());
    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        let message =
            "error: code = 499 reason =  message = context canceled metadata = map[] cause = <nil>";
        assert_failed(span, 499, "*errors.Error", message);
    }
}

/// On the client, without a template.
#[tokio::test]
async fn without_an_operation_the_template_or_the_path_is_the_name() {
    let traces = Traces::default();
    let address = http(&traces).await;
    let client = net::connect(traces.client().kratos(), Version::HTTP_11);
    net::get(&client, address, "/plain/7?token=1&sig=secret")
        .await
        .unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(server.name, "/plain/{id}");
    assert_texts(
        &server,
        &[
            ("http.route", "/plain/{id}"),
            ("http.target", "/plain/7"),
            ("rpc.service", "plain"),
            ("rpc.method", "{id}"),
        ],
    );
    // With the query, as in Kratos, but redacted.
    assert_eq!(client.name, "/plain/7?token=1&sig=REDACTED");
    assert_texts(
        &client,
        &[
            ("http.route", "/plain/7?token=1&sig=REDACTED"),
            ("http.target", "/plain/7"),
        ],
    );
}

#[tokio::test]
async fn an_operation_without_a_service_is_rpc_operation() {
    let traces = Traces::default();
    let address = net::serve(Router::new()).await;
    let client = net::connect(traces.client().kratos(), Version::HTTP_11);
    let mut request = net::request(Method::GET, address, "/");
    request.extensions_mut().insert(Operation("/ping".into()));
    soon(client.oneshot(request)).await.unwrap();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(span.name, "/ping");
    assert_eq!(text(&span, "rpc.operation"), Some("/ping"));
    assert_eq!(attr(&span, "rpc.service"), None);
    assert_eq!(attr(&span, "rpc.method"), None);
}

#[tokio::test]
async fn with_tracer_name_replaces_kratos() {
    let traces = Traces::default();
    let layer = traces.server().kratos().with_tracer_name("shop");
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let mut client = echo::connect(traces.client().kratos(), address).await;
    client.unary(message("world", 0)).await.unwrap();
    let (client, server) = traces.pair().await;
    assert_eq!(client.instrumentation_scope.name(), "kratos");
    assert_eq!(server.instrumentation_scope.name(), "shop");
    assert_eq!(server.instrumentation_scope.schema_url(), None);
}
