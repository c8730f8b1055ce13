//! HTTP calls whose transport fails: refused connections, body errors, broken connections.

use ::http::Version;
use http_body_util::BodyExt;
use opentelemetry::trace::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::traces::{self, Traces, assert_error, attr, http_status, text};
use crate::common::{Gate, closed_port, listen, soon};

#[tokio::test]
async fn a_refused_connection_is_an_error() {
    for version in VERSIONS {
        let traces = Traces::default();
        let client = net::connect(traces.client(), version);
        net::get(&client, closed_port().await, "/")
            .await
            .unwrap_err();
        let span = traces::client(&traces.all(1).await);
        assert_eq!(attr(&span, "http.response.status_code"), None);
        let description = assert_error(&span, "ConnectionRefused");
        assert!(description.contains("refused"), "{description}");
    }
}

#[tokio::test]
async fn a_refused_reqwest_connection_is_an_error_without_secrets() {
    let traces = Traces::default();
    let url = format!("http://user:secret@{}/?sig=secret&q=1", closed_port().await);
    let request = net::reqwest_get(&url);
    let client = net::reqwest(traces.client());
    soon(client.oneshot(request)).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    let description = assert_error(&span, "ConnectionRefused");
    assert!(description.contains("q=1"), "{description}");
    assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
}

#[tokio::test]
async fn an_error_of_the_body_is_an_error_on_both_sides() {
    for version in VERSIONS {
        for length in [None, Some(100)] {
            let traces = Traces::default();
            let received = Gate::default();
            let wait = received.clone();
            let address = net::serve_root(traces.server(), async move || {
                response(
                    length,
                    scripted([Step::Data("hel"), Step::Wait(wait), Step::Fail]),
                )
            })
            .await;
            let client = net::connect(traces.client(), version);
            let mut response = net::get(&client, address, "/").await.unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            received.open();
            net::read(response).await.unwrap_err();

            let (client, server) = traces.pair().await;
            for span in [&client, &server] {
                assert_eq!(http_status(span), Some(200));
                assert_eq!(attr(span, "lianlu.cancelled"), None);
                assert!(matches!(span.status, Status::Error { .. }), "{span:#?}");
            }
            // The kind of the io::Error inside axum's error.
            assert_eq!(assert_error(&server, "Other"), "the disk is gone");
        }
    }
}

/// The server sends half of the content length.
#[tokio::test]
async fn a_connection_that_breaks_in_the_body_is_an_error() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1000];
            let _ = socket.read(&mut request).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
            socket.write_all(head).await.unwrap();
        }
    });
    let traces = Traces::default();
    let client = net::connect(traces.client(), Version::HTTP_11);
    let response = net::get(&client, address, "/").await.unwrap();
    net::read(response).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert!(matches!(span.status, Status::Error { .. }));
    assert_eq!(http_status(&span), Some(200));

    let traces = Traces::default();
    let request = net::reqwest_get(&format!("http://{address}/"));
    let client = net::reqwest(traces.client());
    let response = soon(client.oneshot(request)).await.unwrap();
    soon(response.text()).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert!(matches!(span.status, Status::Error { .. }));
    assert_eq!(http_status(&span), Some(200));
}

#[tokio::test]
async fn an_error_of_the_service_gives_its_type_and_a_redacted_text() {
    #[derive(Debug)]
    struct Unreachable;
    impl std::fmt::Display for Unreachable {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("http://user:secret@shop.example/?sig=secret is down")
        }
    }
    let traces = Traces::default();
    let fail = async |_: ::http::Request<()>| Err::<::http::Response<String>, _>(Unreachable);
    for _ in 0..2 {
        let service = tower::service_fn(fail);
        let service = tower::Layer::layer(&traces.client(), service);
        let request = ::http::Request::new(());
        service.oneshot(request).await.unwrap_err();
    }
    let spans = traces.all(2).await;
    let class = text(&spans[0], "error.type").unwrap();
    assert!(class.ends_with("::Unreachable"), "{class}");
    assert_eq!(
        assert_error(&spans[0], class),
        "http://REDACTED:REDACTED@shop.example/?sig=REDACTED is down"
    );
}

