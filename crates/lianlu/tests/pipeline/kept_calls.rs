//! Unsampled calls are exported if they end in an error or are slow.
//!
//! With lianlu's provider only: no other can keep unsampled spans.

use std::time::Duration;

use ::http::{StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu::{Context, KeyValue, Sampler};
use lianlu_sdk::{KeepIf, SpanCounts};
use opentelemetry::trace::{FutureExt, Span as _, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::SpanData;

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::provider::Provider;
use crate::common::seen::{Seen, traceparent};
use crate::common::traces::{
    self, Traces, assert_child, assert_error, attr, http_status, keys, text,
};
use crate::common::{UNSAMPLED, soon};
use crate::from_env::Collector;

const KEPT: &str = "lianlu.kept";
const SLOW: Duration = Duration::from_millis(40);

fn keep() -> KeepIf {
    // No call takes that long.
    KeepIf::error() | KeepIf::slower_than(Duration::from_secs(3600))
}

fn counts(traces: &Traces) -> SpanCounts {
    let Provider::Ours(provider) = &traces.provider else {
        unreachable!("`Traces::keeping` uses ours")
    };
    let counts = provider.handle().counts();
    assert_eq!(
        counts.started,
        counts.open + counts.waiting + counts.exported + counts.dropped.total(),
        "{counts}"
    );
    counts
}

/// Asserts that no span was kept or counted.
#[track_caller]
fn assert_nothing(traces: &Traces) {
    assert!(traces.finished().is_empty());
    assert_eq!(counts(traces), SpanCounts::default());
}

/// Asserts that an unsampled span was kept, for this reason.
fn assert_kept(span: &SpanData, why: &str) {
    assert_eq!(text(span, KEPT), Some(why), "{span:#?}");
    assert!(!span.span_context.is_sampled(), "{span:#?}");
}

/// Ways not to be sampled: by the sampler, or by the parent.
fn unsampled() -> [(Traces, Option<&'static str>); 2] {
    let based = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    [
        (Traces::keeping(Sampler::AlwaysOff, keep()), None),
        (Traces::keeping(based, keep()), Some(UNSAMPLED)),
    ]
}

async fn shop(layer: lianlu::ServerLayer) -> std::net::SocketAddr {
    let app = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", get(async || -> String { panic!("on request") }))
        .route("/slow", get(async || tokio::time::sleep(SLOW).await))
        .layer(layer);
    net::serve(app).await
}

async fn ask(address: std::net::SocketAddr, path: &str, parent: Option<&str>) {
    let mut request = net::request(::http::Method::GET, address, path);
    if let Some(parent) = parent {
        let parent = parent.parse().unwrap();
        request.headers_mut().insert("traceparent", parent);
    }
    let call = net::plain(Version::HTTP_11).request(request);
    if let Ok(answer) = soon(call).await {
        net::read(answer).await.unwrap();
    }
}

#[tokio::test]
async fn http_errors_are_kept() {
    for (traces, parent) in unsampled() {
        let address = shop(traces.server()).await;
        for path in ["/orders/7", "/slow", "/nowhere"] {
            ask(address, path, parent).await;
        }
        assert_nothing(&traces);
        for (at, (path, class)) in [("/no", "500"), ("/panics", "panic")]
            .into_iter()
            .enumerate()
        {
            ask(address, path, parent).await;
            let span = traces.all(at + 1).await.pop().unwrap();
            assert_kept(&span, "error");
            assert_error(&span, class);
            assert_eq!(span.name, format!("GET {path}"));
            assert_eq!(text(&span, "http.route"), Some(path));
            match parent {
                None => traces::assert_root(&span),
                Some(parent) => {
                    let context = &span.span_context;
                    let ids = (context.trace_id(), span.parent_span_id);
                    assert_eq!(format!("00-{}-{}-00", ids.0, ids.1), parent);
                    assert!(span.parent_span_is_remote);
                }
            }
        }
        assert_eq!(counts(&traces).exported, 2);
    }
}

#[tokio::test]
async fn slow_calls_are_kept() {
    let late = KeepIf::slower_than(SLOW / 2);
    let traces = Traces::keeping(Sampler::AlwaysOff, late);
    let address = shop(traces.server()).await;
    // A busy machine may make other calls slow too, so only this one is looked for.
    ask(address, "/slow", None).await;
    let is_slow = |span: &SpanData| span.name == "GET /slow";
    let span = traces.finished().into_iter().find(is_slow).unwrap();
    assert_kept(&span, "slow");
    assert!(span.end_time.duration_since(span.start_time).unwrap() >= SLOW);
    assert_eq!(http_status(&span), Some(200));
    counts(&traces);

    // Neither errors nor slow calls are kept without the option.
    let never = KeepIf::slower_than(Duration::from_secs(3600));
    for (keep, path) in [(never, "/no"), (KeepIf::error(), "/slow")] {
        let traces = Traces::keeping(Sampler::AlwaysOff, keep);
        ask(shop(traces.server()).await, path, None).await;
        assert_nothing(&traces);
    }
    // A slow error is kept as an error.
    let traces = Traces::keeping(Sampler::AlwaysOff, KeepIf::error() | late);
    let layer = traces
        .server()
        .with_errors(|errors| errors.classifier(|_| true));
    ask(shop(layer).await, "/slow", None).await;
    assert_kept(&traces.all(1).await[0], "error");
}

#[tokio::test]
async fn grpc_errors_are_kept_on_both_sides() {
    let traces = Traces::keeping(Sampler::AlwaysOff, keep());
    let (mut client, _) = echo::pair(&traces).await;
    for text in ["hello", "child", "fail 5 no such thing"] {
        // NOT_FOUND is an error on the client only.
        let _ = client.unary(message(text, 0)).await;
    }
    let spans = traces.all(1).await;
    assert_kept(&traces::client(&spans), "error");

    client
        .unary(message("fail 13 broken", 0))
        .await
        .unwrap_err();
    let spans = traces.all(3).await.split_off(1);
    let (client_span, server_span) = (traces::client(&spans), traces::server(&spans));
    assert_child(&server_span, &client_span);
    assert!(server_span.parent_span_is_remote);
    for span in [&client_span, &server_span] {
        assert_kept(span, "error");
        assert_eq!(assert_error(span, "INTERNAL"), "broken");
    }

    // An unsampled call is counted at its end, when it is kept.
    let echo = Echo::new(&traces);
    let address = echo::serve(traces.server(), echo.clone()).await;
    let mut other = echo::connect(traces.client(), address).await;
    let call = tokio::spawn(async move { other.unary(message("wait fail 13 broken", 0)).await });
    soon(echo.entered.pass()).await;
    assert_eq!((counts(&traces).started, counts(&traces).open), (3, 0));
    echo.gate.open();
    soon(call).await.unwrap().unwrap_err();
    traces.all(5).await;
    assert_eq!(counts(&traces).exported, 5);
}

/// They have the same attributes as a sampled span, and are propagated as unsampled.
#[tokio::test]
async fn kept_spans_are_complete_and_propagated_as_unsampled() {
    let mut described = Vec::new();
    for sampler in [Sampler::AlwaysOn, Sampler::AlwaysOff] {
        let traces = Traces::keeping(sampler, keep());
        let seen = Seen::default();
        let next = seen.serve().await;
        let client = net::connect(traces.client(), Version::HTTP_11);
        let users = traces.clone();
        let handler = async move || {
            let context = Context::current();
            let span = context.span();
            assert!(span.is_recording());
            span.set_attribute(KeyValue::new("a user's", 1));
            span.add_event("seen", Vec::new());
            users.child("fine");
            let mut failed = users.tracer().start("failed");
            failed.set_status(Status::error("no"));
            failed.end();
            let answer = net::get(&client, next, "/").await.unwrap();
            net::read(answer).await.unwrap();
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let address = net::serve_root(traces.server(), handler).await;
        ask(address, "/", None).await;
        let is_sampled = counts(&traces).started == 4;
        let spans = traces.all(if is_sampled { 4 } else { 2 }).await;
        let server = traces::server(&spans);
        let failed = traces::named(&spans, "failed");
        assert_child(&failed, &server);
        let header = seen.header("traceparent").unwrap();
        let [trace, _, flags] = traceparent(&header);
        assert_eq!(trace, server.span_context.trace_id().to_string());
        let keys = |span: &SpanData| -> Vec<_> {
            let keys = keys(span).into_iter().filter(|key| *key != KEPT);
            keys.map(str::to_owned).collect()
        };
        described.push((keys(&server), server.events.len(), keys(&failed)));
        if is_sampled {
            assert!(["01", "03"].contains(&flags.as_str()), "{flags}");
            for span in &spans {
                // Sampled spans are not marked as kept.
                assert_eq!(attr(span, KEPT), None);
            }
        } else {
            assert_eq!(flags, "02");
            assert_kept(&server, "error");
            assert_kept(&failed, "error");
        }
    }
    assert_eq!(described[0], described[1]);
}

/// Sampled spans are counted from their start, kept ones at their end.
#[tokio::test]
async fn sampled_and_kept_spans_are_counted_together() {
    let based = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let traces = Traces::keeping(based, keep());
    let address = shop(traces.server()).await;
    let open = traces.root("open");
    assert!(open.span().span_context().is_sampled());
    for kept in 1..=3 {
        ask(address, "/no", Some(UNSAMPLED)).await;
        ask(address, "/orders/7", Some(UNSAMPLED)).await;
        let counts = counts(&traces);
        assert_eq!((counts.started, counts.open), (1 + kept, 1), "{counts}");
    }
    open.span().end();
    traces.all(4).await;
    assert_eq!((counts(&traces).started, counts(&traces).exported), (4, 4));
}

/// Below an unsampled span of another provider.
#[tokio::test]
async fn client_errors_are_kept_below_an_unsampled_parent() {
    let traces = Traces::keeping(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)), keep());
    let root = Traces::with_sampler(Sampler::AlwaysOff).root("root");
    let client = net::connect(traces.client(), Version::HTTP_11);
    let address = crate::common::closed_port().await;
    let call = net::get(&client, address, "/").with_context(root.clone());
    call.await.unwrap_err();
    let span = traces.all(1).await.remove(0);
    assert_kept(&span, "error");
    let context = root.span().span_context().clone();
    assert_eq!(span.parent_span_id, context.span_id());
    assert_eq!(span.span_context.trace_id(), context.trace_id());
}

#[test]
fn a_pipeline_exports_kept_calls() {
    let collector = Collector::start();
    let guard = lianlu::zipkin::pipeline()
        .with_collector_endpoint(format!("{}/api/v2/spans", collector.url))
        .with_sampler(Sampler::AlwaysOff)
        .with_keep_if(keep())
        .build()
        .unwrap();
    let provider = Provider::Ours(guard.tracer_provider().clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let address = shop(provider.server()).await;
        ask(address, "/orders/7", None).await;
        ask(address, "/no", None).await;
    });
    guard.flush().unwrap();
    let request = collector.request();
    assert!(request.has("get /no") || request.has("GET /no"));
    assert!(request.has(r#""lianlu.kept":"error""#));
    assert!(!request.has("/orders/"));
    assert_eq!((guard.counts().started, guard.counts().exported), (1, 1));
    assert!(collector.is_idle());
}
