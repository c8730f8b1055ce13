//! A handler can end the layer's span: it is exported once, and later changes are ignored.
//!
//! With lianlu's provider it is exported at the end of its call; with others at once.

use std::convert::Infallible;
use std::time::{Duration, UNIX_EPOCH};

use ::http::{Request, Response, StatusCode};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::{KeyValue, ServerLayer};
use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::provider::{Provider, ProviderKind};
use crate::common::traces::{Traces, attr, keys, text};

fn both() -> impl Iterator<Item = Traces> {
    let of = |kind| Traces::of(kind, Sampler::AlwaysOn);
    ProviderKind::BOTH.into_iter().map(of)
}

/// Makes every possible change to the current span.
fn change(word: &'static str) {
    let context = Context::current();
    let span = context.span();
    span.set_attribute(KeyValue::new("last", word));
    span.set_attribute(KeyValue::new(word, true));
    span.add_event(word, Vec::new());
    span.add_link(span.span_context().clone(), Vec::new());
    span.update_name(word);
    span.set_status(Status::error(word));
}

fn at(seconds: u64) -> std::time::SystemTime {
    // After any start, and within OTLP's range.
    UNIX_EPOCH + Duration::from_secs(10_000_000_000 + seconds)
}

/// The span of a call whose handler runs `handler` and answers 500.
async fn call(traces: &Traces, layer: ServerLayer, handler: fn()) -> SpanData {
    let service = service_fn(move |_: Request<()>| async move {
        handler();
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Infallible>(response)
    });
    let request = Request::get("/orders/7").body(()).unwrap();
    let response = layer.layer(service).oneshot(request).await.unwrap();
    net::read(response).await.unwrap();
    traces.all(1).await.remove(0)
}

#[tokio::test]
async fn changes_after_the_end_are_ignored() {
    for traces in both() {
        let span = call(&traces, traces.server(), || {
            change("before");
            let context = Context::current();
            context.span().end_with_timestamp(at(0));
            assert!(!context.span().is_recording());
            change("after");
            // The first end counts.
            context.span().end_with_timestamp(at(5));
        })
        .await;
        assert_eq!(span.name, "before");
        assert_eq!(span.end_time, at(0));
        assert_eq!(span.status, Status::error("before"));
        assert_eq!(text(&span, "last"), Some("before"));
        assert_eq!(attr(&span, "after"), None);
        assert_eq!((span.events.len(), span.links.len()), (1, 1));
        // The layer's attributes of the end are left out too.
        assert_eq!(attr(&span, "http.response.status_code"), None);
        assert_eq!(attr(&span, "error.type"), None);
        assert_eq!(text(&span, "url.path"), Some("/orders/7"));
    }
}

#[tokio::test]
async fn both_providers_export_the_same_span() {
    let mut seen = Vec::new();
    for traces in both() {
        let span = call(&traces, traces.server(), || {
            Context::current().span().end();
        })
        .await;
        assert_eq!(span.status, Status::Unset);
        assert!(span.start_time <= span.end_time);
        let keys: Vec<_> = keys(&span).into_iter().map(str::to_owned).collect();
        seen.push((span.name.to_string(), keys));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, "GET");
}

#[tokio::test]
async fn end_hooks_are_called_but_change_nothing() {
    for traces in both() {
        let layer = traces
            .server()
            .on_response(|_, span| span.set_attribute(KeyValue::new("late", 1)))
            .on_end(|outcome, span| {
                assert!(outcome.is_error() && !span.is_recording());
                span.set_attribute(KeyValue::new("late", 2));
            });
        let span = call(&traces, layer, || Context::current().span().end()).await;
        assert_eq!(attr(&span, "late"), None);
        assert_eq!(attr(&span, "http.response.status_code"), None);
    }
}

#[tokio::test]
async fn on_end_can_end_the_span() {
    for traces in both() {
        let layer = traces.server().on_end(|_, span| {
            span.end_with_timestamp(at(0));
            span.set_attribute(KeyValue::new("late", true));
        });
        let span = call(&traces, layer, || ()).await;
        assert_eq!(span.end_time, at(0));
        assert_eq!(attr(&span, "late"), None);
        // The layer's attributes were set before the hook.
        assert!(attr(&span, "http.response.status_code").is_some());
    }
}

#[tokio::test]
async fn a_late_route_does_not_rename_an_ended_span() {
    for traces in both() {
        let app = Router::new()
            .route(
                "/orders/{id}",
                get(async || Context::current().span().end()),
            )
            .route_layer(lianlu::route_layer());
        let app = traces.server().layer(app);
        let request = Request::get("/orders/7").body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        net::read(response).await.unwrap();
        let span = traces.all(1).await.remove(0);
        assert_eq!(span.name, "GET");
        assert_eq!(attr(&span, "http.route"), None);
    }
}

#[tokio::test]
async fn an_ended_span_is_still_the_parent_in_its_handler() {
    for traces in both() {
        let layer = traces.server().on_request(|_, span| span.end());
        let address = echo::serve(layer, Echo::new(&traces)).await;
        let channel = echo::channel(address).connect().await.unwrap();
        let mut client = lianlu_protos::testing::echo_client::EchoClient::new(channel);
        client.unary(message("child", 0)).await.unwrap();
        let spans = traces.all(3).await;
        let server = crate::common::traces::server(&spans);
        assert_eq!(attr(&server, "rpc.response.status_code"), None);
        for name in ["before await", "after await"] {
            let child = crate::common::traces::named(&spans, name);
            crate::common::traces::assert_child(&child, &server);
        }
    }
}

#[tokio::test]
async fn lianlus_provider_counts_it_as_open_until_the_call_ends() {
    let traces = Traces::of(ProviderKind::Ours, Sampler::AlwaysOn);
    let Provider::Ours(provider) = &traces.provider else {
        unreachable!("made of this kind")
    };
    let handle = provider.handle();
    let seen = handle.clone();
    let service = service_fn(move |_: Request<()>| {
        Context::current().span().end();
        let counts = seen.counts();
        assert_eq!((counts.started, counts.open), (1, 1));
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    });
    let request = Request::get("/").body(()).unwrap();
    let call = traces.server().layer(service).oneshot(request);
    net::read(call.await.unwrap()).await.unwrap();
    assert_eq!(traces.all(1).await.len(), 1);
    let counts = handle.counts();
    assert_eq!((counts.started, counts.open, counts.exported), (1, 0, 1));
}
