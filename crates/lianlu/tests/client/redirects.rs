//! Redirects: one span for each hop, or one for all, by the order of the layers.

use std::net::SocketAddr;

use ::http::{Method, Request, Response, Version};
use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};
use opentelemetry::trace::SpanKind;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_child, http_status, int, of_kind, text};

/// Redirects `/a` to `/b`, and `/b` to `/c` on the server at `last`.
async fn serve(traces: &Traces, last: SocketAddr) -> SocketAddr {
    let last = format!("http://{last}/c");
    let app = Router::new()
        .route("/a", any(async || Redirect::temporary("/b")))
        .route("/b", any(async move || Redirect::to(&last)))
        .layer(traces.server());
    net::serve(app).await
}

async fn serve_last(traces: &Traces) -> SocketAddr {
    let app = Router::new()
        .route("/c", get(async || "here"))
        .layer(traces.server());
    net::serve(app).await
}

/// Asserts three numbered hops, each the parent of a server span.
async fn assert_hops(traces: &Traces, first: SocketAddr, last: SocketAddr, methods: [&str; 3]) {
    let spans = traces.all(6).await;
    let clients = of_kind(&spans, &SpanKind::Client);
    let expected = [
        (None, 307, format!("http://{first}/a")),
        (Some(1), 303, format!("http://{first}/b")),
        (Some(2), 200, format!("http://{last}/c")),
    ];
    for ((span, method), (count, status, url)) in clients.iter().zip(methods).zip(expected) {
        assert_eq!(int(span, "http.request.resend_count"), count);
        assert_eq!(http_status(span), Some(status));
        assert_eq!(text(span, "url.full"), Some(&*url));
        assert_eq!(span.name, method);
    }
    for (client, server) in clients.iter().zip(of_kind(&spans, &SpanKind::Server)) {
        assert_child(&server, client);
    }
}

#[tokio::test]
async fn each_hop_of_tower_http_outside_the_layer_is_a_span() {
    for version in net::VERSIONS {
        let traces = Traces::default();
        let last = serve_last(&traces).await;
        let first = serve(&traces, last).await;
        let client = ServiceBuilder::new()
            .layer(lianlu::attempts())
            .layer(FollowRedirectLayer::new())
            .layer(traces.client())
            .service(net::plain(version));
        let request = net::request(Method::POST, first, "/a");
        let response = soon(client.oneshot(request)).await.unwrap();
        assert_eq!(net::read(response).await.unwrap(), "here");
        assert_hops(&traces, first, last, ["POST", "POST", "GET"]).await;
    }
}

/// As in the documentation of `client()`.
#[tokio::test]
async fn each_hop_around_reqwest_is_a_span() {
    let traces = Traces::default();
    let last = serve_last(&traces).await;
    let first = serve(&traces, last).await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(FollowRedirectLayer::new())
        .layer(traces.client())
        .service(service_fn(move |request: Request<reqwest::Body>| {
            let http = http.clone();
            async move {
                let request = reqwest::Request::try_from(request)?;
                let response = http.execute(request).await?;
                Ok::<_, reqwest::Error>(Response::<reqwest::Body>::from(response))
            }
        }));
    let request = Request::get(format!("http://{first}/a"))
        .body(reqwest::Body::default())
        .unwrap();
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "here");
    assert_hops(&traces, first, last, ["GET"; 3]).await;
}

#[tokio::test]
async fn hops_inside_reqwest_are_one_span() {
    let traces = Traces::default();
    let last = serve_last(&traces).await;
    let first = serve(&traces, last).await;
    let request = net::reqwest_get(&format!("http://{first}/a"));
    let response = soon(net::reqwest(traces.client()).oneshot(request)).await;
    assert_eq!(soon(response.unwrap().text()).await.unwrap(), "here");
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_eq!(http_status(&client), Some(200));
    assert_eq!(int(&client, "http.request.resend_count"), None);
    for server in of_kind(&spans, &SpanKind::Server) {
        assert_child(&server, &client);
    }
}

#[tokio::test]
async fn hops_of_tower_http_inside_the_layer_are_one_span() {
    let traces = Traces::default();
    let last = serve_last(&traces).await;
    let first = serve(&traces, last).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(FollowRedirectLayer::new())
        .service(net::plain(Version::HTTP_11));
    let request = net::request(Method::GET, first, "/a");
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "here");
    let client = traces::client(&traces.all(4).await);
    assert_eq!(http_status(&client), Some(200));
    assert_eq!(int(&client, "http.request.resend_count"), None);
}
