//! When the last provider and tracer are dropped, the pipeline exports all ended spans and its
//! thread ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Handle, Limits, TracerProvider};
use opentelemetry::trace::{
    Link, Span as _, SpanKind, TraceContextExt, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::common::PATIENCE;

/// Reports the size of each batch; disconnects when its thread ends.
struct Reporting(Sender<usize>);

impl Export for Reporting {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.send(batch.len()).unwrap();
        Ok(())
    }
}

fn provider() -> (TracerProvider, Handle, Receiver<usize>) {
    let (sender, receiver) = channel();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let provider = TracerProvider::builder()
        .with_exporter(Reporting(sender))
        .with_limits(limits)
        .build()
        .unwrap();
    let handle = provider.handle();
    (provider, handle, receiver)
}

/// Sum of all exported spans until the exporter is dropped.
#[track_caller]
fn exported_until_the_end(receiver: &Receiver<usize>) -> usize {
    let mut spans = 0;
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(more) => spans += more,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return spans,
            Err(timeout) => panic!("the exporter is still there: {timeout}"),
        }
    }
}

#[track_caller]
fn is_running(receiver: &Receiver<usize>) -> bool {
    match receiver.recv_timeout(Duration::from_millis(50)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => true,
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => false,
        Ok(spans) => panic!("{spans} spans were exported"),
    }
}

#[test]
fn ended_spans_are_exported() {
    let (provider, handle, receiver) = provider();
    let tracer = provider.tracer("test");
    for _ in 0..3 {
        tracer.start("span").end();
    }
    drop(tracer);
    drop(provider);
    assert_eq!(exported_until_the_end(&receiver), 3);
    assert_eq!(handle.counts().exported, 3);
}

#[test]
fn a_tracer_keeps_the_pipeline_alive() {
    let (provider, handle, receiver) = provider();
    let tracer = provider.tracer("test");
    let other = tracer.clone();
    drop(provider);
    drop(tracer);
    assert!(is_running(&receiver));
    let mut span = other.start("span");
    assert!(span.is_recording());
    span.end();
    handle.flush(PATIENCE).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), 1);
    assert!(is_running(&receiver));
    drop(other);
    assert_eq!(exported_until_the_end(&receiver), 0);
}

#[test]
fn a_provider_keeps_the_pipeline_alive() {
    let (provider, _, receiver) = provider();
    let other = provider.clone();
    provider.tracer("test").start("span").end();
    drop(provider);
    assert!(is_running(&receiver));
    other.tracer("test").start("span").end();
    drop(other);
    assert_eq!(exported_until_the_end(&receiver), 2);
}

/// Open spans do not keep the thread alive.
#[test]
fn an_open_span_is_lost_and_counted() {
    let (provider, handle, receiver) = provider();
    let tracer = provider.tracer("test");
    let span = tracer.start("open");
    let context = Context::new().with_span(tracer.start("in a context"));
    drop(tracer);
    drop(provider);
    assert_eq!(exported_until_the_end(&receiver), 0);
    drop(span);
    context.span().end();
    drop(context);
    let counts = handle.counts();
    assert_eq!((counts.started, counts.open, counts.waiting), (2, 0, 0));
    assert_eq!(counts.dropped.after_shutdown, 2);
    assert!(handle.flush(PATIENCE).is_ok());
}

/// Thread-local references of threads that have recorded do not keep the pipeline alive.
#[test]
fn thread_locals_do_not_keep_the_pipeline_alive() {
    let (provider, handle, receiver) = provider();
    let (go, wait) = channel::<()>();
    let tracer = provider.tracer("test");
    let (ready, is_ready) = channel();
    let thread = std::thread::spawn(move || {
        tracer.start("span").end();
        drop(tracer);
        ready.send(()).unwrap();
        wait.recv().unwrap();
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    provider.tracer("test").start("span").end();
    drop(provider);
    assert_eq!(exported_until_the_end(&receiver), 2);
    assert_eq!(handle.counts().exported, 2);
    go.send(()).unwrap();
    thread.join().unwrap();
}

/// User-provided objects are dropped with the provider, despite thread-local references.
#[test]
fn the_sampler_is_dropped_with_the_provider() {
    #[derive(Debug, Clone)]
    struct Mine(#[expect(dead_code, reason = "it is held")] Arc<()>);
    impl ShouldSample for Mine {
        fn should_sample(
            &self,
            _: Option<&Context>,
            _: TraceId,
            _: &str,
            _: &SpanKind,
            _: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            }
        }
    }
    let held = Arc::new(());
    let (sender, receiver) = channel();
    let provider = TracerProvider::builder()
        .with_exporter(Reporting(sender))
        .with_sampler(Box::new(Mine(Arc::clone(&held))) as Box<dyn ShouldSample>)
        .build()
        .unwrap();
    provider.tracer("test").start("span").end();
    assert!(Arc::strong_count(&held) > 1);
    drop(provider);
    assert_eq!(exported_until_the_end(&receiver), 1);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Also if the last reference is dropped on the exporter's own thread.
#[test]
fn dropped_by_the_exporter_itself() {
    struct Holding(
        Option<TracerProvider>,
        std::sync::Arc<std::sync::Mutex<Option<TracerProvider>>>,
        Sender<usize>,
    );
    impl Export for Holding {
        fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
            self.0 = self.1.lock().unwrap().take();
            self.0 = None;
            self.2.send(batch.len()).unwrap();
            Ok(())
        }
    }
    let slot = std::sync::Arc::default();
    let (sender, receiver) = channel();
    let provider = TracerProvider::builder()
        .with_exporter(Holding(None, std::sync::Arc::clone(&slot), sender))
        .build()
        .unwrap();
    provider.tracer("test").start("span").end();
    let handle = provider.handle();
    *slot.lock().unwrap() = Some(provider);
    let _ = handle.flush(PATIENCE);
    assert_eq!(exported_until_the_end(&receiver), 1);
}
