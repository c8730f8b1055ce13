//! Spans of `tracing-opentelemetry` and of the layers are parents of each other.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use opentelemetry::trace::{SpanKind, TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SpanData;
use tracing::instrument::{Instrument, WithSubscriber};
use tracing::{info, info_span, instrument};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::common::echo::{self, message};
use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::logs::{Lines, assert_in};
use crate::common::provider::Provider;
use crate::common::traces::{self, Traces, assert_child, assert_root, attr, named, of_kind};
use crate::common::{Gate, soon};

/// As a service sets it up: both kinds of spans go to one provider, and log lines have ids.
fn set_up(traces: &Traces) -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let format = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(lines.clone())
        .map_event_format(lianlu::logs::json);
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(spans_into(traces))
        .with(format);
    (lines, tracing::subscriber::set_default(subscriber))
}

/// With the provider's own tracer type, as in a service.
fn spans_into<S>(traces: &Traces) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let layer = tracing_opentelemetry::layer();
    match &traces.provider {
        Provider::Ours(ours) => Box::new(layer.with_tracer(ours.tracer("test"))),
        Provider::Sdk(sdk) => Box::new(layer.with_tracer(sdk.tracer("test"))),
    }
}

/// Server span → `tracing` span → client span → the next server's span.
#[tokio::test]
async fn tracing_spans_and_http_spans_are_parents_of_each_other() {
    for version in VERSIONS {
        let traces = Traces::default();
        let (lines, _guard) = set_up(&traces);
        let next = Router::new()
            .route("/next", get(async || info!("at the end")))
            .layer(traces.server());
        let next = net::serve(next).await;
        let client = net::connect(traces.client(), version);
        let inner = client.clone();
        let address = net::serve_root(traces.server(), async move || {
            info!("in the handler");
            let work = info_span!("work");
            async {
                info!("before the call");
                net::fetch(&inner, next, "/next").await;
                info!("after the call");
            }
            .instrument(work)
            .await;
            info!("at last");
        })
        .await;
        net::fetch(&client, address, "/")
            .instrument(info_span!("caller"))
            .await;

        let spans = traces.all(6).await;
        let (caller, work) = (named(&spans, "caller"), named(&spans, "work"));
        let [first, second] = &of_kind(&spans, &SpanKind::Server)[..] else {
            panic!("not two server spans: {spans:#?}");
        };
        let client_under = |parent: &SpanData| {
            let id = parent.span_context.span_id();
            let clients = of_kind(&spans, &SpanKind::Client).into_iter();
            let mut clients = clients.filter(|span| span.parent_span_id == id);
            clients.next().unwrap()
        };
        assert_root(&caller);
        let calling = client_under(&caller);
        assert_child(first, &calling);
        assert_child(&work, first);
        let calling = client_under(&work);
        assert_child(second, &calling);
        assert!(second.parent_span_is_remote);
        for (message, span) in [
            ("in the handler", first),
            ("before the call", &work),
            ("at the end", second),
            ("after the call", &work),
            ("at last", first),
        ] {
            assert_in(&lines.named(message), span);
        }
    }
}

#[tokio::test]
async fn tracing_spans_and_grpc_spans_are_parents_of_each_other() {
    let traces = Traces::default();
    let (lines, _guard) = set_up(&traces);
    let (mut client, _) = echo::pair(&traces).await;
    async { echo::drain(client.server_stream(message("log", 2)).await.unwrap()).await }
        .instrument(info_span!("caller"))
        .await;
    let spans = traces.all(3).await;
    let caller = named(&spans, "caller");
    let server = traces::server(&spans);
    let client = traces::client(&spans);
    assert_root(&caller);
    assert_child(&client, &caller);
    assert_child(&server, &client);
    assert_in(&lines.named("before await"), &server);
    assert_in(&lines.named("after await"), &server);
}

#[instrument]
async fn step(number: u32) {
    info!("step {number}");
    tokio::task::yield_now().await;
    inner(number).await;
    info!("stepped {number}");
}

#[instrument]
async fn inner(number: u32) {
    tokio::task::yield_now().await;
    info!("inner {number}");
}

