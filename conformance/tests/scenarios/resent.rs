//! Scenarios of HTTP requests that are sent again.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use lianlu::layer::ResendCount;
use lianlu_conformance::{Expected, Fact};
use tower::retry::{Policy, RetryLayer};
use tower::{ServiceBuilder, ServiceExt};

use crate::Scenario;
use crate::common::http as net;
use crate::common::soon;
use crate::http_calls::{answered, client};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("http client: a retry", async |harness| {
            let address = flaky().await;
            let client = ServiceBuilder::new()
                .layer(lianlu::attempts())
                .layer(RetryLayer::new(RetryFailures))
                .layer(harness.client())
                .service(net::plain(Version::HTTP_11));
            let request = net::request(Method::GET, address, "/");
            let response = soon(client.oneshot(request)).await.unwrap();
            soon(response.into_body().collect()).await.unwrap();
            vec![
                attempt(address, 0, 503),
                attempt(address, 1, 503),
                attempt(address, 2, 200),
            ]
        }),
        Scenario::new("http client: a count by hand", async |harness| {
            let address = flaky().await;
            let client = net::connect(harness.client(), Version::HTTP_11);
            let mut request = net::request(Method::GET, address, "/");
            request.extensions_mut().insert(ResendCount(4));
            let response = soon(client.oneshot(request)).await.unwrap();
            soon(response.into_body().collect()).await.unwrap();
            vec![attempt(address, 4, 503)]
        }),
    ]
}

fn attempt(address: SocketAddr, before: i64, status: u16) -> Expected {
    let call = answered(
        client(address, "GET", "/"),
        address,
        status,
        Version::HTTP_11,
    );
    match before {
        0 => call,
        _ => call
            .fact(Fact::Resent)
            .value("http.request.resend_count", before),
    }
}

/// Answers 503 twice, then 200.
async fn flaky() -> SocketAddr {
    let calls = Arc::<AtomicUsize>::default();
    let app = Router::new().fallback(any(async move || {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }
    }));
    net::serve(app).await
}

#[derive(Debug, Clone)]
struct RetryFailures;

impl<B, E> Policy<Request<Body>, Response<B>, E> for RetryFailures {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Self::Future> {
        let failed = matches!(result, Ok(response) if !response.status().is_success());
        failed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let again = Request::builder().uri(request.uri());
        Some(again.body(Body::empty()).unwrap())
    }
}
