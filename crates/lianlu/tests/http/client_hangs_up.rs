//! An HTTP client drops its call: before the response head, or in the middle of the body.

use axum::Router;
use axum::routing::get;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::traces::{self, Traces, assert_cancelled, attr, http_status};
use crate::common::{Gate, soon};

/// `/never` does not answer, `/endless` does not end, `/long` sends 5 of 100 bytes.
async fn serve(traces: &Traces) -> (std::net::SocketAddr, Gate) {
    let entered = Gate::default();
    let inside = entered.clone();
    let app = Router::new()
        .route(
            "/never",
            get(async move || {
                inside.open();
                std::future::pending::<()>().await;
            }),
        )
        .route(
            "/endless",
            get(async || response(None, scripted([Step::Data("hello"), Step::Hang]))),
        )
        .route(
            "/long",
            get(async || response(Some(100), scripted([Step::Data("hello"), Step::Hang]))),
        )
        .layer(traces.server());
    (net::serve(app).await, entered)
}

#[tokio::test]
async fn before_the_head_both_spans_are_cancelled() {
    for version in VERSIONS {
        let traces = Traces::default();
        let (address, entered) = serve(&traces).await;
        let client = net::connect(traces.client(), version);
        let call =
            tokio::spawn(async move { net::get(&client, address, "/never").await.map(drop) });
        soon(entered.pass()).await;
        assert_eq!((traces.started(), traces.finished().len()), (2, 0));
        call.abort();
        let (client, server) = traces.pair().await;
        for span in [client, server] {
            assert_cancelled(&span);
            assert_eq!(attr(&span, "http.response.status_code"), None);
        }
    }
}

#[tokio::test]
async fn in_the_body_both_spans_are_cancelled() {
    for version in VERSIONS {
        for path in ["/endless", "/long"] {
            let traces = Traces::default();
            let (address, _) = serve(&traces).await;
            let client = net::connect(traces.client(), version);
            let mut response = net::get(&client, address, path).await.unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            assert_eq!((traces.started(), traces.finished().len()), (2, 0));
            drop(response);
            let (client, server) = traces.pair().await;
            for span in [client, server] {
                assert_cancelled(&span);
                assert_eq!(http_status(&span), Some(200));
            }
        }
    }
}

#[tokio::test]
async fn after_the_head_both_spans_are_cancelled() {
    let traces = Traces::default();
    let (address, _) = serve(&traces).await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_11);
    drop(net::get(&client, address, "/endless").await.unwrap());
    let (client, server) = traces.pair().await;
    assert_cancelled(&client);
    assert_cancelled(&server);
}

#[tokio::test]
async fn dropped_reqwest_calls_are_cancelled() {
    let traces = Traces::default();
    let (address, entered) = serve(&traces).await;
    let ask = async |path: &str| {
        let request = net::reqwest_get(&format!("http://{address}{path}"));
        net::reqwest(traces.client()).oneshot(request).await
    };
    let mut response = soon(ask("/endless")).await.unwrap();
    soon(response.chunk()).await.unwrap();
    drop(response);
    traces.all(2).await;
    tokio::select! {
        biased;
        _ = ask("/never") => panic!("`/never` does not answer"),
        () = entered.pass() => {}
    }
    for span in traces.all(4).await {
        assert_cancelled(&span);
    }
}

/// By a plain socket, without an HTTP client.
#[tokio::test]
async fn a_closed_socket_cancels_the_server_span() {
    for (path, status) in [
        ("/never", None),
        ("/endless", Some(200)),
        ("/long", Some(200)),
    ] {
        let traces = Traces::default();
        let (address, entered) = serve(&traces).await;
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        match status {
            None => soon(entered.pass()).await,
            Some(_) => {
                let mut received = Vec::new();
                while !received.windows(5).any(|window| window == b"hello") {
                    soon(socket.read_buf(&mut received)).await.unwrap();
                }
            }
        }
        assert_eq!((traces.started(), traces.finished().len()), (1, 0));
        drop(socket);
        let span = traces::server(&traces.all(1).await);
        assert_cancelled(&span);
        assert_eq!(http_status(&span), status);
    }
}

#[tokio::test]
async fn an_error_status_stays_an_error_when_its_body_is_dropped() {
    let traces = Traces::default();
    let app = Router::new()
        .fallback(async || {
            let mut response = response(None, scripted([Step::Data("sorry"), Step::Hang]));
            *response.status_mut() = ::http::StatusCode::BAD_GATEWAY;
            response
        })
        .layer(traces.server());
    let address = net::serve(app).await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_11);
    drop(net::get(&client, address, "/").await.unwrap());
    let (client, server) = traces.pair().await;
    for span in [client, server] {
        assert_eq!(traces::text(&span, "error.type"), Some("502"));
        assert!(traces::cancelled(&span));
    }
}

#[tokio::test]
async fn a_thousand_dropped_calls_leave_no_open_span() {
    let traces = Traces::default();
    let (address, entered) = serve(&traces).await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_2);
    for _ in 0..20 {
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { net::get(&client, address, "/never").await.map(drop) })
            })
            .collect();
        for call in calls {
            soon(entered.pass()).await;
            call.abort();
        }
    }
    for span in traces.all(2000).await {
        assert_cancelled(&span);
    }
    assert_eq!(traces.open(), 0);
}
