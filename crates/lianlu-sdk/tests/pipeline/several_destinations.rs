//! Several destinations of one pipeline: none waits for another, and each has its own counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::{
    Batch, Export, Failure, FlightRecorder, FlushError, Health, Limits, PipelineEvent,
    TracerProvider,
};
use opentelemetry::trace::{Span, Tracer, TracerProvider as _};

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Destination {
    name: &'static str,
    is_up: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    /// The address of each batch's first byte, to detect shared buffers.
    addresses: Arc<Mutex<Vec<usize>>>,
}

impl Destination {
    fn new(name: &'static str, is_up: bool) -> Self {
        Self {
            name,
            is_up: Arc::new(AtomicBool::new(is_up)),
            accepted: Arc::default(),
            addresses: Arc::default(),
        }
    }

    fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Export for Destination {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        if !self.is_up.load(Ordering::SeqCst) {
            return Err(Failure::temporary("unreachable"));
        }
        let scopes = batch.scopes();
        let runs = scopes.flat_map(|scope| {
            scope
                .runs()
                .map(|run| run.as_ptr() as usize)
                .collect::<Vec<_>>()
        });
        self.addresses.lock().unwrap().extend(runs);
        self.accepted
            .fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    fn destination(&self) -> String {
        self.name.to_owned()
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    limits.retry_initial = Duration::from_millis(10);
    limits.retry_max = Duration::from_millis(20);
    limits
}

fn spans(provider: &TracerProvider, count: u64) {
    for _ in 0..count {
        provider.tracer("test").start("span").end();
    }
}

fn assert_identity(provider: &TracerProvider) {
    let handle = provider.handle();
    let all = handle.destinations().into_iter().map(|it| it.counts);
    for counts in all.chain([handle.counts()]) {
        let known = counts.open + counts.waiting + counts.exported + counts.dropped.total();
        assert_eq!(counts.started, known, "{counts}");
    }
}

#[test]
fn an_unreachable_destination_does_not_block_others() {
    let (near, unreachable) = (
        Destination::new("near", true),
        Destination::new("unreachable", false),
    );
    let provider = TracerProvider::builder()
        .with_exporter(near.clone())
        .with_exporter(unreachable.clone())
        .with_limits(limits())
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    assert_eq!(provider.handle().health(), Health::Working);
    spans(&provider, 1000);
    let error = provider.flush(Duration::from_secs(1)).unwrap_err();
    let wanted = FlushError::Timeout {
        waiting: 1000,
        reason: Some("unreachable".to_owned()),
    };
    assert_eq!(error, wanted);
    assert_eq!((near.accepted(), unreachable.accepted()), (1000, 0));
    assert_identity(&provider);
    let destinations = provider.handle().destinations();
    assert_eq!(destinations[0].name, "near");
    assert_eq!(destinations[0].counts.exported, 1000);
    assert_eq!(destinations[0].failing, None);
    assert_eq!(destinations[1].name, "unreachable");
    assert_eq!(destinations[1].counts.waiting, 1000);
    assert_eq!(destinations[1].failing.as_deref(), Some("unreachable"));
    // The destination that is furthest behind.
    assert_eq!(provider.handle().counts().waiting, 1000);
    assert_eq!(
        provider.handle().health(),
        Health::Degraded(vec!["unreachable".to_owned()])
    );

    unreachable.is_up.store(true, Ordering::SeqCst);
    provider.flush(PATIENCE).unwrap();
    assert_eq!((near.accepted(), unreachable.accepted()), (1000, 1000));
    assert_eq!(provider.handle().health(), Health::Working);
    assert_identity(&provider);
    // The buffers are shared, not copied.
    assert_eq!(
        *near.addresses.lock().unwrap(),
        *unreachable.addresses.lock().unwrap()
    );
    provider.shutdown(PATIENCE).unwrap();
    assert_eq!(provider.handle().health(), Health::Stopped);
}

/// Loses all spans.
struct Loses;

impl Export for Loses {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        Err(Failure::new(batch.len(), "no"))
    }
}

/// The destination with the most losses is not the one with the most waiting spans.
#[test]
fn a_flush_reports_losses_of_any_destination() {
    let provider = TracerProvider::builder()
        .with_exporter(Destination::new("unreachable", false))
        .with_exporter(Loses)
        .with_limits(limits())
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    spans(&provider, 3);
    let _ = provider.flush(SHORT);
    let waits = FlushError::Timeout {
        waiting: 3,
        reason: Some("unreachable".to_owned()),
    };
    assert_eq!(provider.flush(Duration::ZERO), Err(waits.clone()));
    assert_eq!(provider.flush(SHORT), Err(waits));
}

#[test]
fn after_a_restart_each_destination_gets_its_missing_spans() {
    let dir = tempfile::tempdir().unwrap();
    let report = Arc::new(Mutex::new(Vec::new()));
    let start = |destinations: &[&Destination]| {
        let received = Arc::clone(&report);
        let mut builder = TracerProvider::builder()
            .with_limits(limits())
            .with_flight_recorder(FlightRecorder::new(dir.path()))
            .with_loss_listener(move |event| {
                if let PipelineEvent::RecorderFound(report) = event {
                    received.lock().unwrap().push(report.clone());
                }
            });
        for destination in destinations {
            builder = builder.with_exporter((*destination).clone());
        }
        builder.build().unwrap()
    };
    let (near, unreachable) = (
        Destination::new("near", true),
        Destination::new("unreachable", false),
    );
    let provider = start(&[&near, &unreachable]);
    spans(&provider, 1000);
    provider.flush(Duration::from_secs(1)).unwrap_err();
    assert_eq!(provider.handle().counts().durable, 1000);
    provider.shutdown(SHORT).unwrap_err();
    // The workers stop soon after the timeout of `shutdown`.
    while provider.handle().health() != Health::Stopped {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((near.accepted(), unreachable.accepted()), (1000, 0));
    // The spans wait for the next start, and are not lost.
    assert_identity(&provider);
    assert_eq!(provider.handle().counts().waiting, 1000);
    drop(provider);

    // In another order, with a third destination, which has nothing yet.
    let (near, unreachable) = (
        Destination::new("near", true),
        Destination::new("unreachable", true),
    );
    let third = Destination::new("third", true);
    let provider = start(&[&unreachable, &third, &near]);
    provider.flush(PATIENCE).unwrap();
    assert_eq!(
        (near.accepted(), unreachable.accepted(), third.accepted()),
        (0, 1000, 1000)
    );
    assert_identity(&provider);
    let counts = provider.handle().counts();
    assert_eq!((counts.recovered, counts.exported), (1000, 1000));
    let report = report.lock().unwrap().clone();
    assert_eq!(report.len(), 1);
    assert_eq!((report[0].spans, report[0].unfinished), (1000, 0));
    provider.shutdown(PATIENCE).unwrap();
}
