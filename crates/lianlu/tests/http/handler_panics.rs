//! A panic of an HTTP handler, before the head or in the body, is an error of the call.

use std::convert::Infallible;

use axum::Router;
use axum::routing::get;
use http_body_util::BodyExt;
use opentelemetry::trace::Status;
use tower::ServiceExt;

use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::traces::{self, Traces, assert_error, assert_fine, attr, http_status};
use crate::common::{Gate, soon};

#[tokio::test]
async fn a_panic_before_the_head_is_an_error() {
    for version in VERSIONS {
        let traces = Traces::default();
        let address =
            net::serve_root(traces.server(), async || -> () { panic!("on request") }).await;
        let client = net::connect(traces.client(), version);
        net::get(&client, address, "/").await.unwrap_err();
        let (client, server) = traces.pair().await;
        assert_error(&server, "panic");
        assert_eq!(attr(&server, "http.response.status_code"), None);
        assert!(matches!(client.status, Status::Error { .. }));
    }
}

#[tokio::test]
async fn a_panic_in_the_body_is_an_error() {
    for version in VERSIONS {
        for length in [None, Some(100)] {
            let traces = Traces::default();
            let received = Gate::default();
            let wait = received.clone();
            let address = net::serve_root(traces.server(), async move || {
                let steps = [Step::Data("hel"), Step::Wait(wait), Step::Panic];
                response(length, scripted(steps))
            })
            .await;
            let client = net::connect(traces.client(), version);
            let mut response = net::get(&client, address, "/").await.unwrap();
            soon(response.body_mut().frame()).await.unwrap().unwrap();
            received.open();
            net::read(response).await.unwrap_err();
            let (client, server) = traces.pair().await;
            assert_error(&server, "panic");
            assert_eq!(http_status(&server), Some(200));
            assert!(matches!(client.status, Status::Error { .. }));
        }
    }
}

/// An outer layer may catch the panic.
#[tokio::test]
async fn the_span_ends_before_the_panic_is_passed_on() {
    let traces = Traces::default();
    async fn handler(_: ::http::Request<()>) -> Result<::http::Response<String>, Infallible> {
        tokio::task::yield_now().await;
        panic!("on request")
    }
    let service = tower::service_fn(handler);
    let service = tower::Layer::layer(&traces.server(), service);
    let call = tokio::spawn(service.oneshot(::http::Request::new(())));
    assert!(call.await.unwrap_err().is_panic());
    assert_error(&traces::server(&traces.finished()), "panic");
}

#[tokio::test]
async fn other_calls_of_the_connection_are_not_affected() {
    let traces = Traces::default();
    let app = Router::new()
        .route("/panic", get(async || -> () { panic!("on request") }))
        .route("/fine", get(async || "fine"))
        .layer(traces.server());
    let address = net::serve(app).await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_2);
    for _ in 0..3 {
        net::get(&client, address, "/panic").await.unwrap_err();
        assert_eq!(net::fetch(&client, address, "/fine").await, "fine");
    }
    let spans = traces.all(12).await;
    let (panicked, fine): (Vec<_>, Vec<_>) = spans
        .iter()
        .filter(|span| span.span_kind == opentelemetry::trace::SpanKind::Server)
        .partition(|span| span.name == "GET /panic");
    assert_eq!((panicked.len(), fine.len()), (3, 3));
    for span in panicked {
        assert_error(span, "panic");
    }
    fine.into_iter().for_each(assert_fine);
}

/// A second panic while the first unwinds would abort the process.
#[tokio::test]
async fn a_hook_that_panics_after_a_panic_ends_its_task_only() {
    for hook in 0..4 {
        let traces = Traces::default();
        let layer = traces.server();
        let layer = match hook {
            0 => layer.on_end(|_, _| panic!("by the hook")),
            1 => layer.with_errors(|errors| errors.classifier(|_| panic!("by the hook"))),
            2 => layer.with_errors(|errors| errors.error_type(|_| panic!("by the hook"))),
            _ => layer
                .with_metrics(|metrics| {
                    metrics.provider(opentelemetry_sdk::metrics::SdkMeterProvider::default())
                })
                .with_metrics(|metrics| metrics.attributes(|_| panic!("by the hook"))),
        };
        let address = net::serve_root(layer, async || -> () { panic!("on request") }).await;
        let client = net::plain(VERSIONS[0]);
        let request = net::request(http::Method::GET, address, "/");
        soon(client.request(request)).await.unwrap_err();
        // The span is not lost.
        traces.all(1).await;
    }
}
