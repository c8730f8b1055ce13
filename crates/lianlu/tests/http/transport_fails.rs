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
