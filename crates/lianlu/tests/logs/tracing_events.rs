//! Log lines have the ids of the call that writes them, without `tracing-opentelemetry`.

use axum::Router;
use opentelemetry::trace::{FutureExt, TraceContextExt};
use opentelemetry_sdk::trace::Sampler;
use tower::{ServiceBuilder, ServiceExt};
use tracing::instrument::{Instrument, WithSubscriber};
use tracing::{Subscriber, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use crate::common::echo::{self, message};
use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::logs::{Lines, assert_in, assert_outside};
use crate::common::traces::{self, Traces};

/// JSON lines of this thread.
fn json() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(json_to(&lines));
    (lines, guard)
}

fn json_to(lines: &Lines) -> impl Subscriber + Send + Sync + 'static {
    tracing_subscriber::fmt()
        .json()
        .with_writer(lines.clone())
        .map_event_format(lianlu::logs::json)
        .finish()
}

#[tokio::test]
async fn a_grpc_handler_and_its_stream_log_the_servers_ids() {
    let (lines, _guard) = json();
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("log", 0)).await.unwrap();
    let (_, server) = traces.pair().await;
    assert_in(&lines.named("before await"), &server);
    assert_in(&lines.named("after await"), &server);

    let (lines, _guard) = json();
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    echo::drain(client.server_stream(message("log", 1)).await.unwrap()).await;
    let (_, server) = traces.pair().await;
    assert_in(&lines.named("before await"), &server);
    assert_in(&lines.named("after await"), &server);
}

#[tokio::test]
async fn an_http_handler_and_its_body_log_the_servers_ids() {
    for version in VERSIONS {
        let (lines, _guard) = json();
        let traces = Traces::default();
        let address = net::serve_root(traces.server(), async || {
            info!("before await");
            tokio::task::yield_now().await;
            // A span of `tracing` changes nothing.
            let _entered = info_span!("work").entered();
            info!("after await");
            let body = scripted([
                Step::Data("hel"),
                Step::Run(Box::new(|| info!("in the body"))),
                Step::Data("lo"),
            ]);
            response(None, body)
        })
        .await;
        let client = net::connect(traces.client(), version);
        net::fetch(&client, address, "/").await;
        let (_, server) = traces.pair().await;
        for message in ["before await", "after await", "in the body"] {
            assert_in(&lines.named(message), &server);
        }
        info!("outside");
        assert_outside(&lines.named("outside"));
    }
}

#[tokio::test]
async fn a_client_call_logs_the_clients_ids() {
    let (lines, _guard) = json();
    let traces = Traces::default();
    let address = net::serve(Router::new()).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .map_request(|request| {
            info!("calling");
            request
        })
        .service(net::plain(::http::Version::HTTP_11));
    let root = traces.root("root");
    async {
        info!("around it");
        let request = net::request(::http::Method::GET, address, "/");
        net::read(client.oneshot(request).await.unwrap())
            .await
            .unwrap();
    }
    .with_context(root.clone())
    .await;
    root.span().end();
    let spans = traces.all(2).await;
    assert_in(&lines.named("calling"), &traces::client(&spans));
    assert_in(&lines.named("around it"), &traces::named(&spans, "root"));
}

#[tokio::test]
async fn an_unsampled_call_logs_its_ids_and_flags() {
    let (lines, _guard) = json();
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("log", 0)).await.unwrap();
    let line = lines.named("after await");
    let flags = line["trace_flags"].as_str().unwrap();
    assert!(["00", "02"].contains(&flags), "{line}");
    assert_eq!(line["trace_id"], lines.named("before await")["trace_id"]);
}

