//! The context comes along to tasks, threads, streams and queues.

use lianlu::task::{self, Carried, FutureExt};
use lianlu::testing::Spans;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt, Tracer, TracerProvider};
use tokio::task::{JoinSet, LocalSet};
use tokio_stream::StreamExt;

/// The trace id, after a suspension.
async fn id() -> String {
    tokio::task::yield_now().await;
    lianlu::trace_id()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_tasks_and_threads() {
    let spans = Spans::new();
    let tracer = spans.tracer_provider().tracer("shop");
    let cx = Context::new().with_span(tracer.start("call"));
    let ids = async {
        let mut set = JoinSet::new();
        set.spawn(id().with_current_context());
        set.spawn_blocking(task::carry(lianlu::trace_id));
        let local = LocalSet::new();
        let in_local = local.spawn_local(id().with_current_context());
        let mut found = vec![
            task::spawn(id()).await.unwrap(),
            task::spawn(async { task::spawn(id()).await.unwrap() })
                .await
                .unwrap(),
            task::spawn_blocking(lianlu::trace_id).await.unwrap(),
            std::thread::spawn(task::carry(lianlu::trace_id))
                .join()
                .unwrap(),
        ];
        local.await;
        found.push(in_local.await.unwrap());
        found.extend(set.join_all().await);
        let stream = tokio_stream::iter([()]).map(|()| lianlu::trace_id());
        let stream = Box::pin(stream.with_current_context());
        let stream = tokio::spawn(stream.collect::<Vec<_>>());
        found.extend(stream.await.unwrap());
        found
    }
    .with_context(cx.clone())
    .await;
    let wanted = cx.span().span_context().trace_id().to_string();
    assert_eq!(ids, vec![wanted; 8]);
    // Without it, the trace is lost.
    let lost = async { tokio::spawn(id()).await }.with_context(cx).await;
    assert_eq!(lost.unwrap(), "");
}

/// A panic in a carried task or closure leaves its thread without the context.
#[tokio::test]
async fn is_gone_after_the_work() {
    let spans = Spans::new();
    let tracer = spans.tracer_provider().tracer("shop");
    let cx = Context::new().with_span(tracer.start("call"));
    let _current = cx.attach();
    let work = task::carry(|| panic!("on purpose"));
    let failing = task::spawn(async { panic!("on purpose") });
    let thread = std::thread::spawn(|| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
        lianlu::trace_id()
    });
    assert_eq!(thread.join().unwrap(), "");
    let before = lianlu::trace_id();
    failing.await.unwrap_err();
    assert_eq!(lianlu::trace_id(), before);
}

#[tokio::test]
async fn through_a_queue() {
    let spans = Spans::new();
    let tracer = spans.tracer_provider().tracer("shop");
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    for item in ["pear", "apple"] {
        tracer.in_span("order", |_| send.send(Carried::new(item)).unwrap());
    }
    send.send(Carried::new("nobody's")).unwrap();
    drop(send);
    let consumer = tokio::spawn(async move {
        let mut links = Vec::new();
        while let Some(carried) = receive.recv().await {
            links.extend(carried.link());
            carried.run(|item| tracer.start(item).end());
        }
        let batch = SpanBuilder::from_name("ship").with_links(links);
        batch.start_with_context(&tracer, &Context::new()).end();
    });
    consumer.await.unwrap();
    spans.wait(6).await.assert_snapshot(
        "
        nobody's
        order
          apple
        order
          pear
        ship
        | link to order
        | link to order
        ",
    );
}