/// tower's own layers, between the client's layer and a service that never answers.
#[tokio::test]
async fn errors_of_tower_layers_have_a_class() {
    use std::convert::Infallible;
    use std::time::Duration;
    use tower::util::BoxCloneSyncService;
    use tower::{BoxError, ServiceBuilder, service_fn};
    type Call = BoxCloneSyncService<::http::Request<String>, ::http::Response<String>, BoxError>;

    let hang = service_fn(async |_: ::http::Request<String>| {
        std::future::pending::<Result<::http::Response<String>, Infallible>>().await
    });
    let fail = service_fn(async |_: ::http::Request<String>| {
        Err::<::http::Response<String>, BoxError>(tower::timeout::error::Elapsed::new().into())
    });
    let limited = || ServiceBuilder::new().load_shed().concurrency_limit(0);
    let buffer = || ServiceBuilder::new().buffer(1);
    let soon = Duration::from_millis(1);
    // A buffer whose worker is gone.
    let (closed, worker) = tower::buffer::Buffer::pair(hang, 1);
    drop(worker);
    let tokio = service_fn(async |_: ::http::Request<String>| {
        let never = std::future::pending::<::http::Response<String>>();
        Ok::<_, BoxError>(tokio::time::timeout(Duration::from_millis(1), never).await?)
    });
    let services: [(&str, Call); 6] = [
        (
            "timeout",
            Call::new(ServiceBuilder::new().timeout(soon).service(hang)),
        ),
        ("timeout", Call::new(buffer().timeout(soon).service(hang))),
        ("timeout", Call::new(tokio)),
        ("overloaded", Call::new(limited().service(hang))),
        (
            "overloaded",
            Call::new(buffer().layer(limited()).service(fail)),
        ),
        ("closed", Call::new(closed)),
    ];
    for (class, inner) in services {
        let traces = Traces::default();
        // Otherwise a closed buffer fails before the call, when it is asked whether it is ready.
        let inner = service_fn(move |request| inner.clone().oneshot(request));
        let service = ServiceBuilder::new().layer(traces.client()).service(inner);
        let request = ::http::Request::get("http://shop.example/").body(String::new());
        service.oneshot(request.unwrap()).await.unwrap_err();
        assert_error(&traces.all(1).await[0], class);
    }
}

/// Bodies that take too long, or are too long.
#[tokio::test]
async fn errors_of_limited_bodies_have_a_class() {
    use http_body_util::{Full, Limited};
    use std::convert::Infallible;
    use tower_http::timeout::ResponseBodyTimeoutLayer;

    let traces = Traces::default();
    let limited = tower::service_fn(async |_: ::http::Request<String>| {
        let body = Limited::new(Full::new(bytes::Bytes::from_static(b"hello")), 3);
        Ok::<_, Infallible>(::http::Response::new(body))
    });
    let slow = tower::service_fn(async |_: ::http::Request<String>| {
        Ok::<_, Infallible>(response(None, scripted([Step::Hang])))
    });
    let time_out = ResponseBodyTimeoutLayer::new(std::time::Duration::from_millis(1));
    let server = tower::ServiceBuilder::new().layer(traces.server());
    let request = || ::http::Request::new(String::new());
    let response = server.clone().service(limited).oneshot(request()).await;
    response.unwrap().into_body().collect().await.unwrap_err();
    let slow = server.layer(time_out).service(slow);
    let response = slow.oneshot(request()).await;
    response.unwrap().into_body().collect().await.unwrap_err();
    let spans = traces.all(2).await;
    assert_error(&spans[0], "length_limit_exceeded");
    assert_error(&spans[1], "timeout");
}

/// Each client says that the name did not resolve.
#[tokio::test]
async fn a_name_that_does_not_resolve_has_a_class() {
    let resolver = tower::service_fn(async |_: hyper_util::client::legacy::connect::dns::Name| {
        Err::<std::vec::IntoIter<std::net::SocketAddr>, _>(std::io::Error::other("no such host"))
    });
    let traces = Traces::default();
    let connector = hyper_util::client::legacy::connect::HttpConnector::new_with_resolver(resolver);
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build::<_, axum::body::Body>(connector);
    let client = tower::ServiceBuilder::new()
        .layer(traces.client())
        .service(client);
    let request = ::http::Request::get("http://shop.invalid/").body(axum::body::Body::empty());
    soon(client.oneshot(request.unwrap())).await.unwrap_err();
    let client = net::reqwest(traces.client());
    let request = net::reqwest_get("http://shop.invalid/");
    soon(client.oneshot(request)).await.unwrap_err();
    for span in traces.all(2).await {
        assert_error(&span, "name_resolution_error");
    }
}
