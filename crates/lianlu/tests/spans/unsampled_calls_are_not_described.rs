//! A caller who does not sample has his trace passed on, and nothing else: no span is described, counted or exported.
//! Metrics are recorded all the same.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ::http::{Request, Response, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu::{KeyValue, ServerLayer};
use lianlu_sdk::SpanCounts;
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, SpanContext, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::measured::Measured;
use crate::common::provider::Provider;
use crate::common::seen::{Seen, traceparent};
use crate::common::traces::Traces;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn traces() -> Traces {
    Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
}

/// Nothing was started, ended or exported.
#[track_caller]
fn assert_nothing(traces: &Traces) {
    assert!(traces.finished().is_empty());
    assert_eq!((traces.started(), traces.open()), (0, 0));
    if let Provider::Ours(provider) = &traces.provider {
        assert_eq!(provider.handle().counts(), SpanCounts::default());
    }
}

/// Calls a handler in this process, and gives the span that was current in it.
async fn inside(layer: ServerLayer, parent: &str) -> SpanContext {
    let seen = Arc::new(Mutex::new(SpanContext::NONE));
    let noted = Arc::clone(&seen);
    let service = service_fn(move |_: Request<()>| {
        let context = Context::current();
        let span = context.span();
        assert!(!span.is_recording());
        // Nobody takes these.
        span.set_attribute(KeyValue::new("a", 1));
        span.set_status(Status::error("no"));
        *noted.lock().unwrap() = span.span_context().clone();
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    });
    let request = Request::get("/").header("traceparent", parent);
    let call = layer.layer(service).oneshot(request.body(()).unwrap());
    net::read(call.await.unwrap()).await.unwrap();
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn the_trace_goes_on_and_is_not_sampled() {
    for layer in [
        |layer: ServerLayer| layer,
        // Each of these makes the layer keep an eye on the call.
        |layer: ServerLayer| layer.with_response_ids(|ids| ids.traceresponse()),
        |layer: ServerLayer| {
            layer.with_errors(|errors| errors.exceptions(lianlu::layer::Exceptions::Both))
        },
        |layer: ServerLayer| {
            layer.with_metrics(|metrics| metrics.provider(Measured::default().provider))
        },
        |layer: ServerLayer| layer.with_propagator(lianlu::propagation::TraceContext::new()),
    ] {
        let traces = traces();
        let current = inside(layer(traces.server()), UNSAMPLED).await;
        assert_eq!(current.trace_id().to_string(), TRACE_ID);
        assert_ne!(current.span_id().to_string(), PARENT_ID);
        assert!(current.is_valid() && !current.is_sampled());
        assert_nothing(&traces);
    }
    // A span of the same layer is recorded where the caller samples.
    let traces = traces();
    let sampled = UNSAMPLED.replace("b7-00", "b7-01");
    let service = service_fn(async |_: Request<()>| {
        assert!(Context::current().span().is_recording());
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let request = Request::get("/").header("traceparent", sampled);
    let call = traces.server().layer(service);
    drop(call.oneshot(request.body(()).unwrap()).await.unwrap());
    traces.all(1).await;
}

/// Children, those of users and those of clients, belong to the trace and are not sampled.
#[tokio::test]
async fn nor_is_what_is_made_inside() {
    let traces = traces();
    let seen = Seen::default();
    let next = seen.serve().await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let users = traces.clone();
    let app = Router::new()
        .route(
            "/",
            get(async move || {
                let child = users.tracer().start("a user's");
                let child = Context::current_with_span(child);
                assert!(!child.span().is_recording());
                let context = child.span().span_context().clone();
                let call = net::get(&client, next, "/");
                net::read(call.with_context(child).await.unwrap())
                    .await
                    .unwrap();
                format!("{} {}", context.trace_id(), context.span_id())
            }),
        )
        .layer(traces.server());
    let address = net::serve(app).await;
    let mut request = net::request(::http::Method::GET, address, "/");
    let headers = request.headers_mut();
    headers.insert("traceparent", UNSAMPLED.parse().unwrap());
    headers.insert("tracestate", "a=1,b=2".parse().unwrap());
    headers.insert("baggage", "tenant=acme".parse().unwrap());
    let plain = net::plain(Version::HTTP_11);
    let answer = plain.request(request).await.unwrap();
    let answer = net::read(answer).await.unwrap();
    let sent = seen.take();
    let [trace, parent, flags] = traceparent(sent["traceparent"].to_str().unwrap());
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    let (user_trace, user_span) = answer.split_once(' ').unwrap();
    assert_eq!(user_trace, TRACE_ID);
    assert_ne!(parent, user_span, "the client's call has an id of its own");
    assert_eq!(sent["tracestate"], "a=1,b=2");
    assert_eq!(sent["baggage"], "tenant=acme");
    assert_nothing(&traces);
}

/// The code that describes calls does not run, because nothing would use the description.
#[tokio::test]
async fn no_hook_of_the_span_is_called() {
    let traces = traces();
    let calls = Arc::<AtomicUsize>::default();
    let count = || {
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (request, response) = (count(), count());
    let layer = traces
        .server()
        .on_request(move |_, _| request())
        .on_response(move |_, _| response());
    inside(layer.clone(), UNSAMPLED).await;
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // They are there.
    let service =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let request = Request::get("/").body(()).unwrap();
    drop(layer.layer(service).oneshot(request).await.unwrap());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// What describes the call for the sampler is not asked where the sampler asks for nothing. Over others the layers
/// can't know, and have to describe.
#[tokio::test]
async fn nor_one_that_describes_it() {
    let traces = traces();
    let calls = Arc::<AtomicUsize>::default();
    let (names, attributes) = (Arc::clone(&calls), Arc::clone(&calls));
    let layer = traces
        .server()
        .with_metrics(|metrics| metrics.off())
        .with_span_name(move |_| {
            names.fetch_add(1, Ordering::SeqCst);
            None
        })
        .with_attributes(move |_| {
            attributes.fetch_add(1, Ordering::SeqCst);
            Vec::new()
        });
    inside(layer, UNSAMPLED).await;
    let expected = match traces.provider {
        Provider::Ours(_) => 0,
        Provider::Sdk(_) => 2,
    };
    assert_eq!(calls.load(Ordering::SeqCst), expected);
}

#[tokio::test]
async fn metrics_are_recorded() {
    let traces = traces();
    let measured = Measured::default();
    let server = traces
        .server()
        .with_metrics(|metrics| metrics.provider(measured.provider.clone()));
    let address = echo::serve(server, Echo::new(&traces)).await;
    let client = traces
        .client()
        .with_metrics(|metrics| metrics.provider(measured.provider.clone()));
    let mut client = echo::connect(client, address).await;
    // Nobody samples what has a parent that doesn't.
    let parent = Traces::with_sampler(Sampler::AlwaysOff).root("root");
    for text in ["hello", "fail 13 broken"] {
        let call = client.unary(message(text, 0)).with_context(parent.clone());
        let _ = call.await;
    }
    for name in ["rpc.server.call.duration", "rpc.client.call.duration"] {
        let series = measured.of(name, 2).await;
        let mut codes: Vec<_> = series
            .iter()
            .map(|series| series.labels["rpc.response.status_code"].clone())
            .collect();
        codes.sort();
        assert_eq!(codes, ["INTERNAL", "OK"], "{name}");
    }
    assert_nothing(&traces);

    let app = Router::new()
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(
            traces
                .server()
                .with_metrics(|metrics| metrics.provider(measured.provider.clone())),
        );
    let address = net::serve(app).await;
    let mut request = net::request(::http::Method::GET, address, "/no");
    let parent = UNSAMPLED.parse().unwrap();
    request.headers_mut().insert("traceparent", parent);
    let answer = net::plain(Version::HTTP_2).request(request).await.unwrap();
    net::read(answer).await.unwrap();
    let series = measured.of("http.server.request.duration", 1).await;
    assert_eq!(series[0].labels["http.response.status_code"], "500");
    assert_eq!(series[0].labels["http.route"], "/no");
    assert_nothing(&traces);
}
