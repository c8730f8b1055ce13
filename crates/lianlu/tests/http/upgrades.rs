//! Calls that become tunnels: the spans end with the head, the tunnel stays open.

use std::net::SocketAddr;

use ::http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use axum::Router;
use axum::body::Body;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower::ServiceExt;

use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::{Traces, http_status};

/// Accepts `CONNECT` and upgrades to `echo`, and echoes the bytes in the tunnel.
async fn serve(traces: &Traces) -> SocketAddr {
    let app = Router::new()
        .fallback(async |mut request: Request<Body>| {
            let response = match request.method() {
                &Method::CONNECT => Response::builder(),
                _ => Response::builder()
                    .status(StatusCode::SWITCHING_PROTOCOLS)
                    .header(header::CONNECTION, "upgrade")
                    .header(header::UPGRADE, "echo"),
            };
            let tunnel = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(TokioIo::new(tunnel.await.unwrap()));
                tokio::io::copy(&mut from, &mut to).await.unwrap();
                to.shutdown().await.unwrap();
            });
            // A body without a size hint, which is never polled.
            response.body(net::scripted([])).unwrap()
        })
        .layer(traces.server());
    net::serve(app).await
}

fn upgrade() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONNECTION, "upgrade".parse().unwrap()),
        (header::UPGRADE, "echo".parse().unwrap()),
    ])
}

/// Asserts that both spans have ended while the tunnel works in both directions.
async fn check(traces: &Traces, tunnel: impl AsyncRead + AsyncWrite + Unpin, status: i64) {
    let (client, server) = traces.fine_pair().await;
    for span in [client, server] {
        assert_eq!(http_status(&span), Some(status));
    }
    let (mut from, mut to) = tokio::io::split(tunnel);
    for word in ["hello", "again"] {
        to.write_all(word.as_bytes()).await.unwrap();
        let mut back = [0; 5];
        soon(from.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, word.as_bytes());
    }
    to.shutdown().await.unwrap();
    assert_eq!(soon(from.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    // There is no further span.
    traces.all(2).await;
}

async fn tunnel(traces: &Traces, request: Request<Body>, version: Version) -> TokioIo<Upgraded> {
    let client = net::connect(traces.client(), version);
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(response.version(), version);
    TokioIo::new(soon(hyper::upgrade::on(response)).await.unwrap())
}

#[tokio::test]
async fn an_upgrade_ends_the_spans_and_keeps_the_tunnel() {
    let traces = Traces::default();
    let mut request = net::request(Method::GET, serve(&traces).await, "/");
    *request.headers_mut() = upgrade();
    let tunnel = tunnel(&traces, request, Version::HTTP_11).await;
    check(&traces, tunnel, 101).await;
}

#[tokio::test]
async fn a_connect_ends_the_spans_and_keeps_the_tunnel() {
    for version in net::VERSIONS {
        let traces = Traces::default();
        let mut request = net::request(Method::CONNECT, serve(&traces).await, "/");
        *request.version_mut() = version;
        let tunnel = tunnel(&traces, request, version).await;
        check(&traces, tunnel, 200).await;
    }
}

#[tokio::test]
async fn a_reqwest_upgrade_ends_the_spans_and_keeps_the_tunnel() {
    let traces = Traces::default();
    let mut request = net::reqwest_get(&format!("http://{}/", serve(&traces).await));
    *request.headers_mut() = upgrade();
    let response = soon(net::reqwest(traces.client()).oneshot(request)).await;
    let tunnel = soon(response.unwrap().upgrade()).await.unwrap();
    check(&traces, tunnel, 101).await;
}
