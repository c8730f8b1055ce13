//! One pipeline and several destinations: none waits for another, and each has counts of its own.

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
    taken: Arc<AtomicU64>,
    /// Where each batch's first byte is, to see whether the buffer is shared.
    places: Arc<Mutex<Vec<usize>>>,
}

impl Destination {
    fn new(name: &'static str, is_up: bool) -> Self {
        Self {
            name,
            is_up: Arc::new(AtomicBool::new(is_up)),
            taken: Arc::default(),
            places: Arc::default(),
        }
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }
}

impl Export for Destination {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        if !self.is_up.load(Ordering::SeqCst) {
            return Err(Failure::temporary("away"));
        }
        let scopes = batch.scopes();
        let runs = scopes.flat_map(|scope| {
            scope
                .runs()
                .map(|run| run.as_ptr() as usize)
                .collect::<Vec<_>>()
        });
        self.places.lock().unwrap().extend(runs);
        self.taken.fetch_add(batch.len() as u64, Ordering::SeqCst);
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
fn one_that_is_away_holds_up_nobody() {
    let (near, away) = (
        Destination::new("near", true),
        Destination::new("away", false),
    );
    let provider = TracerProvider::builder()
        .with_exporter(near.clone())
        .with_exporter(away.clone())
        .with_limits(limits())
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    assert_eq!(provider.handle().health(), Health::Working);
    spans(&provider, 1000);
    let error = provider.flush(Duration::from_secs(1)).unwrap_err();
    let wanted = FlushError::Timeout {
        waiting: 1000,
        reason: Some("away".to_owned()),
    };
    assert_eq!(error, wanted);
    assert_eq!((near.taken(), away.taken()), (1000, 0));
    assert_identity(&provider);
    let destinations = provider.handle().destinations();
    assert_eq!(destinations[0].name, "near");
    assert_eq!(destinations[0].counts.exported, 1000);
    assert_eq!(destinations[0].failing, None);
    assert_eq!(destinations[1].name, "away");
    assert_eq!(destinations[1].counts.waiting, 1000);
    assert_eq!(destinations[1].failing.as_deref(), Some("away"));
    // The one that is furthest behind.
    assert_eq!(provider.handle().counts().waiting, 1000);
    assert_eq!(
        provider.handle().health(),
        Health::Degraded(vec!["away".to_owned()])
    );

    away.is_up.store(true, Ordering::SeqCst);
    provider.flush(PATIENCE).unwrap();
    assert_eq!((near.taken(), away.taken()), (1000, 1000));
    assert_eq!(provider.handle().health(), Health::Working);
    assert_identity(&provider);
    // The same bytes, and not a copy for each.
    assert_eq!(*near.places.lock().unwrap(), *away.places.lock().unwrap());
    provider.shutdown(PATIENCE).unwrap();
    assert_eq!(provider.handle().health(), Health::Stopped);
}

/// Loses all.
struct Loses;

impl Export for Loses {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        Err(Failure::new(batch.len(), "no"))
    }
}

/// The one that has lost most is not the one that is waited for.
#[test]
fn who_waits_is_told_of_losers_or_not() {
    let provider = TracerProvider::builder()
        .with_exporter(Destination::new("away", false))
        .with_exporter(Loses)
        .with_limits(limits())
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    spans(&provider, 3);
    let _ = provider.flush(SHORT);
    let waits = FlushError::Timeout {
        waiting: 3,
        reason: Some("away".to_owned()),
    };
    assert_eq!(provider.flush(Duration::ZERO), Err(waits.clone()));
    assert_eq!(provider.flush(SHORT), Err(waits));
}

#[test]
fn after_a_restart_each_gets_what_it_has_not() {
    let dir = tempfile::tempdir().unwrap();
    let found = Arc::new(Mutex::new(Vec::new()));
    let start = |destinations: &[&Destination]| {
        let heard = Arc::clone(&found);
        let mut builder = TracerProvider::builder()
            .with_limits(limits())
            .with_flight_recorder(FlightRecorder::new(dir.path()))
            .with_loss_listener(move |notice| {
                if let PipelineEvent::RecorderFound(found) = notice {
                    heard.lock().unwrap().push(found.clone());
                }
            });
        for destination in destinations {
            builder = builder.with_exporter((*destination).clone());
        }
        builder.build().unwrap()
    };
    let (near, away) = (
        Destination::new("near", true),
        Destination::new("away", false),
    );
    let provider = start(&[&near, &away]);
    spans(&provider, 1000);
    provider.flush(Duration::from_secs(1)).unwrap_err();
    assert_eq!(provider.handle().counts().durable, 1000);
    provider.shutdown(SHORT).unwrap_err();
    // When the time is over the workers notice it, too.
    while provider.handle().health() != Health::Stopped {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((near.taken(), away.taken()), (1000, 0));
    // They wait for the next start, and are not lost.
    assert_identity(&provider);
    assert_eq!(provider.handle().counts().waiting, 1000);
    drop(provider);

    // In another order, with a third one. It has nothing yet either.
    let (near, away) = (
        Destination::new("near", true),
        Destination::new("away", true),
    );
    let third = Destination::new("third", true);
    let provider = start(&[&away, &third, &near]);
    provider.flush(PATIENCE).unwrap();
    assert_eq!((near.taken(), away.taken(), third.taken()), (0, 1000, 1000));
    assert_identity(&provider);
    let counts = provider.handle().counts();
    assert_eq!((counts.recovered, counts.exported), (1000, 1000));
    let found = found.lock().unwrap().clone();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].spans, found[0].unfinished), (1000, 0));
    provider.shutdown(PATIENCE).unwrap();
}
