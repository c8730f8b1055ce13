//! A server that fails twice, and policies that try again.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Request, Response, StatusCode};
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use opentelemetry_sdk::trace::SpanData;
use tower::retry::Policy;

use crate::common::http as net;
use crate::common::traces::{Traces, int};

/// Answers 503 twice, then 200. Starts anew when the counter is set to 0.
pub async fn serve(traces: &Traces) -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    let answer = any(async move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, "not yet"),
        _ => (StatusCode::OK, "hello"),
    });
    let app = Router::new()
        .route("/", answer.clone())
        .route("/orders/{id}", answer)
        .layer(traces.server());
    (net::serve(app).await, calls)
}

/// `http.request.resend_count` of each span.
pub fn resend_counts(spans: &[SpanData]) -> Vec<Option<i64>> {
    let count = |span| int(span, "http.request.resend_count");
    spans.iter().map(count).collect()
}

/// Retries after a server error, at most so many times.
#[derive(Debug, Clone)]
pub struct Retry {
    pub max: usize,
    /// Whether the new request has the headers of the first one, or its target only.
    pub keeps_headers: bool,
}

impl Retry {
    pub fn up_to(max: usize) -> Self {
        Self {
            max,
            keeps_headers: false,
        }
    }

    fn decide(&mut self, status: Option<StatusCode>) -> Option<Ready<()>> {
        self.max = self.max.checked_sub(1)?;
        let failed = status.is_none_or(|status| status.is_server_error());
        failed.then(|| ready(()))
    }
}

impl<B, E> Policy<Request<Body>, Response<B>, E> for Retry {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Ready<()>> {
        self.decide(result.as_ref().ok().map(Response::status))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let mut copy = Request::new(Body::empty());
        *copy.uri_mut() = request.uri().clone();
        if self.keeps_headers {
            *copy.headers_mut() = request.headers().clone();
        }
        Some(copy)
    }
}

impl<E> Policy<reqwest::Request, reqwest::Response, E> for Retry {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut reqwest::Request,
        result: &mut Result<reqwest::Response, E>,
    ) -> Option<Ready<()>> {
        self.decide(result.as_ref().ok().map(reqwest::Response::status))
    }

    fn clone_request(&mut self, request: &reqwest::Request) -> Option<reqwest::Request> {
        request.try_clone()
    }
}
