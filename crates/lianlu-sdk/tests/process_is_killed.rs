//! After a process was killed, the next one delivers its ended spans and its open calls.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, FlightRecorder, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanKind, Tracer, TracerProvider as _};

const PATIENCE: Duration = Duration::from_secs(20);
const CHILD: &str = "LIANLU_TEST_CHILD_DIR";

/// Unreachable, or reports everything that it receives.
struct Collector(Option<mpsc::Sender<Received>>);

#[derive(Debug, Clone, PartialEq)]
struct Received {
    name: String,
    kind: i32,
    scope: String,
    service: String,
    status: (i32, String),
    is_unfinished: bool,
    attributes: Vec<String>,
    duration: u64,
}

impl Export for Collector {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let Some(sender) = &self.0 else {
            return Err(Failure::temporary("connection refused"));
        };
        let resource = batch.parse_resource().unwrap();
        let service = resource
            .attributes()
            .map(Result::unwrap)
            .find(|attribute| attribute.key == "service.name")
            .map(|attribute| format!("{:?}", attribute.value));
        for scope in batch.scopes() {
            let name = scope.parse_scope().unwrap().name.to_owned();
            for span in scope.spans() {
                let span = span.unwrap();
                let keys = span.attributes().map(|it| it.unwrap().key.to_owned());
                let keys: Vec<_> = keys.collect();
                sender
                    .send(Received {
                        name: span.name.to_owned(),
                        kind: span.kind,
                        scope: name.clone(),
                        service: service.clone().unwrap_or_default(),
                        status: (span.status.code, span.status.message.to_owned()),
                        is_unfinished: keys.iter().any(|key| key == "lianlu.unfinished"),
                        attributes: keys,
                        duration: span
                            .end_unix_nanos
                            .checked_sub(span.start_unix_nanos)
                            .unwrap(),
                    })
                    .unwrap();
            }
        }
        Ok(())
    }
}

fn provider(dir: &Path, collector: Option<mpsc::Sender<Received>>) -> TracerProvider {
    TracerProvider::builder()
        .with_exporter(Collector(collector))
        .with_resource(
            opentelemetry_sdk::Resource::builder_empty()
                .with_service_name("shop")
                .build(),
        )
        .with_flight_recorder(FlightRecorder::new(dir))
        .build()
        .unwrap()
}

/// Runs in the child process; does nothing otherwise.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let provider = provider(Path::new(&dir), None);
    let tracer = provider.tracer("orders");
    for number in 0..2000 {
        let mut span = tracer.start(format!("ended {number}"));
        span.set_attribute(KeyValue::new("number", number));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| provider.tracer("other").start("ended elsewhere").end());
    });
    let mut open = tracer
        .span_builder("open")
        .with_kind(SpanKind::Server)
        .with_attributes([KeyValue::new("at.start", true)])
        .start(&tracer);
    open.set_attribute(KeyValue::new("later", "on"));
    open.update_name("open, and named");
    println!("\nready");
    std::thread::sleep(PATIENCE);
}

/// Starts the child process, and kills it when it is ready.
fn run_and_kill(dir: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "ready"));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn deliver(dir: &Path) -> (TracerProvider, Vec<Received>) {
    let (sender, receiver): (_, Receiver<Received>) = mpsc::channel();
    let provider = provider(dir, Some(sender));
    provider.flush(PATIENCE).unwrap();
    let received = receiver.try_iter().collect();
    (provider, received)
}

#[test]
fn ended_spans_and_open_calls_are_delivered() {
    let dir = tempfile::tempdir().unwrap();
    run_and_kill(dir.path());
    let (provider, received) = deliver(dir.path());
    assert_eq!(received.len(), 2002);
    for (number, span) in received.iter().take(2000).enumerate() {
        assert_eq!(span.name, format!("ended {number}"));
        assert_eq!(span.attributes, ["number"]);
    }
    for span in &received {
        assert!(span.service.contains("shop"), "{span:?}");
    }
    let elsewhere = received.iter().find(|span| span.name == "ended elsewhere");
    assert_eq!(elsewhere.unwrap().scope, "other");
    let open = received.iter().find(|span| span.is_unfinished).unwrap();
    assert_eq!(open.name, "open, and named");
    assert_eq!((open.kind, &*open.scope), (2, "orders"));
    assert_eq!(open.status, (2, "process ended".to_owned()));
    assert_eq!(open.attributes, ["at.start", "later", "lianlu.unfinished"]);
    assert!(open.duration < 60_000_000_000);
    let found = provider.handle().found();
    assert_eq!((found.spans, found.unfinished), (2002, 1));
    assert_eq!((found.damaged, found.torn), (0, 0));
    let counts = provider.handle().counts();
    assert_eq!((counts.started, counts.recovered), (2002, 2002));
    assert_eq!((counts.exported, counts.waiting), (2002, 0));
    provider.shutdown(PATIENCE).unwrap();

    // Nothing is left, and nothing is delivered twice.
    let (provider, received) = deliver(dir.path());
    assert_eq!(received, []);
    assert!(provider.handle().found().is_empty());
    provider.shutdown(PATIENCE).unwrap();
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[test]
fn several_crashes_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        run_and_kill(dir.path());
    }
    let (provider, received) = deliver(dir.path());
    assert_eq!(received.len(), 3 * 2002);
    assert_eq!(received.iter().filter(|span| span.is_unfinished).count(), 3);
    provider.shutdown(PATIENCE).unwrap();
}
