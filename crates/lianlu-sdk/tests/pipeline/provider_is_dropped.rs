//! With the last provider and tracer the pipeline's thread ends, and what had ended before is exported still.

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

/// Tells how many spans it gets; its end is that of the thread that it is on.
struct Telling(Sender<usize>);

impl Export for Telling {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.send(batch.len()).unwrap();
        Ok(())
    }
}

fn provider() -> (TracerProvider, Handle, Receiver<usize>) {
    let (told, heard) = channel();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let provider = TracerProvider::builder()
        .with_exporter(Telling(told))
        .with_limits(limits)
        .build()
        .unwrap();
    let handle = provider.handle();
    (provider, handle, heard)
}

/// All that is exported until the exporter is gone.
#[track_caller]
fn until_the_end(heard: &Receiver<usize>) -> usize {
    let mut spans = 0;
    loop {
        match heard.recv_timeout(PATIENCE) {
            Ok(more) => spans += more,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return spans,
            Err(timeout) => panic!("the exporter is still there: {timeout}"),
        }
    }
}

#[track_caller]
fn is_running(heard: &Receiver<usize>) -> bool {
    match heard.recv_timeout(Duration::from_millis(50)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => true,
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => false,
        Ok(spans) => panic!("{spans} spans were exported"),
    }
}

#[test]
fn what_had_ended_is_exported() {
    let (provider, handle, heard) = provider();
    let tracer = provider.tracer("test");
    for _ in 0..3 {
        tracer.start("span").end();
    }
    drop(tracer);
    drop(provider);
    assert_eq!(until_the_end(&heard), 3);
    assert_eq!(handle.counts().exported, 3);
}

#[test]
fn a_tracer_is_enough_to_go_on() {
    let (provider, handle, heard) = provider();
    let tracer = provider.tracer("test");
    let other = tracer.clone();
    drop(provider);
    drop(tracer);
    assert!(is_running(&heard));
    let mut span = other.start("span");
    assert!(span.is_recording());
    span.end();
    handle.flush(PATIENCE).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), 1);
    assert!(is_running(&heard));
    drop(other);
    assert_eq!(until_the_end(&heard), 0);
}

#[test]
fn a_provider_is_enough_to_go_on() {
    let (provider, _, heard) = provider();
    let other = provider.clone();
    provider.tracer("test").start("span").end();
    drop(provider);
    assert!(is_running(&heard));
    other.tracer("test").start("span").end();
    drop(other);
    assert_eq!(until_the_end(&heard), 2);
}

/// Spans hold nobody up: the thread is gone before they are.
#[test]
fn an_open_span_is_lost_and_counted() {
    let (provider, handle, heard) = provider();
    let tracer = provider.tracer("test");
    let span = tracer.start("open");
    let context = Context::new().with_span(tracer.start("in a context"));
    drop(tracer);
    drop(provider);
    assert_eq!(until_the_end(&heard), 0);
    drop(span);
    context.span().end();
    drop(context);
    let counts = handle.counts();
    assert_eq!((counts.started, counts.open, counts.waiting), (2, 0, 0));
    assert_eq!(counts.dropped.after_shutdown, 2);
    assert!(handle.flush(PATIENCE).is_ok());
}

/// Threads that have recorded remember tracers, and keep no pipeline alive with that.
#[test]
fn threads_that_remember_it_do_not_keep_it() {
    let (provider, handle, heard) = provider();
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
    assert_eq!(until_the_end(&heard), 2);
    assert_eq!(handle.counts().exported, 2);
    go.send(()).unwrap();
    thread.join().unwrap();
}

/// What a user gave goes with the provider, whatever threads remember.
#[test]
fn its_sampler_goes_with_it() {
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
    let (told, heard) = channel();
    let provider = TracerProvider::builder()
        .with_exporter(Telling(told))
        .with_sampler(Box::new(Mine(Arc::clone(&held))) as Box<dyn ShouldSample>)
        .build()
        .unwrap();
    provider.tracer("test").start("span").end();
    assert!(Arc::strong_count(&held) > 1);
    drop(provider);
    assert_eq!(until_the_end(&heard), 1);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// On the exporter's own thread, too: that of the last one who holds the provider.
#[test]
fn by_the_exporter_itself() {
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
    let place = std::sync::Arc::default();
    let (told, heard) = channel();
    let provider = TracerProvider::builder()
        .with_exporter(Holding(None, std::sync::Arc::clone(&place), told))
        .build()
        .unwrap();
    provider.tracer("test").start("span").end();
    let handle = provider.handle();
    *place.lock().unwrap() = Some(provider);
    let _ = handle.flush(PATIENCE);
    assert_eq!(until_the_end(&heard), 1);
}
