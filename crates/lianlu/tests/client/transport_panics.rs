//! A panic of a client's transport or of its response body is an error of the call.

use std::convert::Infallible;

use ::http::{Request, Response};
use axum::body::Body;
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt};

use crate::common::http::{Step, scripted};
use crate::common::traces::{self, Traces, assert_error, http_status, int, rpc_status};

fn request(content_type: &str) -> Request<Body> {
    Request::post("http://shop.example/a.B/C")
        .header("content-type", content_type)
        .body(Body::empty())
        .unwrap()
}

async fn transport(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    tokio::task::yield_now().await;
    assert!(request.uri().query().is_none(), "on request");
    Ok(Response::new(scripted([
        Step::Data("\0\0\0\0\x02hi"),
        Step::Panic,
    ])))
}

#[tokio::test]
async fn a_panic_before_the_head_is_an_error() {
    for content_type in ["application/grpc", "text/plain"] {
        let traces = Traces::default();
        let service = traces.client().layer(tower::service_fn(transport));
        let mut request = request(content_type);
        *request.uri_mut() = "http://shop.example/a.B/C?panic".parse().unwrap();
        let call = tokio::spawn(service.oneshot(request));
        assert!(call.await.unwrap_err().is_panic(), "the panic is passed on");
        assert_error(&traces::client(&traces.all(1).await), "panic");
    }
}

#[tokio::test]
async fn a_panic_in_the_body_is_an_error() {
    for content_type in ["application/grpc", "text/plain"] {
        let traces = Traces::default();
        let service = traces.client().layer(tower::service_fn(transport));
        let response = service.oneshot(request(content_type)).await.unwrap();
        let mut body = response.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(traces.finished().len(), 0);
        assert!(tokio::spawn(body.collect()).await.unwrap_err().is_panic());
        let span = traces::client(&traces.all(1).await);
        assert_error(&span, "panic");
        if content_type == "application/grpc" {
            assert_eq!(rpc_status(&span), Some("UNKNOWN"));
            assert_eq!(int(&span, "lianlu.rpc.response.messages"), Some(1));
        } else {
            assert_eq!(http_status(&span), Some(200));
        }
    }
}