/// `#[instrument]` across awaits, in interleaved futures, and in tasks on this and another thread.
#[tokio::test]
async fn tracing_spans_keep_their_parents_across_awaits_and_tasks() {
    let traces = Traces::default();
    let (lines, _guard) = set_up(&traces);
    let address = net::serve_root(traces.server(), async || {
        tokio::join!(step(1), step(2));
        let task = info_span!("task");
        tokio::spawn(step(3).instrument(task)).await.unwrap();
        let elsewhere = step(4).instrument(info_span!("elsewhere"));
        let elsewhere = elsewhere.with_current_subscriber();
        let handle = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || handle.block_on(elsewhere))
            .await
            .unwrap();
        info!("in the handler");
    })
    .await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_2);
    net::fetch(&client, address, "/").await;

    let spans = traces.all(2 + 8 + 2).await;
    let server = traces::server(&spans);
    assert_in(&lines.named("in the handler"), &server);
    let parents = [
        server.clone(),
        server.clone(),
        named(&spans, "task"),
        named(&spans, "elsewhere"),
    ];
    assert_child(&parents[2], &server);
    assert_child(&parents[3], &server);
    for (number, parent) in (1..).zip(&parents) {
        let span = |name: &str| {
            let is_it = |span: &&SpanData| {
                let value = attr(span, "number").map(ToString::to_string);
                span.name == name && value == Some(number.to_string())
            };
            spans.iter().find(is_it).unwrap()
        };
        assert_child(span("step"), parent);
        assert_child(span("inner"), span("step"));
        assert_in(&lines.named(&format!("step {number}")), span("step"));
        assert_in(&lines.named(&format!("stepped {number}")), span("step"));
        assert_in(&lines.named(&format!("inner {number}")), span("inner"));
    }
}

#[instrument(skip_all)]
async fn handler(wait: Gate) -> ::http::Response<Body> {
    let kept = info_span!("kept");
    let body = scripted([
        Step::Run(Box::new(|| info!("before the wait"))),
        Step::Data("hel"),
        Step::Wait(wait),
        Step::Run(Box::new(|| info!("after the wait"))),
        Step::Run(Box::new(move || {
            kept.in_scope(|| info!("in a span of the handler's"));
        })),
        Step::Run(Box::new(|| {
            info_span!("fresh").in_scope(|| info!("in a fresh span"));
        })),
        Step::Data("lo"),
    ]);
    response(None, body)
}

/// A body is polled after its handler has returned and its spans have been closed.
#[tokio::test]
async fn spans_in_response_streams_have_the_server_span_or_a_kept_one_as_parent() {
    for version in VERSIONS {
        let traces = Traces::default();
        let (lines, _guard) = set_up(&traces);
        let gate = Gate::default();
        let wait = gate.clone();
        let address =
            net::serve_root(traces.server(), async move || handler(wait.clone()).await).await;
        let client = net::connect(traces.client(), version);
        let response = soon(net::get(&client, address, "/")).await.unwrap();
        gate.open();
        assert_eq!(net::read(response).await.unwrap(), "hello");
        let spans = traces.all(5).await;
        let server = traces::server(&spans);
        let handler = named(&spans, "handler");
        let (kept, fresh) = (named(&spans, "kept"), named(&spans, "fresh"));
        assert_child(&handler, &server);
        assert_child(&kept, &handler);
        assert_child(&fresh, &server);
        assert_in(&lines.named("before the wait"), &server);
        assert_in(&lines.named("after the wait"), &server);
        assert_in(&lines.named("in a span of the handler's"), &kept);
        assert_in(&lines.named("in a fresh span"), &fresh);
    }
}

#[tokio::test]
async fn carry_trace_does_not_change_parents() {
    let traces = Traces::default();
    let subscribers = [
        tracing::Dispatch::new(
            tracing_subscriber::registry()
                .with(LevelFilter::INFO)
                .with(lianlu::logs::CarryTrace)
                .with(spans_into(&traces)),
        ),
        tracing::Dispatch::new(
            tracing_subscriber::registry()
                .with(LevelFilter::INFO)
                .with(spans_into(&traces))
                .with(lianlu::logs::CarryTrace),
        ),
    ];
    for (number, subscriber) in (1..).zip(subscribers) {
        let _guard = tracing::dispatcher::set_default(&subscriber);
        let root = traces.root("root");
        let outer = {
            let _current = root.clone().attach();
            info_span!("outer")
        };
        tokio::spawn(step(number).instrument(outer)).await.unwrap();
        root.span().end();
        assert!(!opentelemetry::Context::current().has_active_span());
        let all = traces.all(4 * number as usize).await;
        let spans = &all[all.len() - 4..];
        assert_child(&named(spans, "outer"), &named(spans, "root"));
        assert_child(&named(spans, "step"), &named(spans, "outer"));
        assert_child(&named(spans, "inner"), &named(spans, "step"));
    }
}