#[tokio::test]
async fn a_users_field_of_the_same_name_takes_precedence() {
    let traces = Traces::default();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(lines.clone())
        .map_event_format(lianlu::logs::json)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let root = traces.root("root");
    let _current = root.clone().attach();
    info!(trace_id = "mine", braces = "}\"{", "flat");
    let text = lines.text();
    assert_eq!(text.matches("\"trace_id\"").count(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["trace_id"], "mine");
    assert_eq!(line["braces"], "}\"{");
    assert_eq!(
        line["span_id"],
        root.span().span_context().span_id().to_string()
    );
}

#[tokio::test]
async fn text_lines_end_with_the_ids() {
    let traces = Traces::default();
    let root = traces.root("root");
    let ids = root.span().span_context().clone();
    let expected = format!(
        " trace_id={} span_id={} trace_flags={:02x}",
        ids.trace_id(),
        ids.span_id(),
        ids.trace_flags()
    );
    for ansi in [false, true] {
        let lines = Lines::default();
        let plain = Lines::default();
        let builder = |lines: &Lines| {
            tracing_subscriber::fmt()
                .without_time()
                .with_ansi(ansi)
                .with_writer(lines.clone())
        };
        let ours = builder(&lines).map_event_format(lianlu::logs::text);
        let ours = tracing::Dispatch::new(ours.finish());
        let theirs = tracing::Dispatch::new(builder(&plain).finish());
        let log = || {
            let _entered = info_span!("work", n = 1).entered();
            info!(paid = true, "done");
        };
        tracing::dispatcher::with_default(&theirs, log);
        tracing::dispatcher::with_default(&ours, log);
        assert_eq!(lines.text(), plain.text(), "no ids outside of a span");
        let _current = root.clone().attach();
        tracing::dispatcher::with_default(&ours, log);
        let line = lines.text().replacen(&plain.text(), "", 1);
        assert_eq!(line, format!("{}{expected}\n", plain.text().trim_end()));
        assert_eq!(line.contains('\u{1b}'), ansi);
    }
}

#[tokio::test]
async fn compact_and_pretty_lines_end_with_the_ids() {
    fn check<S: Subscriber + Send + Sync + 'static>(make: impl Fn(Lines) -> S) {
        let traces = Traces::default();
        let lines = Lines::default();
        let root = traces.root("root");
        let flags = format!(
            " trace_flags={:02x}",
            root.span().span_context().trace_flags()
        );
        let _current = root.attach();
        tracing::subscriber::with_default(make(lines.clone()), || info!("done"));
        let text = lines.text();
        assert!(text.contains("done"), "{text}");
        assert!(text.trim_end().ends_with(&flags), "{text}");
        assert!(text.ends_with('\n'), "{text}");
    }
    check(|lines| {
        let fmt = tracing_subscriber::fmt().with_writer(lines);
        fmt.compact().map_event_format(lianlu::logs::text).finish()
    });
    check(|lines| {
        let fmt = tracing_subscriber::fmt().with_writer(lines);
        fmt.pretty().map_event_format(lianlu::logs::text).finish()
    });
}

/// JSON lines with `CarryTrace`.
fn carrying() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let format = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(lines.clone())
        .map_event_format(lianlu::logs::json);
    let subscriber = tracing_subscriber::registry()
        .with(lianlu::logs::CarryTrace)
        .with(format)
        .with(tracing_subscriber::filter::LevelFilter::INFO);
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn spawned_tasks_with_a_span_log_the_ids_of_its_call() {
    let (lines, _guard) = carrying();
    let traces = Traces::default();
    let other = net::serve(Router::new()).await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_11);
    let address = net::serve_root(traces.server(), async move || {
        let bare = tokio::spawn(async { info!("without a span") });
        let work = async move {
            info!("in the task");
            tokio::task::yield_now().await;
            async { info!("deeper") }
                .instrument(info_span!("deeper"))
                .await;
            net::fetch(&client, other, "/").await;
        };
        // On another thread, which has no context left over.
        let span = info_span!("outer").in_scope(|| info_span!("work"));
        let task = work.instrument(span).with_current_subscriber();
        let handle = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || handle.block_on(task))
            .await
            .unwrap();
        bare.await.unwrap();
    })
    .await;
    let request = net::request(::http::Method::GET, address, "/");
    let response = net::send(::http::Version::HTTP_11, request).await;
    net::read(response).await.unwrap();
    let spans = traces.all(2).await;
    let server = traces::server(&spans);
    assert_in(&lines.named("in the task"), &server);
    assert_in(&lines.named("deeper"), &server);
    assert_outside(&lines.named("without a span"));
    traces::assert_child(&traces::client(&spans), &server);
    assert!(!opentelemetry::Context::current().has_active_span());
}

#[test]
fn the_current_context_takes_precedence_over_the_spans() {
    let (lines, _guard) = carrying();
    let traces = Traces::default();
    let (first, second) = (traces.root("first"), traces.root("second"));
    let before = info_span!("before");
    let (span, root) = {
        let _current = first.clone().attach();
        (info_span!("span"), info_span!(parent: None, "root"))
    };
    let child = info_span!(parent: &span, "child");
    {
        let _current = second.clone().attach();
        span.in_scope(|| info!("in the second"));
    }
    // Entered twice, and exited in another order.
    let outer = span.enter();
    let inner = child.enter();
    let again = span.enter();
    drop(outer);
    info!("still inside");
    drop(inner);
    drop(again);
    info!("left");
    child.in_scope(|| info!("in the child"));
    root.in_scope(|| info!("in the root"));
    before.in_scope(|| info!("in one from before"));
    for context in [&first, &second] {
        context.span().end();
    }
    let spans = traces.finished();
    let (first, second) = (
        traces::named(&spans, "first"),
        traces::named(&spans, "second"),
    );
    assert_in(&lines.named("in the second"), &second);
    assert_in(&lines.named("still inside"), &first);
    assert_in(&lines.named("in the child"), &first);
    for message in ["left", "in the root", "in one from before"] {
        assert_outside(&lines.named(message));
    }
}
